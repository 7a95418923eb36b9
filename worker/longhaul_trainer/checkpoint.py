"""Sharded checkpoints `DIR/iter_0000050/`: complete once MANIFEST.json is there, which is written last."""

import hashlib
import json
import os
import pathlib
import threading
import time

import torch

PARTS_TIMEOUT_SECONDS = 300


class CheckpointError(Exception):
    """The checkpoint cannot be loaded; the message says why."""


def directory_of(root, step):
    return pathlib.Path(root) / f"iter_{step:07d}"


def latest(root):
    """Step of the newest complete checkpoint, 0 if there is none."""
    complete = [int(path.parent.name[5:]) for path in pathlib.Path(root).glob("iter_*/MANIFEST.json")]
    return max(complete, default=0)


class _HashingFile:
    """A file that knows the SHA-256 of what was written to it in order."""

    def __init__(self, path):
        self._file = open(path, "wb")
        self.digest = hashlib.sha256()

    def write(self, data):
        self.digest.update(data)
        return self._file.write(data)

    def flush(self):
        self._file.flush()

    def close(self):
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _write_json(path, value):
    draft = path.with_suffix(".new")
    with open(draft, "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def _sync_directory(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Saver:
    """Writes checkpoints in the background, one at a time: training only waits for the copy of its tensors."""

    def __init__(self, root, options, parallel, report):
        self._root, self._options, self._parallel, self._report = root, options, parallel, report
        self._thread = None
        self._problem = None

    def save(self, step, state, consumed_samples):
        """`state` holds copies. Raises what the last save ran into."""
        self.wait()
        begin = time.perf_counter()
        self._thread = threading.Thread(target=self._write, args=(step, state, consumed_samples, begin))
        self._thread.start()

    def wait(self):
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._problem is not None:
            problem, self._problem = self._problem, None
            raise problem

    def _write(self, step, state, consumed_samples, begin):
        try:
            directory = directory_of(self._root, step)
            directory.mkdir(parents=True, exist_ok=True)
            if self._parallel.rank == 0:
                (directory / "MANIFEST.json").unlink(missing_ok=True)
            attempt = f"{os.environ.get('LONGHAUL_ATTEMPT', '0')}"
            part = self._write_part(directory, attempt, step, state)
            if self._parallel.rank == 0:
                self._complete(directory, attempt, step, consumed_samples, part["state"], begin)
        except OSError as problem:
            self._problem = problem

    def _write_part(self, directory, attempt, step, state):
        p = self._parallel
        entries = []
        names = {"optimizer": f"optimizer-t{p.tensor_rank}-p{p.stage}-d{p.data_rank}.pt"}
        if p.data_rank == 0:
            names["weights"] = f"weights-t{p.tensor_rank}-p{p.stage}.pt"
        sharded = self._options.use_distributed_optimizer
        for kind, name in names.items():
            if kind == "optimizer" and not sharded and p.data_rank != 0:
                continue
            value = state["weights"] if kind == "weights" else {
                key: state[key] for key in ("low", "high", "first", "second")}
            draft = directory / f"{name}.new"
            file = _HashingFile(draft)
            torch.save(value, file)
            file.close()
            os.replace(draft, directory / name)
            entries.append({"file": name, "bytes": (directory / name).stat().st_size,
                            "sha256": file.digest.hexdigest()})
        part = {"attempt": attempt, "step": step, "files": entries, "state": {"updates": state["updates"]}}
        _write_json(directory / f"part-{p.rank}.json", part)
        return part

    def _complete(self, directory, attempt, step, consumed_samples, state, begin):
        files = []
        deadline = time.monotonic() + PARTS_TIMEOUT_SECONDS
        for rank in range(self._parallel.world):
            path = directory / f"part-{rank}.json"
            while True:
                try:
                    part = json.loads(path.read_text())
                    if part["attempt"] == attempt:
                        break
                except (OSError, ValueError):
                    part = None
                if time.monotonic() > deadline:
                    raise OSError(f"rank {rank} did not write its part of {directory}")
                time.sleep(0.01)
            files += part["files"]
        p = self._parallel
        manifest = {"step": step, "consumedSamples": consumed_samples, "updates": state["updates"],
                    "tensor": p.tensor_size, "pipeline": p.pipeline_size, "data": p.data_size, "files": files}
        _sync_directory(directory)
        _write_json(directory / "MANIFEST.json", manifest)
        _sync_directory(directory)
        self._report({"kind": "checkpoint", "step": step, "path": str(directory.resolve()),
                      "consumedSamples": consumed_samples, "seconds": time.perf_counter() - begin,
                      "state": "written"})


def load(root, step, optimizer, parallel):
    """Restores the optimizer and the weights; returns consumed samples. Any number of data ranks may have saved."""
    directory = directory_of(root, step)
    try:
        manifest = json.loads((directory / "MANIFEST.json").read_text())
        if (manifest["tensor"], manifest["pipeline"]) != (parallel.tensor_size, parallel.pipeline_size):
            raise CheckpointError(
                f"{directory} was saved with tensor {manifest['tensor']} x pipeline {manifest['pipeline']}, "
                f"this run has {parallel.tensor_size} x {parallel.pipeline_size}")
        place = f"t{parallel.tensor_rank}-p{parallel.stage}"
        weights, first, second = None, torch.zeros(optimizer.size), torch.zeros(optimizer.size)
        for entry in manifest["files"]:
            name = entry["file"]
            if not (name == f"weights-{place}.pt" or name.startswith(f"optimizer-{place}-")):
                continue
            if hashlib.sha256((directory / name).read_bytes()).hexdigest() != entry["sha256"]:
                raise CheckpointError(f"{directory / name} does not have the checksum of its manifest")
            value = torch.load(directory / name, map_location="cpu")
            if name.startswith("weights"):
                weights = value
            else:
                first[value["low"]:value["high"]] = value["first"]
                second[value["low"]:value["high"]] = value["second"]
        if weights is None or len(weights) != optimizer.size:
            raise CheckpointError(f"{directory} is of another model: its shape does not fit")
    except (OSError, ValueError, KeyError) as problem:
        raise CheckpointError(f"{directory} cannot be read: {problem!r}") from problem
    optimizer.restore(weights, first, second, manifest["updates"])
    return manifest["consumedSamples"]
