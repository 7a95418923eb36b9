"""The rank processes of one node: started with the environment contract, watched, ended."""

import ctypes
import json
import os
import signal
import subprocess
import threading

LINE_LIMIT = 8192
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def process_started(pid):
    """Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat), as text; None if gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as stat:
            return stat.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def rank_environment(start, node, local_rank, directory):
    """Environment of one rank: the variables of torchrun and Longhaul's own, on top of the agent's."""
    per_node = start["ranksPerNode"]
    rank = node * per_node + local_rank
    environment = dict(os.environ)
    environment.pop("LONGHAUL_AGENT_TOKEN", None)
    environment.update(start["environment"])
    environment.update({
        "MASTER_ADDR": start["masterAddress"],
        "MASTER_PORT": str(start["masterPort"]),
        "RANK": str(rank),
        "WORLD_SIZE": str(per_node * start["nodes"]),
        "LOCAL_RANK": str(local_rank),
        "LOCAL_WORLD_SIZE": str(per_node),
        "GROUP_RANK": str(node),
        "NODE_RANK": str(node),
        "LONGHAUL_RESUME_STEP": str(start["resumeStep"]),
        "LONGHAUL_REPORT_FILE": str(directory / f"report-{rank}.jsonl"),
        "PYTHONUNBUFFERED": "1",
    })
    environment.setdefault("OMP_NUM_THREADS", "1")
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    return rank, environment


def _die_with_parent(parent):
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # the agent died before the line above
        os._exit(1)


class Ranks:
    """The processes; `report(record)` is called from several threads with what happens to them."""

    def __init__(self, node, directory, report):
        self._node = node
        self._directory = directory
        self._report = report
        self._lock = threading.Lock()
        self._processes = {}
        self._exits = {}
        self._threads = []

    def start(self, start):
        """Starts every rank of the node. Raises OSError if the command cannot be run; none is left then."""
        parent = os.getpid()
        try:
            for local_rank in range(start["ranksPerNode"]):
                rank, environment = rank_environment(start, self._node, local_rank, self._directory)
                process = subprocess.Popen(
                    start["command"], env=environment, cwd=self._directory, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                    preexec_fn=lambda: _die_with_parent(parent))
                with self._lock:
                    self._processes[rank] = process
                self._report({"kind": "rank-started", "rank": rank, "pid": process.pid})
                for name in ("stdout", "stderr"):
                    self._follow(rank, name, getattr(process, name))
        except OSError:
            self.signal(signal.SIGKILL)
            raise
        self._write_table()
        for rank, process in self._processes.items():
            thread = threading.Thread(target=self._wait, args=(rank, process), daemon=True)
            thread.start()

    def _write_table(self):
        table = {"ranks": [{"rank": rank, "pid": process.pid, "started": process_started(process.pid)}
                           for rank, process in self._processes.items()]}
        draft = self._directory / "ranks.json.new"
        draft.write_text(json.dumps(table))
        os.replace(draft, self._directory / "ranks.json")

    def _follow(self, rank, name, stream):
        def read():
            for raw in iter(lambda: stream.readline(LINE_LIMIT), b""):
                line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
                self._report({"kind": "log-line", "rank": rank, "stream": name, "line": line})
            stream.close()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        self._threads.append((rank, thread))

    def _wait(self, rank, process):
        code = process.wait()
        for owner, thread in self._threads:
            if owner == rank:
                thread.join(5)  # its last words come before its end
        end = {"kind": "rank-exited", "rank": rank}
        end["signal" if code < 0 else "code"] = abs(code)
        self._report(end)
        with self._lock:
            self._exits[rank] = code

    def signal(self, number):
        """Sends a signal to every living rank."""
        with self._lock:
            living = [p for rank, p in self._processes.items() if rank not in self._exits]
        for process in living:
            try:
                process.send_signal(number)
            except ProcessLookupError:
                continue

    def exits(self):
        """Exit codes so far by rank; negative for a signal."""
        with self._lock:
            return dict(self._exits)

    def all_exited(self):
        with self._lock:
            return bool(self._processes) and len(self._exits) == len(self._processes)

    def started(self):
        with self._lock:
            return bool(self._processes)

    def names(self):
        with self._lock:
            return list(self._processes)
