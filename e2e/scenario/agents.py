"""Plays the agents of a run whose pods are simulated."""
import base64
import concurrent.futures
import datetime
import gzip
import http.client
import json
import threading
import time
import urllib.parse

AT_ONCE = 8
CONTACT_SECONDS = 10


class Agents:
    """All agents of one attempt: they register, start ranks that make one step, and stop when they are told."""

    def __init__(self, cluster, url, run, attempt, nodes):
        secret = cluster.get(f"/api/v1/namespaces/default/secrets/run-{run}-a{attempt}")
        self._token = base64.b64decode(secret["data"]["LONGHAUL_AGENT_TOKEN"]).decode()
        self._host = urllib.parse.urlsplit(url).netloc
        self._path = f"/agent/v1/runs/{run}/attempts/{attempt}/nodes/"
        self._last = nodes - 1
        self._seq = dict.fromkeys(range(nodes), 0)
        self._done = {node: [] for node in range(nodes)}
        self._epoch = 0
        self._local = threading.local()
        self._pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        self.silent = set()
        self.node_ranks = {}  # by node, once it was told to start
        self.over = False
        threading.Thread(target=self._live, daemon=True).start()

    def _live(self):
        """Everybody registers, then is in touch now and then, at once when there is news."""
        try:
            news = self._round([{"kind": "registered", "host": "simulated", "pid": 1, "freePort": 29500}])
            while not self.over:
                end = time.monotonic() + CONTACT_SECONDS
                # One agent asks often: when it is told something, all are.
                while not self.over and not news and time.monotonic() < end:
                    time.sleep(0.1)
                    news = self._sync(self._scout(), [])
                stopped = "stop" in news or "drain" in news
                news = self._round([{"kind": "all-exited", "reason": "stopped"}] if stopped else [])
                self.over = self.over or stopped
        except OSError:
            self.over = True  # the service has ended: so has the scenario

    def _scout(self):
        return min(node for node in self._seq if node not in self.silent)

    def _round(self, records):
        """Lets every agent say the same; kinds of the commands that they are given."""
        nodes = [node for node in self._seq if node not in self.silent]
        return set().union(*self._pool.map(lambda node: self._sync(node, records), nodes))

    def _sync(self, node, records):
        """Kinds of the commands that an agent is given."""
        first = self._seq[node] + 1
        self._seq[node] += len(records)
        status, answer = self._post(node, {
            "epoch": self._epoch, "until": now(), "acknowledged": self._done[node],
            "records": [{**record, "seq": first + i, "at": now()} for i, record in enumerate(records)]})
        if status in (409, 410):
            self.over = True
            return set()
        if status != 200:
            raise RuntimeError(f"the service answers agent {node} with {status}: {answer}")
        self._epoch = answer["epoch"]
        self._done[node] = [command["id"] for command in answer["commands"]]
        kinds = {command["kind"] for command in answer["commands"]}
        self.node_ranks.update({node: c["nodeRank"] for c in answer["commands"] if c["kind"] == "start"})
        if "start" in kinds and node == self._last:
            self._sync(node, [step_line()])
        return kinds

    def _post(self, node, message):
        body = gzip.compress(json.dumps(message).encode(), 1)
        for patience in (0.1, 0.5, 2, None):
            try:
                if getattr(self._local, "connection", None) is None:
                    self._local.connection = http.client.HTTPConnection(self._host, timeout=60)
                self._local.connection.request("POST", f"{self._path}{node}/sync", body, {
                    "Authorization": f"Bearer {self._token}", "Content-Type": "application/json",
                    "Content-Encoding": "gzip"})
                answer = self._local.connection.getresponse()
                text = answer.read()
                if answer.status != 503 or patience is None:
                    return answer.status, json.loads(text or b"{}")
            except (OSError, http.client.HTTPException):
                self._local.connection = None
                if patience is None:
                    raise
            time.sleep(patience)
        raise AssertionError("the last try returns or raises")


def step_line():
    return {"kind": "log-line", "rank": 0, "stream": "stdout", "line":
            " iteration        1/  100000 | consumed samples: 1 | elapsed time per iteration (ms): 1.0 |"
            " learning rate: 1.000000E-03 | global batch size: 1 | lm loss: 5.000000E+00 | loss scale: 1.0 |"
            " grad norm: 1.000 | number of skipped iterations:   0 | number of nan iterations:   0 |"}


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
