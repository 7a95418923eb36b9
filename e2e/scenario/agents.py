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

AT_ONCE = 64
CONTACT_SECONDS = 10


class Agents:
    """Agents of one attempt: they register, start ranks that make one step, and stop when they are told. Those that are
    kept for the next attempt go on with it.

    `nodes`: their numbers, of an attempt that has all its agents from 0 on.
    """

    def __init__(self, cluster, url, run, attempt, nodes):
        secret = cluster.get(f"/api/v1/namespaces/default/secrets/run-{run}-a{attempt}")
        token = base64.b64decode(secret["data"]["LONGHAUL_AGENT_TOKEN"]).decode()
        self._host = urllib.parse.urlsplit(url).netloc
        self._path = f"/agent/v1/runs/{run}/attempts/"
        self._seq = dict.fromkeys(nodes, 0)
        self._attempts = dict.fromkeys(nodes, (attempt, token))
        self._done = {node: [] for node in nodes}
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
            while not self.over:
                self._await("start", self._round(
                    [{"kind": "registered", "host": "simulated", "pid": 1, "freePort": 29500}]))
                self._await("stop", set())
                self._await("next", self._round([{"kind": "all-exited", "reason": "stopped"}]))
                self._round([])
        except OSError:
            self.over = True  # the service has ended: so has the scenario

    def _await(self, kind, news):
        """One agent asks often: when it is told something, all are; whoever is told to drain stops."""
        last = time.monotonic()
        while not self.over and kind not in news:
            time.sleep(0.1)
            news = self._sync(self._scout(), [])
            if news or time.monotonic() - last > CONTACT_SECONDS:
                news |= self._round([])
                last = time.monotonic()
            if "drain" in news:
                news.add("stop")

    def _scout(self):
        return min(node for node in self._seq if node not in self.silent)

    def _round(self, records):
        """Lets every agent say the same; kinds of the commands that they are given."""
        nodes = [node for node in self._seq if node not in self.silent]
        return set().union(*self._pool.map(lambda node: self._sync(node, records), nodes))

    def _sync(self, node, records):
        """Kinds of the commands that an agent is given; `next` if it goes on with another attempt."""
        first = self._seq[node] + 1
        self._seq[node] += len(records)
        status, answer = self._post(node, {
            "epoch": self._epoch, "until": now(), "acknowledged": self._done[node],
            "records": [{**record, "seq": first + i, "at": now()} for i, record in enumerate(records)]})
        if status == 409 and "next" in answer:
            self._attempts[node] = answer["next"]["attempt"], answer["next"]["token"]
            self._seq[node], self._done[node] = 0, []
            return {"next"}
        if status in (409, 410):
            self.over = True
            return set()
        if status != 200:
            raise RuntimeError(f"the service answers agent {node} with {status}: {answer}")
        self._epoch = answer["epoch"]
        self._done[node] = [command["id"] for command in answer["commands"]]
        kinds = {command["kind"] for command in answer["commands"]}
        starts = [command for command in answer["commands"] if command["kind"] == "start"]
        for start in starts:
            self.node_ranks[node] = start["nodeRank"]
            if start["nodeRank"] == start["nodes"] - 1:
                self._sync(node, [step_line()])
        return kinds

    def _post(self, node, message):
        body = gzip.compress(json.dumps(message).encode(), 1)
        for patience in (0.1, 0.5, 2, None):
            try:
                if getattr(self._local, "connection", None) is None:
                    self._local.connection = http.client.HTTPConnection(self._host, timeout=60)
                attempt, token = self._attempts[node]
                self._local.connection.request("POST", f"{self._path}{attempt}/nodes/{node}/sync", body, {
                    "Authorization": f"Bearer {token}", "Content-Type": "application/json",
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
