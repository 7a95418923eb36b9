"""Records on their way to the service, kept on disk until the service has stored them."""

import json
import os
import pathlib
import threading

SEGMENT_BYTES = 4 << 20


class Spool:
    """Append-only segment files `spool/<first seq>.jsonl` in a directory of the agent's own.

    A record gets the next sequence number and is written before it can be sent, so that a restarted agent goes
    on where the last one stopped. Safe for several threads. While the disk is full records wait in memory and
    nothing is sent that is not on disk. `found`: kinds of the records that an earlier agent left, the last ones
    that it wrote always among them.
    """

    def __init__(self, directory, clock):
        """`clock()`: the time as text."""
        self._directory = pathlib.Path(directory)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._lock = threading.Lock()
        self._records = []
        self._unwritten = []
        self._file = None
        self._segment_bytes = 0
        highest = self._directory / "highest"
        stored = int(highest.read_text()) if highest.exists() else 0
        self._next = stored + 1
        self.found = set()
        for path in self._segments():
            self._load(path, stored)

    def _load(self, path, stored):
        data = path.read_bytes()
        whole = data[:data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            # The torn last line of an agent that died while writing; it was never sent.
            os.truncate(path, len(whole))
        for line in whole.decode("utf-8").split("\n")[:-1]:
            record = json.loads(line)
            seq = record["seq"]
            self.found.add(record["kind"])
            if seq > stored:
                self._records.append((seq, line))
            self._next = max(self._next, seq + 1)

    def _segments(self):
        return sorted(self._directory.glob("*.jsonl"), key=lambda path: int(path.stem))

    def append(self, record):
        """Numbers and dates the record and keeps it."""
        with self._lock:
            record["seq"], record["at"] = self._next, self._clock()
            self._next += 1
            self._unwritten.append((record["seq"], json.dumps(record, separators=(",", ":"), ensure_ascii=False)))
            self._write()

    def _write(self):
        while self._unwritten:
            seq, line = self._unwritten[0]
            data = (line + "\n").encode("utf-8")
            try:
                if self._file is None or self._segment_bytes > SEGMENT_BYTES:
                    self._open(seq)
                if self._file.write(data) < len(data):  # a disk that is nearly full takes a part
                    raise OSError("no space for a whole record")
            except OSError:
                self._cut_off()
                return
            self._segment_bytes += len(data)
            self._records.append(self._unwritten.pop(0))

    def _open(self, seq):
        if self._file is not None:
            self._file.close()
            self._file = None
        self._file = open(self._directory / f"{seq}.jsonl", "ab", buffering=0)
        self._segment_bytes = self._file.tell()

    def _cut_off(self):
        """Takes back a record that was written in part."""
        if self._file is not None:
            self._file.truncate(self._segment_bytes)

    def pending(self, limit, limit_bytes):
        """(records, until): the oldest records that are on disk and not acknowledged, as JSON texts, at most `limit`
        and no more than fit `limit_bytes`, but one at least; and the time up to which there are no others, if any.
        """
        with self._lock:
            self._write()
            found, size = [], 0
            for _, line in self._records[:limit]:
                size += len(line.encode("utf-8"))
                if found and size > limit_bytes:
                    break
                found.append(line)
            if len(found) == len(self._records) and not self._unwritten:
                return found, self._clock()
            return found, json.loads(found[-1])["at"] if found else None

    def empty(self):
        with self._lock:
            return not self._records and not self._unwritten

    def acknowledge(self, seq):
        """The service has stored everything up to `seq`: forget it."""
        with self._lock:
            keep = 0
            while keep < len(self._records) and self._records[keep][0] <= seq:
                keep += 1
            if not keep:
                return
            stored = self._records[keep - 1][0]
            del self._records[:keep]
            segments = self._segments()
            for path, following in zip(segments, segments[1:]):
                if int(following.stem) <= stored + 1:
                    path.unlink()
            try:
                draft = self._directory / "highest.new"
                draft.write_text(str(stored))
                os.replace(draft, self._directory / "highest")
            except OSError:
                return  # a full disk: the last segment still tells the highest number, the service knows the rest
