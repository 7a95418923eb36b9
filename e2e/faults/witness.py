#!/usr/bin/python3
"""Stands in for Python (LONGHAUL_PYTHON) and writes down, without agent or service, which workers were started and
every line that a trainer wrote.

In the directory WITNESS: `starts` has a JSON line per started agent or rank, with the living workers of other
attempts that it found; `lines-ATTEMPT-RANK` what the rank wrote to its standard output, written after it was handed
to the agent, so that a killed rank leaves at most one line that is known to the agent alone. While a file `pace`
is there, a trainer rests for so many seconds after each line.
"""
import contextlib
import io
import json
import os
import pathlib
import runpy
import sys
import time

WORKERS = {"longhaul_agent": "agent", "longhaul_trainer": "rank"}


def ticks(pid):
    """Start time of a living process in clock ticks since boot (proc(5)); None if it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])
    except (OSError, IndexError):
        return None


def note_start(directory, kind):
    starts = directory / "starts"
    attempt = int(os.environ["LONGHAUL_ATTEMPT"])
    earlier = [json.loads(line) for line in starts.read_text().splitlines()] if starts.exists() else []
    entry = {"kind": kind, "pid": os.getpid(), "started": ticks(os.getpid()), "attempt": attempt,
             "node": int(os.environ["LONGHAUL_NODE"]), "rank": int(os.environ.get("RANK", -1)),
             "beside": [other["pid"] for other in earlier
                        if other["attempt"] != attempt and ticks(other["pid"]) == other["started"]]}
    with open(starts, "ab", buffering=0) as file:
        file.write(json.dumps(entry).encode() + b"\n")


class Tee(io.TextIOBase):
    """Standard output by whole lines, each then copied to a file."""

    def __init__(self, copy, pace):
        self._copy = open(copy, "ab", buffering=0)
        self._pace = pace
        self._line = ""

    def write(self, text):
        self._line += text
        while "\n" in self._line:
            line, _, self._line = self._line.partition("\n")
            os.write(1, line.encode() + b"\n")
            self._copy.write(line.encode() + b"\n")
            with contextlib.suppress(FileNotFoundError):
                time.sleep(float(self._pace.read_text() or 0))
        return len(text)


def main():
    directory = pathlib.Path(os.environ["WITNESS"])
    module = sys.argv[2] if sys.argv[1:2] == ["-m"] else ""
    if module in WORKERS:
        note_start(directory, WORKERS[module])
    if module != "longhaul_trainer":
        os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
    sys.stdout = Tee(directory / f"lines-{os.environ['LONGHAUL_ATTEMPT']}-{os.environ['RANK']}", directory / "pace")
    sys.argv[:] = [module, *sys.argv[3:]]
    sys.path.pop(0)  # this file's directory
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
