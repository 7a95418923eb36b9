"""What the node itself offers: a DCGM exporter's text and the kernel's log, cut down to what tells of health."""

import os
import re
import threading
import time
import urllib.error
import urllib.request

POLL_SECONDS = 10.0
FULL_SECONDS = 60.0
TIMEOUT_SECONDS = 5.0
MOST_BYTES = 4 << 20
MOST_LINES = 100
LINE_LIMIT = 1024
# What the service knows to judge: monitor/health/GpuField.
FIELDS = re.compile(r"DCGM_FI_DEV_(SM_CLOCK|CLOCK\w*_REASONS|\w*TEMP\w*|BOARD_POWER_WATTS|POWER_USAGE|PCIE_\w+|XID_ERRORS?"
                    r"|ECC_DBE_VOL_TOTAL|RETIRED_DBE|PAGE_RETIRED_DBE_TOTAL|\w*REMAP\w*|NVLINK_\w+)$")
METRIC = re.compile(r"^(DCGM_FI_\w+)\{(.*)\}\s+(\S+)")
GPU = re.compile(r'(?:^|,)\s*gpu="(\d{1,4})"')
TROUBLE = re.compile(r"NVRM|\bs?xid\b|nvidia|mlx5|infiniband|EDAC|\bmce\b|hardware error|out of memory|oom-kill|I/O error"
                     r"|\bnfs\b|lustre|\bAER\b|lockup|blocked for more|ext4-fs error|\bxfs\b|nvme|thermal|rcu.{0,20}stall",
                     re.IGNORECASE)
# A record of /dev/kmsg begins with priority, number, time and flags.
KMSG = re.compile(r"^\d+,\d+,\d+,[^;]*;")


def readings(text):
    """{(field, GPU): value as written} of an exporter's text, those that tell of health; torn lines are passed over."""
    found = {}
    for line in text.splitlines():
        metric = METRIC.match(line)
        if metric and FIELDS.match(metric[1]) and (gpu := GPU.search(metric[2])):
            found[metric[1], int(gpu[1])] = metric[3][:32]
    return found


class Exporter:
    """A DCGM exporter, by its http URL or a file that somebody writes; says what changed, now and then everything."""

    def __init__(self, source):
        self._source = source
        self._last = {}
        self._full_at = None

    def _text(self):
        if re.match(r"https?://", self._source):
            with urllib.request.urlopen(self._source, timeout=TIMEOUT_SECONDS) as answer:
                return answer.read(MOST_BYTES).decode("utf-8", "replace")
        with open(self._source, "rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")

    def news(self, now):
        """Lines of the exporter's format with no label but the GPU, "" if nothing changed. `now` in seconds.

        Raises OSError or ValueError if the source cannot be read."""
        found = readings(self._text())
        if self._full_at is None or now - self._full_at >= FULL_SECONDS:
            self._full_at, news = now, found
        else:
            news = {key: value for key, value in found.items() if self._last.get(key) != value}
        self._last = found
        return "".join(f'{field}{{gpu="{gpu}"}} {value}\n' for (field, gpu), value in news.items())


class KernelLog:
    """New lines of a log file, or of /dev/kmsg, that tell of trouble; what was there before the agent says nothing."""

    def __init__(self, path):
        self._path = path
        self._file = None
        self._inode = None
        self._rest = b""

    def _open(self, end):
        self._file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        if end:
            os.lseek(self._file, 0, os.SEEK_END)
        self._inode = os.fstat(self._file).st_ino

    def _replaced(self):
        try:
            now = os.stat(self._path)
        except OSError:
            return False
        return now.st_ino != self._inode or now.st_size < os.lseek(self._file, 0, os.SEEK_CUR)

    def start(self):
        """Goes to the end of the log. Raises OSError if it cannot be opened."""
        self._open(end=True)

    def news(self):
        """At most MOST_LINES lines of trouble since the last call. Raises OSError if the log cannot be read."""
        if self._path != "/dev/kmsg" and self._replaced():
            os.close(self._file)
            self._open(end=False)
            self._rest = b""
        data = self._rest
        while len(data) < MOST_BYTES:
            try:
                block = os.read(self._file, 1 << 16)
            except BlockingIOError:
                break
            except BrokenPipeError:  # the kernel overwrote what was not read in time
                continue
            if not block:
                break
            data += block
        whole, newline, self._rest = data.rpartition(b"\n")
        self._rest = self._rest[-LINE_LIMIT:]
        lines = (KMSG.sub("", line.decode("utf-8", "replace")) for line in (whole + newline).splitlines())
        return [line[:LINE_LIMIT] for line in lines if TROUBLE.search(line)][:MOST_LINES]


class Health:
    """Reads both as long as the process lives, in a thread of its own; `report(record)` is called from there."""

    def __init__(self, environment, report):
        self._report = report
        exporter, log = environment.get("DCGM_EXPORTER"), environment.get("KERNEL_LOG")
        self._exporter = Exporter(exporter) if exporter else None
        self._log = KernelLog(log) if log else None
        self._said = set()
        if self._log:
            self._try("KERNEL_LOG", self._log.start)
        if self._exporter or self._log:
            threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            self.poll()
            time.sleep(POLL_SECONDS)

    def poll(self):
        """Reads each source once."""
        if self._exporter:
            text = self._try("DCGM_EXPORTER", lambda: self._exporter.news(time.monotonic()))
            if text:
                self._report({"kind": "gpu-health", "text": text})
        if self._log:
            for line in self._try("KERNEL_LOG", self._log.news) or []:
                self._report({"kind": "log-line", "rank": 0, "stream": "kernel", "line": line})

    def _try(self, name, read):
        """What `read` returns; None if it cannot, which is said once."""
        try:
            return read()
        except (OSError, ValueError, TypeError, urllib.error.URLError) as problem:
            if name not in self._said:
                self._said.add(name)
                self._report({"kind": "log-line", "rank": 0, "stream": "agent",
                              "line": f"{name} cannot be read: {problem}"})
            return None
