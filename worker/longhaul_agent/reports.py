"""What trainers report besides their log: phase times, checkpoints, data shards, as JSON lines in a file per rank."""

import hashlib
import json
import math
import pathlib
import queue
import threading

MOST_METRICS, NAME_LIMIT, MOST_GROUPS = 64, 128, 64
PHASES = ("data", "compute", "collective", "checkpoint", "evaluation", "unknown")


def verify_checkpoint(path):
    """Reads a checkpoint back against its MANIFEST.json; returns None, or what is wrong with it."""
    directory = pathlib.Path(path)
    try:
        manifest = json.loads((directory / "MANIFEST.json").read_text())
        for entry in manifest["files"]:
            digest = hashlib.sha256()
            with open(directory / entry["file"], "rb") as data:
                while block := data.read(1 << 20):
                    digest.update(block)
            if digest.hexdigest() != entry["sha256"]:
                return f"{entry['file']} does not have the checksum of the manifest"
    except (OSError, ValueError, KeyError, TypeError) as problem:
        return f"cannot be read: {problem}"
    return None


# One value that the service cannot read would make it refuse the whole batch, for ever: so they are checked here.
def _whole(entry, name):
    value = entry[name]
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(name)
    return value


def _seconds(entry, name):
    value = entry[name]
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise ValueError(name)
    return value


def _text(entry, name):
    value = entry[name]
    if type(value) is not str:
        raise ValueError(name)
    value.encode("utf-8")  # a lone surrogate is JSON, but no UTF-8
    return value


def _metrics(values):
    """Names of metrics and their values; those that are not finite are what the loss tells, too."""
    if type(values) is not dict or len(values) > MOST_METRICS:
        raise ValueError("values")
    for name, value in values.items():
        if type(value) not in (int, float) or len(name) > NAME_LIMIT:
            raise ValueError(name[:NAME_LIMIT])
        name.encode("utf-8")  # as above
    return {name: value for name, value in values.items() if abs(value) < 1e300}


def _groups(groups):
    """How far the rank is in each of its groups."""
    if type(groups) is not list or len(groups) > MOST_GROUPS:
        raise ValueError("groups")
    told = [{name: _whole(group, name) for name in ("group", "entered", "finished")} for group in groups]
    if any(group["finished"] > group["entered"] or group["group"] >= 1 << 31 for group in told):
        raise ValueError("groups")
    return told


class Reports:
    """Follows the report files of the node's ranks; `poll` is to be called again and again from one thread."""

    def __init__(self, directory, report):
        self._directory = directory
        self._report = report
        self._offsets = {}
        self._written = queue.Queue()
        self._verifier = threading.Thread(target=self._verify, daemon=True)
        self._verifier.start()

    def poll(self, ranks):
        """Passes on every complete line that was added since the last call."""
        for rank in ranks:
            try:
                with open(self._directory / f"report-{rank}.jsonl", "rb") as file:
                    file.seek(self._offsets.get(rank, 0))
                    data = file.read()
            except OSError:
                continue  # not there yet; if it cannot be read, the trainer's log and end are still reported
            complete = data[:data.rfind(b"\n") + 1]
            self._offsets[rank] = self._offsets.get(rank, 0) + len(complete)
            for line in complete.split(b"\n")[:-1]:
                try:
                    self._pass_on(rank, json.loads(line))
                except (ValueError, KeyError, TypeError):
                    self._report({"kind": "log-line", "rank": rank, "stream": "agent",
                                  "line": f"unreadable report: {line[:200]!r}"})

    def _pass_on(self, rank, entry):
        kind = entry["kind"]
        if kind == "step":
            self._report({"kind": "rank-step", "rank": rank, "step": _whole(entry, "step"),
                          "computeSeconds": _seconds(entry, "computeSeconds"),
                          "communicationSeconds": _seconds(entry, "communicationSeconds"),
                          "totalSeconds": _seconds(entry, "totalSeconds")})
        elif kind == "metrics":
            self._report({"kind": "metrics", "rank": rank, "step": _whole(entry, "step"),
                          "values": _metrics(entry["values"])})
        elif kind == "collectives":
            if entry["phase"] not in PHASES:
                raise ValueError("phase")
            self._report({"kind": "collectives", "rank": rank, "phase": entry["phase"],
                          "groups": _groups(entry["groups"])})
        elif kind == "data":
            self._report({"kind": "data-shard", "shard": _text(entry, "shard"),
                          "firstSample": _whole(entry, "firstSample"), "endSample": _whole(entry, "endSample")})
        elif kind == "checkpoint":
            record = {"kind": "checkpoint", "rank": rank, "step": _whole(entry, "step"), "state": "written",
                      "path": _text(entry, "path"), "consumedSamples": _whole(entry, "consumedSamples"),
                      "seconds": _seconds(entry, "seconds")}
            self._report(dict(record))
            self._written.put(record)

    def _verify(self):
        while True:
            record = self._written.get()
            problem = verify_checkpoint(record["path"])
            record["state"] = "verified" if problem is None else "failed"
            if problem is not None:
                record["problem"] = problem
            self._report(record)
            self._written.task_done()

    def finish(self):
        """Waits until every written checkpoint was read back."""
        self._written.join()
