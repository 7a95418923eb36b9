"""What trainers report besides their log: phase times, checkpoints, data shards, as JSON lines in a file per rank."""

import hashlib
import json
import pathlib
import queue
import threading


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
            path = self._directory / f"report-{rank}.jsonl"
            try:
                with open(path, "rb") as file:
                    file.seek(self._offsets.get(rank, 0))
                    data = file.read()
            except FileNotFoundError:
                continue
            complete = data[:data.rfind(b"\n") + 1]
            self._offsets[rank] = self._offsets.get(rank, 0) + len(complete)
            for line in complete.splitlines():
                try:
                    self._pass_on(rank, json.loads(line))
                except (ValueError, KeyError, TypeError):
                    self._report({"kind": "log-line", "rank": rank, "stream": "agent",
                                  "line": f"unreadable report: {line[:200]!r}"})

    def _pass_on(self, rank, entry):
        if entry["kind"] == "step":
            self._report({"kind": "rank-step", "rank": rank, "step": entry["step"],
                          "computeSeconds": entry["computeSeconds"],
                          "communicationSeconds": entry["communicationSeconds"],
                          "totalSeconds": entry["totalSeconds"]})
        elif entry["kind"] == "data":
            self._report({"kind": "data-shard", "shard": entry["shard"], "firstSample": entry["firstSample"],
                          "endSample": entry["endSample"]})
        elif entry["kind"] == "checkpoint":
            record = {"kind": "checkpoint", "rank": rank, "step": entry["step"], "state": "written",
                      "path": entry["path"], "consumedSamples": entry["consumedSamples"],
                      "seconds": entry["seconds"]}
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
