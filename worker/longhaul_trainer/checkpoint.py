"""Sharded checkpoints `DIR/iter_0000050/`: what MANIFEST.json names, which is written last.

Every file but the manifest has a name of its own for each attempt and start of the ranks: a checkpoint that is
saved again stays whole until the new one is, whenever the writers are killed.
"""

import hashlib
import io
import json
import os
import pathlib
import re
import threading
import time

import torch

PARTS_TIMEOUT_SECONDS = 300


class CheckpointError(Exception):
    """The checkpoint cannot be loaded; the message says why."""


def directory_of(root, step):
    return pathlib.Path(root) / f"iter_{step:07d}"


def model_of(options):
    """What makes weights belong to a model; by option name."""
    return {name: getattr(options, name) for name in (
        "num_layers", "hidden_size", "ffn_hidden_size", "num_attention_heads", "num_query_groups",
        "max_position_embeddings", "vocab_size", "swiglu", "untie_embeddings_and_output_weights")}


def latest(root):
    """Step of the newest complete checkpoint, 0 if there is none."""
    complete = [int(path.parent.name[5:]) for path in pathlib.Path(root).glob("iter_[0-9]*/MANIFEST.json")]
    return max(complete, default=0)


def _write_synced(path, data):
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _write_json(path, value):
    draft = path.with_suffix(".new")
    _write_synced(draft, json.dumps(value).encode())
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
        self._attempt = int(os.environ.get("LONGHAUL_ATTEMPT", "0"))
        self._suffix = f"{self._attempt}-{parallel.life:08x}"
        self._thread = None
        self._problem = None

    def save(self, step, state, position):
        """`state` holds copies; `position` is merged into the manifest. Raises what the last save ran into."""
        self.wait()
        begin = time.perf_counter()
        self._thread = threading.Thread(target=self._write, args=(step, state, position, begin))
        self._thread.start()

    def wait(self):
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._problem is not None:
            problem, self._problem = self._problem, None
            raise problem

    def _write(self, step, state, position, begin):
        try:
            directory = directory_of(self._root, step)
            directory.mkdir(parents=True, exist_ok=True)
            self._write_part(directory, state)
            if self._parallel.rank == 0:
                self._complete(directory, {"step": step, **position, "updates": state["updates"]}, begin)
        except Exception as problem:
            self._problem = problem  # for the training thread

    def _write_part(self, directory, state):
        p = self._parallel
        parts = {}
        if p.data_rank == 0:
            parts["weights"] = (f"weights-t{p.tensor_rank}-p{p.stage}", state["weights"])
        if p.data_rank == 0 or self._options.use_distributed_optimizer:
            parts["optimizer"] = (f"optimizer-t{p.tensor_rank}-p{p.stage}-d{p.data_rank}",
                                  {key: state[key] for key in ("low", "high", "first", "second")})
        entries = []
        for content, (stem, value) in parts.items():
            name = f"{stem}-{self._suffix}.pt"
            # By way of memory: torch's own writer ends the process when the disk is full.
            buffer = io.BytesIO()
            torch.save(value, buffer)
            data = buffer.getbuffer()
            _write_synced(directory / name, data)
            entries.append({"file": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
                            "content": content, "tensorRank": p.tensor_rank, "stage": p.stage})
        _write_json(self._part(directory, p.rank), entries)

    def _part(self, directory, rank):
        return directory / f"part-{rank}-{self._suffix}.json"

    def _complete(self, directory, facts, begin):
        p = self._parallel
        files = []
        deadline = time.monotonic() + PARTS_TIMEOUT_SECONDS
        for rank in range(p.world):
            path = self._part(directory, rank)
            while not path.exists():
                if time.monotonic() > deadline:
                    raise OSError(f"rank {rank} did not write its part of {directory}")
                time.sleep(0.01)
            files += json.loads(path.read_text())
        manifest = directory / "MANIFEST.json"
        if manifest.exists() and json.loads(manifest.read_text())["attempt"] > self._attempt:
            raise OSError(f"{directory} was saved by a newer attempt than {self._attempt}, which this one gives way to")
        _sync_directory(directory)
        _write_json(manifest, {**facts, "attempt": self._attempt, "tensor": p.tensor_size, "pipeline": p.pipeline_size,
                               "data": p.data_size, "model": model_of(self._options), "files": files})
        _sync_directory(directory)
        self._clear(directory, {entry["file"] for entry in files})
        self._report({"kind": "checkpoint", "step": facts["step"], "path": str(directory.resolve()),
                      "consumedSamples": facts["consumedSamples"], "seconds": time.perf_counter() - begin,
                      "state": "written"})

    def _clear(self, directory, keep):
        """Deletes what the manifest does not name, but nothing that a newer attempt may be writing."""
        for path in directory.iterdir():
            attempt = re.search(r"-(\d+)-[0-9a-f]{8}\.\w+$", path.name)
            if attempt and int(attempt[1]) <= self._attempt and path.name not in keep:
                path.unlink(missing_ok=True)


def load(root, step, optimizer, parallel, options):
    """Restores the optimizer and the weights; returns the manifest. Any number of data ranks may have saved."""
    directory = directory_of(root, step)
    try:
        manifest = json.loads((directory / "MANIFEST.json").read_text())
        if (manifest["tensor"], manifest["pipeline"]) != (parallel.tensor_size, parallel.pipeline_size):
            raise CheckpointError(
                f"{directory} was saved with tensor {manifest['tensor']} x pipeline {manifest['pipeline']}, "
                f"this run has {parallel.tensor_size} x {parallel.pipeline_size}")
        other = [f"--{name.replace('_', '-')} {manifest['model'].get(name)}, here {value}"
                 for name, value in model_of(options).items() if manifest["model"].get(name) != value]
        if other:
            raise CheckpointError(f"{directory} is of another model: {'; '.join(other)}")
        first, second = torch.zeros(optimizer.size), torch.zeros(optimizer.size)
        for entry in manifest["files"]:
            if (entry["tensorRank"], entry["stage"]) != (parallel.tensor_rank, parallel.stage):
                continue
            data = (directory / entry["file"]).read_bytes()
            if hashlib.sha256(data).hexdigest() != entry["sha256"]:
                raise CheckpointError(f"{directory / entry['file']} does not have the checksum of its manifest")
            value = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            if entry["content"] == "weights":
                weights = value
            else:
                first[value["low"]:value["high"]] = value["first"]
                second[value["low"]:value["high"]] = value["second"]
        optimizer.restore(weights, first, second, manifest["updates"])
        return manifest
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise CheckpointError(f"{directory} cannot be read: {type(problem).__name__}: {problem}") from problem
