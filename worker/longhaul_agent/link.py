"""The agent's HTTP channel to the service."""

import contextlib
import gzip
import http.client
import json
import urllib.parse

TIMEOUT_SECONDS = 10


class Unreachable(Exception):
    """The service did not answer as it should; try again later."""


class AttemptOver(Exception):
    """The service says that this attempt must not live any more. `next`: number and token of the attempt that the agent
    goes on with, None if it is to leave."""

    def __init__(self, text):
        super().__init__(text)
        self.next = None
        with contextlib.suppress(ValueError, TypeError, KeyError):
            following = json.loads(text)["next"]
            self.next = int(following["attempt"]), str(following["token"])


def _answer(answer):
    """The answer, if it is one. Raises ValueError."""
    if not (isinstance(answer, dict) and type(answer.get("ack")) is int and type(answer.get("epoch")) is int
            and isinstance(answer.get("commands"), list)):
        raise ValueError("not an answer: ack, epoch or commands missing")
    for command in answer["commands"]:
        if not (isinstance(command, dict) and {"id", "epoch", "kind"} <= command.keys()):
            raise ValueError(f"not a command: {command}")
    return answer


class Link:
    """One keep-alive connection; not for several threads."""

    def __init__(self, url, token, run, attempt, node):
        parts = urllib.parse.urlsplit(url)
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host = parts.netloc
        self._path = f"{parts.path.rstrip('/')}/agent/v1/runs/{run}/attempts/{attempt}/nodes/{node}/sync"
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
        }
        self._connection = None

    def sync(self, epoch, acknowledged, records, until):
        """Sends records (JSON texts) and up to when they are complete; returns the service's answer as a dictionary.

        Raises Unreachable or AttemptOver.
        """
        head = json.dumps({"epoch": epoch, "acknowledged": acknowledged, **({"until": until} if until else {})})
        body = f'{head[:-1]},"records":[{",".join(records)}]}}'.encode("utf-8")
        try:
            if self._connection is None:
                self._connection = self._connect(self._host, timeout=TIMEOUT_SECONDS)
            self._connection.request("POST", self._path, gzip.compress(body, 3), self._headers)
            response = self._connection.getresponse()
            text = response.read()
            if response.status == 200:
                return _answer(json.loads(text))
        except (OSError, http.client.HTTPException, ValueError) as problem:
            self.close()
            raise Unreachable(str(problem)) from problem
        if response.status in (409, 410):
            raise AttemptOver(text.decode("utf-8", errors="replace"))
        self.close()
        raise Unreachable(f"status {response.status}: {text[:200]!r}")

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None
