"""A byte corpus as one long sequence of samples: manifest.json and shard files (docs/worker-protocol.md)."""

import json
import math
import pathlib

import numpy
import torch


class CorpusError(Exception):
    """The corpus cannot be used; the message says why."""


class Corpus:
    """Sample i is bytes [i * length, (i + 1) * length] of the shards in the manifest's order, from the start again
    at the end."""

    def __init__(self, directory, length):
        self._length = length
        root = pathlib.Path(directory)
        try:
            manifest = json.loads((root / "manifest.json").read_text())
            self.shards = [(entry["file"], entry["bytes"]) for entry in manifest["shards"]]
            parts = [numpy.fromfile(root / name, dtype=numpy.uint8) for name, _ in self.shards]
            self._bytes = numpy.concatenate(parts)
            self._validation = numpy.fromfile(root / manifest["validation"]["file"], dtype=numpy.uint8)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise CorpusError(f"{directory} is no corpus: {type(problem).__name__}: {problem};"
                              " build one with longhaul_agent.corpus") from problem
        for (name, size), part in zip(self.shards, parts):
            if len(part) != size:
                raise CorpusError(f"{root / name} has {len(part)} bytes, the manifest says {size}")
        self.samples = (len(self._bytes) - 1) // length
        if self.samples < 1 or len(self._validation) <= length:
            raise CorpusError(f"{directory} is shorter than one sample of {length} bytes")

    def batch(self, indices):
        """(inputs, targets), each (len(indices), length)."""
        return self._cut(self._bytes, indices, self.samples)

    def validation(self, indices):
        return self._cut(self._validation, indices, (len(self._validation) - 1) // self._length)

    def _cut(self, source, indices, samples):
        starts = [index % samples * self._length for index in indices]
        rows = numpy.stack([source[start:start + self._length + 1] for start in starts]).astype(numpy.int64)
        block = torch.from_numpy(rows)
        return block[:, :-1], block[:, 1:]

    def shards_of(self, first, end):
        """(name, firstSample, endSample) of every shard that samples [first, end) read from."""
        found, round_start = [], first // self.samples * self.samples
        while round_start < end:
            begin = 0
            for name, size in self.shards:
                low = round_start + begin // self._length
                high = round_start + min(self.samples, math.ceil((begin + size) / self._length))
                begin += size
                if low < end and first < high:
                    found.append((name, low, high))
            round_start += self.samples
        return found
