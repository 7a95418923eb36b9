"""A service for agents under test, which can misbehave, and agents as real processes."""

import gzip
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

WORKER = pathlib.Path(__file__).parents[2]
PATIENCE_SECONDS = 60
TOKEN = "secret-token"
# The agent as it is, with shorter waits.
HASTY = """
import sys
from longhaul_agent import __main__, agent
agent.SYNC_SECONDS, agent.IDLE_SYNC_SECONDS, agent.BACK_OFF_SECONDS = 0.05, 0.1, 0.1
agent.SIBLING_GRACE_SECONDS = 0.5
sys.exit(__main__.main())
"""


def until(condition, what):
    """Waits for a condition with a generous limit; returns its value."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.01)


def small_disk(case, directory, size):
    """Mounts an empty file system of `size` bytes for the time of a test; skips the test where that cannot be."""
    if os.geteuid() != 0:
        case.skipTest("a small file system can only be mounted by root")
    directory.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "longhaul-test", str(directory)],
                             capture_output=True, text=True)
    if mounted.returncode:
        case.skipTest(f"cannot mount a small file system: {mounted.stderr.strip()}")
    case.addCleanup(subprocess.run, ["umount", "-l", str(directory)])


class FakeService:
    """Stores records as the real one does: in the order of their numbers, each number once.

    `hurdles`: names of misbehaviours for the next requests, one each; then it behaves. `over`: attempts that have ended,
    with what their agents are told.
    """

    def __init__(self):
        self.stored = []
        self.requests = []
        self.refused = []
        self.complete_until = ""
        self.acknowledged = []
        self.commands = []
        self.hurdles = []
        self.always = None
        self.over = {}
        self.epoch = 7
        self.lock = threading.Lock()
        self.server = None
        self.port = 0
        self.open()

    def open(self):
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                service.answer(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        """Away: connections are refused."""
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        message = json.loads(gzip.decompress(body))
        with self.lock:
            hurdle = self.always or (self.hurdles.pop(0) if self.hurdles else "none")
            self.requests.append({"path": handler.path, "headers": dict(handler.headers), "message": message,
                                  "bytes": len(gzip.decompress(body)), "hurdle": hurdle})
            ended = handler.path.split("/")[6]
            if ended in self.over:
                return self.send(handler, 409, json.dumps({"code": "attempt-ended", **self.over[ended]}).encode())
            if isinstance(hurdle, int):
                return self.send(handler, hurdle, b'{"code":"as-told"}')
            if hurdle == "hang-up":
                handler.close_connection = True
                return None
            if hurdle == "not-json":
                return self.send(handler, 200, b"<html>a proxy's page</html>")
            if hurdle == "not-an-answer":
                return self.send(handler, 200, b'{"commands":[{"kind":"stop"}],"epoch":7,"ack":1000000}')
            if hurdle == "old-epoch":
                return self.send(handler, 200, json.dumps(
                    {"ack": 10 ** 6, "epoch": self.epoch - 1, "commands": self.commands}).encode())
            records = message["records"]
            if hurdle == "stores-half":
                records = records[:len(records) // 2]
            if hurdle != "forgets-acknowledgements":
                self.acknowledged += message["acknowledged"]
                self.commands = [c for c in self.commands if c["id"] not in message["acknowledged"]]
            for record in records:
                self.store(record)
            if hurdle != "stores-half":
                self.complete_until = message.get("until", self.complete_until)
            answer = json.dumps({"ack": len(self.stored), "epoch": self.epoch, "commands": self.commands}).encode()
            if hurdle == "stores-then-drops":
                handler.send_response(200)
                handler.send_header("Content-Length", str(len(answer)))
                handler.end_headers()
                handler.wfile.write(answer[:len(answer) // 2])
                handler.close_connection = True
                return None
            return self.send(handler, 200, answer)

    def store(self, record):
        if record["seq"] == len(self.stored) + 1:
            if record["at"] < self.complete_until:
                self.refused.append(f"said to be complete until {self.complete_until} before {record}")
            self.stored.append(record)
        elif record["seq"] > len(self.stored):
            self.refused.append(f"gap before {record}")
        elif self.stored[record["seq"] - 1] != record:
            self.refused.append(f"another record under the same number: {record}")

    @staticmethod
    def send(handler, status, body):
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def of(self, kind):
        with self.lock:
            return [record for record in self.stored if record["kind"] == kind]

    def lines(self, stream="stdout"):
        return [record["line"] for record in self.of("log-line") if record["stream"] == stream]

    def heard(self):
        with self.lock:
            return len(self.requests)


class AgentCase(unittest.TestCase):
    """A directory, a service and agents that end with the test."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="longhaul-agent-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.state = self.directory / "node-0"
        self.service = FakeService()
        self.addCleanup(self.service.close)
        self.ids = 0

    def agent(self, node=0, output=None, **environment):
        (self.directory / "agent.out").touch()
        log = open(output or self.directory / "agent.out", "ab")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [sys.executable, "-c", HASTY], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, "PYTHONPATH": str(WORKER), "LONGHAUL_AGENT_TOKEN": TOKEN, "LONGHAUL_RUN": "run-1",
                 "LONGHAUL_SERVICE_URL": f"http://127.0.0.1:{self.service.port}", "LONGHAUL_ATTEMPT": "3",
                 "LONGHAUL_NODE": str(node), "LONGHAUL_EPOCH": "7", "LONGHAUL_STATE_DIR": str(self.state),
                 **environment})
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait()

    def command(self, kind, **fields):
        """Lets the service ask something of the agent; returns the command's id."""
        self.ids += 1
        command = {"id": f"{kind}-{self.ids}", "epoch": 7, "kind": kind, **fields}
        with self.service.lock:
            self.service.commands.append(command)
        return command["id"]

    def start(self, code, **fields):
        """Asks for ranks that run Python code."""
        defaults = {"command": [sys.executable, "-S", "-c", code], "environment": {}, "nodes": 1, "nodeRank": 0,
                    "ranksPerNode": 1, "masterAddress": "127.0.0.1", "masterPort": 29500, "resumeStep": 0}
        return self.command("start", **{**defaults, **fields})

    def obeyed(self, command):
        until(lambda: command in self.service.acknowledged, f"{command} to be acknowledged")

    def ended(self, process, code=0):
        """Waits for the agent's own end with this exit code; returns the reason that it gave."""
        until(lambda: process.poll() is not None, "the agent to leave")
        self.assertEqual(code, process.returncode, (self.directory / "agent.out").read_text())
        self.assertEqual([], self.service.refused)
        last = self.service.of("all-exited")
        self.assertEqual(1, len(last))
        self.assertEqual(last[0], self.service.stored[-1], "all-exited is the last word")
        return last[0]["reason"]

    def rank_pids(self):
        return [record["pid"] for record in self.service.of("rank-started")]

    def dead(self, pid):
        def gone():
            try:
                with open(f"/proc/{pid}/stat", encoding="latin-1") as stat:
                    return stat.read().rpartition(")")[2].split()[0] in "ZX"
            except OSError:
                return True

        until(gone, f"process {pid} to die")

    def kill(self, process):
        """kill -9 of an agent."""
        process.send_signal(signal.SIGKILL)
        process.wait()
