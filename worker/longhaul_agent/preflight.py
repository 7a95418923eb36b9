"""Tests of a node's devices before its ranks start, in processes of their own, and what they report."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from .ranks import die_with_parent, rank_environment

PROGRAM = "longhaul_trainer.preflight"
VARIABLE = "LONGHAUL_PREFLIGHT_SECONDS"
# Twice the time that two tests take, and what libraries and the process group need to begin.
FACTOR, START_SECONDS = 4, 120
LAST_WORDS = 300


def wanted(start):
    """Seconds per test that a start command asks for, 0 for none."""
    try:
        return max(0.0, float(start["environment"].get(VARIABLE, "0")))
    except ValueError:
        return 0.0


class Preflight:
    """Runs one test per rank of the node; `report(record)` is called with each result and `done()` after the last."""

    def __init__(self, start, directory, report, done):
        self._start, self._directory, self._report, self._done = start, pathlib.Path(directory), report, done
        self._processes = []
        self._lock = threading.Lock()
        self._stopped = False
        self.finished = False
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            self._test()
        except OSError as problem:
            self._say(f"no preflight: {problem}")
        self.finished = True
        self._done()

    def _test(self):
        seconds, parent = wanted(self._start), os.getpid()
        python = self._start["command"][0]
        if not os.path.basename(python).startswith("python"):
            python = sys.executable
        tests = []
        for local_rank in range(self._start["ranksPerNode"]):
            rank, environment = rank_environment(self._start, local_rank, self._directory)
            environment["PYTHONPATH"] = os.pathsep.join(
                [str(pathlib.Path(__file__).parents[1]), *filter(None, [environment.get("PYTHONPATH")])])
            out, log = (self._directory / f"preflight-{rank}.{kind}" for kind in ("json", "log"))
            out.unlink(missing_ok=True)
            with open(log, "wb") as errors, self._lock:
                if self._stopped:
                    return
                process = subprocess.Popen(
                    [python, "-m", PROGRAM, "--seconds", str(seconds), "--out", str(out)], env=environment,
                    cwd=self._directory, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True,
                    preexec_fn=lambda: die_with_parent(parent))
                self._processes.append(process)
            tests.append((rank, process, out, log))
        end = time.monotonic() + FACTOR * seconds + START_SECONDS
        for rank, process, out, log in tests:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._kill(process)
            if not self._stopped:
                self._tell(rank, process.wait(), out, log)

    def _tell(self, rank, code, out, log):
        record = {"kind": "preflight", "rank": rank, "values": {}, "wrong": "", "problem": ""}
        try:
            result = json.loads(out.read_text())
            record["values"] = {name: float(value) for name, value in result["values"].items()}
            record["wrong"] = str(result["wrong"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            words = log.read_text("utf-8", "replace").strip()[-LAST_WORDS:]
            if code == 3:
                return self._say(f"no preflight: {words}")
            record["problem"] = ("did not end in time" if code == -signal.SIGKILL else f"ended with {code}") + (
                f": {words}" if words else "")
        return self._report(record)

    def _say(self, line):
        self._report({"kind": "log-line", "rank": 0, "stream": "agent", "line": line})

    @staticmethod
    def _kill(process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def stop(self):
        """Ends the tests; nothing more is reported of them."""
        with self._lock:
            self._stopped = True
            for process in self._processes:
                if process.poll() is None:
                    self._kill(process)
