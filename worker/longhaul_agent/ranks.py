"""The rank processes of one node: started with the environment contract, watched, ended."""

import codecs
import ctypes
import json
import os
import signal
import subprocess
import threading

LINE_LIMIT = 8192
PR_SET_PDEATHSIG = 1
LAST_WORDS_SECONDS = 5
# Of the agent's own variables only these are for ranks: others may hold a token or a password.
IDENTITY = ("LONGHAUL_RUN", "LONGHAUL_ATTEMPT", "LONGHAUL_NODE", "LONGHAUL_EPOCH", "LONGHAUL_STATE_DIR")
_LIBC = ctypes.CDLL(None, use_errno=True)


def process_started(pid):
    """Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat), as text; None if gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as stat:
            return stat.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def rank_environment(start, local_rank, directory):
    """(rank, environment): the variables that torch, DeepSpeed and Megatron-LM read, and Longhaul's own.

    The contract wins over the start command's environment: a rank that had another rank's number would hang all.
    """
    nodes, per_node = start["nodes"], start["ranksPerNode"]
    node = start["nodeRank"]
    rank = node * per_node + local_rank
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment.update((name, value) for name, value in os.environ.items() if not name.startswith("LONGHAUL_"))
    environment.update(start["environment"])
    environment.update((name, os.environ[name]) for name in IDENTITY if name in os.environ)
    address, port = start["masterAddress"], str(start["masterPort"])
    environment.update({
        "MASTER_ADDR": address, "MASTER_PORT": port,
        "RANK": str(rank), "WORLD_SIZE": str(per_node * nodes),
        "LOCAL_RANK": str(local_rank), "LOCAL_WORLD_SIZE": str(per_node),
        "GROUP_RANK": str(node), "NODE_RANK": str(node),
        "CROSS_RANK": str(node), "CROSS_SIZE": str(nodes),
        "PET_NNODES": str(nodes), "PET_NPROC_PER_NODE": str(per_node), "PET_NODE_RANK": str(node),
        "PET_MASTER_ADDR": address, "PET_MASTER_PORT": port,
        "LONGHAUL_RESUME_STEP": str(start["resumeStep"]),
        "LONGHAUL_REPORT_FILE": str(directory / f"report-{rank}.jsonl"),
        "PYTHONUNBUFFERED": "1",
    })
    return rank, environment


def lines(stream):
    """Lines of a byte stream as text, long ones in pieces of at most LINE_LIMIT bytes, bytes that are no UTF-8
    replaced. No character is cut in two."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    inside = False  # a piece of the current line is out already
    for raw in iter(lambda: stream.readline(LINE_LIMIT), b""):
        ended = raw.endswith(b"\n")
        text = decoder.decode(raw, final=ended)
        if ended:
            text = text.rstrip("\r\n")
        if text or not inside:
            yield text
        inside = not ended
    rest = decoder.decode(b"", final=True)
    if rest:
        yield rest


def die_with_parent(parent):
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # the agent died before the line above
        os._exit(1)


class Ranks:
    """The processes; `report(record)` is called from several threads with what happens to them."""

    def __init__(self, directory, report):
        self._directory = directory
        self._report = report
        self._lock = threading.Lock()
        self._processes = {}
        self._exits = {}
        self._starting = False
        self._table = directory / "ranks.json"

    def started_earlier(self):
        """Whether an agent before this one was told to start the ranks; they died with it (PR_SET_PDEATHSIG)."""
        return self._table.exists() and not self.started()

    def mark(self):
        """Notes that the ranks are to be started here, so that an agent after this one does not wait for a command that was
        obeyed. Raises OSError."""
        self._write_table()

    def start(self, start):
        """Starts every rank of the node, from a thread that lives as long as they should: the kernel kills them
        when it ends. Raises OSError or ValueError if a command cannot be run; those that run are killed then."""
        parent = os.getpid()
        # The mark comes first: an agent that dies after it never starts ranks a second time.
        self._write_table()
        with self._lock:
            self._starting = True
        try:
            for local_rank in range(start["ranksPerNode"]):
                rank, environment = rank_environment(start, local_rank, self._directory)
                process = subprocess.Popen(
                    start["command"], env=environment, cwd=self._directory, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                    preexec_fn=lambda: die_with_parent(parent))
                with self._lock:
                    self._processes[rank] = process
                self._report({"kind": "rank-started", "rank": rank, "pid": process.pid})
                readers = [self._follow(rank, name, getattr(process, name)) for name in ("stdout", "stderr")]
                threading.Thread(target=self._wait, args=(rank, process, readers), daemon=True).start()
        except (OSError, ValueError, subprocess.SubprocessError):
            self.signal(signal.SIGKILL)
            raise
        finally:
            with self._lock:
                self._starting = False
        try:
            self._write_table()
        except OSError as problem:  # a full disk must not end a training: nobody but people reads the numbers
            self._report({"kind": "log-line", "rank": rank, "stream": "agent", "line": f"no ranks.json: {problem}"})

    def _write_table(self):
        table = {"ranks": [{"rank": rank, "pid": process.pid, "started": process_started(process.pid)}
                           for rank, process in self._processes.items()]}
        draft = self._directory / "ranks.json.new"
        draft.write_text(json.dumps(table))
        os.replace(draft, self._table)

    def _follow(self, rank, name, stream):
        def read():
            with stream:
                for line in lines(stream):
                    self._report({"kind": "log-line", "rank": rank, "stream": name, "line": line})

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def _wait(self, rank, process, readers):
        code = process.wait()
        for reader in readers:
            reader.join(LAST_WORDS_SECONDS)  # its last words come before its end, unless a child holds the pipe
        end = {"kind": "rank-exited", "rank": rank}
        end["signal" if code < 0 else "code"] = abs(code)
        self._report(end)
        with self._lock:
            self._exits[rank] = code

    def signal(self, number):
        """Sends a signal to every living rank; SIGKILL to the processes that it started, too."""
        with self._lock:
            living = [p for rank, p in self._processes.items() if rank not in self._exits]
        for process in living:
            if number == signal.SIGKILL and process.poll() is None:
                try:
                    os.killpg(process.pid, number)
                    continue
                except ProcessLookupError:
                    pass
            process.send_signal(number)

    def await_exits(self):
        """Returns when none of them lives."""
        with self._lock:
            processes = list(self._processes.values())
        for process in processes:
            process.wait()

    def exits(self):
        """Exit codes so far by rank; negative for a signal."""
        with self._lock:
            return dict(self._exits)

    def all_exited(self):
        with self._lock:
            return bool(self._processes) and not self._starting and len(self._exits) == len(self._processes)

    def started(self):
        with self._lock:
            return bool(self._processes)

    def names(self):
        with self._lock:
            return list(self._processes)
