"""Records on their way to the service, kept on disk until the service has stored them."""

import json
import os
import pathlib
import threading

SEGMENT_BYTES = 4 << 20


class SpoolFull(OSError):
    """The disk takes no more records; the message says how many wait in memory."""


class Spool:
    """Append-only segment files `spool/<first seq>.jsonl` in a directory of the agent's own.

    A record gets the next sequence number and is written before it can be sent, so that a restarted agent goes
    on where the last one stopped. Safe for several threads. While the disk is full records wait in memory and
    nothing is sent that is not on disk.
    """

    def __init__(self, directory):
        self._directory = pathlib.Path(directory)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._records = []
        self._unwritten = []
        self._file = None
        self._segment_bytes = 0
        self._next = 1
        for path in self._segments():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    record = json.loads(line)
                except ValueError:
                    continue  # the torn last line of an agent that died while writing; it was never sent
                self._records.append((record["seq"], line))
                self._next = record["seq"] + 1
        highest = self._directory / "highest"
        if highest.exists():
            self._next = max(self._next, int(highest.read_text() or 0) + 1)

    def _segments(self):
        return sorted(self._directory.glob("*.jsonl"), key=lambda path: int(path.stem))

    def append(self, record):
        """Numbers the record and keeps it; returns its sequence number."""
        with self._lock:
            record["seq"] = self._next
            self._next += 1
            self._unwritten.append((record["seq"], json.dumps(record, separators=(",", ":"), ensure_ascii=False)))
            self._write()
            return record["seq"]

    def _write(self):
        while self._unwritten:
            seq, line = self._unwritten[0]
            data = (line + "\n").encode("utf-8", errors="replace")
            try:
                if self._file is None or self._segment_bytes > SEGMENT_BYTES:
                    self._open(seq)
                self._file.write(data)
                self._file.flush()
            except OSError:
                self._abandon_segment()
                return
            self._segment_bytes += len(data)
            self._records.append(self._unwritten.pop(0))

    def _open(self, seq):
        if self._file is not None:
            self._file.close()
        self._file = open(self._directory / f"{seq}.jsonl", "ab", buffering=0)
        self._segment_bytes = 0

    def _abandon_segment(self):
        """A write failed, perhaps in the middle of a line: cut the line off, go on later."""
        if self._file is not None:
            try:
                self._file.truncate(self._segment_bytes)
                self._file.seek(self._segment_bytes)
            except OSError:
                self._file.close()
                self._file = None

    def waiting_in_memory(self):
        """How many records the disk did not take."""
        with self._lock:
            self._write()
            return len(self._unwritten)

    def pending(self, limit):
        """The oldest records that are on disk and not acknowledged, as JSON texts, at most `limit`."""
        with self._lock:
            self._write()
            return [line for _, line in self._records[:limit]]

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
            del self._records[:keep]
            segments = self._segments()
            for path, following in zip(segments, segments[1:]):
                if int(following.stem) <= seq + 1:
                    path.unlink()
            try:
                draft = self._directory / "highest.new"
                draft.write_text(str(seq))
                os.replace(draft, self._directory / "highest")
            except OSError:
                return  # a full disk: the segments still tell the highest number
