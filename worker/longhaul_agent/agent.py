"""The agent's life: register, start ranks when told, report, drain or stop, leave."""

import contextlib
import datetime
import fcntl
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import traceback

from .health import Health
from .link import AttemptOver, Link, Unreachable
from .orphans import bury
from .preflight import Preflight, wanted
from .ranks import Ranks
from .reports import Reports
from .spool import Spool

POLL_SECONDS = 0.05
SYNC_SECONDS = 0.25
IDLE_SYNC_SECONDS = 1.0
BACK_OFF_SECONDS = 2.0
BATCH = 2000
BATCH_BYTES = 4 << 20
SIBLING_GRACE_SECONDS = 3.0
# Less than the 60 s that a pod has, so that the agent can still tell the service.
LEAVE_SECONDS = 50.0


def note(*words):
    """To the agent's own output; a disk that has no room for it is no reason to fall silent towards the service."""
    with contextlib.suppress(OSError):
        # Not by way of sys.stderr, which would keep what it could not write and fail again at the end.
        os.write(2, (" ".join(map(str, words)) + "\n").encode("utf-8", "replace"))


def now():
    """The time as the service reads it."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def free_port():
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


class Agent:
    """One node of one attempt; everything it knows comes from its environment and the service's commands.

    Raises BlockingIOError if another agent lives on the same directory.
    """

    def __init__(self, environment):
        self.node = int(environment["LONGHAUL_NODE"])
        self.stays = environment.get("LONGHAUL_STAYS") == "true"
        self.next = None
        self.directory = pathlib.Path(environment["LONGHAUL_STATE_DIR"])
        self.directory.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.directory / "agent.lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.host = environment.get("LONGHAUL_HOST") or socket.gethostname()
        self.epoch = int(environment.get("LONGHAUL_EPOCH", "0"))
        self.obeyed_epoch = self.epoch
        self.link = Link(environment["LONGHAUL_SERVICE_URL"], environment["LONGHAUL_AGENT_TOKEN"],
                         environment["LONGHAUL_RUN"], environment["LONGHAUL_ATTEMPT"], self.node)
        self.spool = Spool(self.directory / "spool", now)
        self.ranks = Ranks(self.directory, self.report)
        self.reports = Reports(self.directory, self.report)
        self.done_commands = []
        self.seen_commands = set()
        self.draining = False
        self.stopping = False
        self.cannot_start = False
        self.preflight = None
        self.tested = None
        self.kill_at = None
        self.finished = False
        self.last_checkpoint = None
        self.fenced = threading.Event()
        self.told_to_leave = False
        self.wake = threading.Event()
        self.health = Health(environment, self.report)

    def report(self, record):
        """Keeps a record for the service."""
        if record["kind"] == "checkpoint" and record["state"] == "verified":
            self.last_checkpoint = max(self.last_checkpoint or 0, record["step"])
        self.spool.append(record)
        self.wake.set()

    def leave(self):
        """SIGTERM came, since the node is wanted for something else: ranks are to checkpoint and leave, then the agent."""
        self.told_to_leave = True

    def run(self):
        """Lives until the ranks are gone and the service knows, an agent that stays until the service lets it go or
        has a next attempt for it, see `next`; returns the exit code: 143 if it was told to leave.
        """
        if "all-exited" in self.spool.found:
            self.finished = True
        elif self.ranks.started_earlier():
            self.say("the agent of this node died and its ranks with it")
            self.finish("failed")
        else:
            self.report({"kind": "registered", "host": self.host, "pid": os.getpid(),
                         "freePort": free_port()})
        threading.Thread(target=self.sync_or_die, daemon=True).start()
        while not self.fenced.is_set():
            if self.step():
                return 128 + signal.SIGTERM if self.told_to_leave else 0
            time.sleep(POLL_SECONDS)
        self.ranks.signal(signal.SIGKILL)
        return 0

    def step(self):
        """Looks after the ranks once; true when there is nothing left to do."""
        self.reports.poll(self.ranks.names())
        bury()
        if self.told_to_leave and not self.draining and not self.stopping:
            self.say("told to leave by SIGTERM: the ranks are to checkpoint and leave")
            self.drain(LEAVE_SECONDS)
        if self.kill_at is not None and time.monotonic() >= self.kill_at:
            self.ranks.signal(signal.SIGKILL)
            self.kill_at = None
        if not self.finished and self.ranks.started():
            failed = [code for code in self.ranks.exits().values() if code != 0]
            if self.ranks.all_exited():
                self.finish(self.reason())
            elif failed and not self.draining and not self.stopping and self.kill_at is None:
                # The others wait for the missing rank in a collective: let them go.
                self.kill_at = time.monotonic() + SIBLING_GRACE_SECONDS
        if not self.ranks.started() and not self.finished:
            if self.cannot_start:
                self.finish("failed")
            elif self.stopping:
                self.finish("stopped")
        return self.finished and self.spool.empty() and (self.told_to_leave or not self.stays)

    def reason(self):
        codes = list(self.ranks.exits().values())
        if self.cannot_start:
            return "failed"
        if all(code == 0 for code in codes):
            return "completed"
        if self.stopping:
            return "stopped"
        # 143 after a checkpoint; SIGTERM itself ends a rank that has not begun to train.
        drained = self.draining and all(code in (0, 143, -signal.SIGTERM) for code in codes)
        return "drained" if drained else "failed"

    def finish(self, reason):
        self.reports.poll(self.ranks.names())
        self.reports.finish()
        record = {"kind": "all-exited", "reason": reason}
        if self.last_checkpoint is not None:
            record["lastCheckpointStep"] = self.last_checkpoint
        self.report(record)
        self.finished = True

    def sync_or_die(self):
        try:
            self.sync_loop()
        except Exception:
            # An agent that no longer talks must not live on: the kernel kills its ranks, the service sees it gone.
            note(traceback.format_exc())
            os._exit(1)

    def sync_loop(self):
        """Sends what there is, takes commands; never gives up on a service that is away."""
        pause = SYNC_SECONDS
        last = 0.0
        while True:
            self.wake.wait(IDLE_SYNC_SECONDS)
            time.sleep(max(0.0, last + pause - time.monotonic()))
            self.wake.clear()
            last = time.monotonic()
            acknowledged = list(self.done_commands)
            try:
                answer = self.link.sync(self.epoch, acknowledged, *self.spool.pending(BATCH, BATCH_BYTES))
                if answer["epoch"] < self.epoch:
                    raise Unreachable(f"an answer of epoch {answer['epoch']}, replaced by {self.epoch}")
            except AttemptOver as over:
                note("the service ended this attempt:", over)
                self.stop_tests()
                self.ranks.signal(signal.SIGKILL)
                self.next = None if self.told_to_leave else over.next
                self.fenced.set()
                return
            except Unreachable as problem:
                note("the service cannot be reached:", problem)
                pause = min(BACK_OFF_SECONDS, 2 * pause)
                self.wake.set()
                continue
            pause = SYNC_SECONDS
            del self.done_commands[:len(acknowledged)]
            self.spool.acknowledge(answer["ack"])
            self.epoch = answer["epoch"]
            for command in answer["commands"]:
                self.obey(command)
            self.start_tested()
            if not self.spool.empty() or self.done_commands:
                self.wake.set()

    def obey(self, command):
        """Carries a command out once. One that is older than a command obeyed already is refused: its controller
        was replaced. A command of an earlier epoch by itself is valid, since the answer that brings it is of the
        newest: the service died after deciding, and its successor stands by the decision.
        """
        if command["id"] in self.seen_commands:
            if command["id"] not in self.done_commands:
                self.done_commands.append(command["id"])
            return
        self.seen_commands.add(command["id"])
        if command["epoch"] < self.obeyed_epoch:
            self.say(f"refused {command['id']} of epoch {command['epoch']}, obeyed one of {self.obeyed_epoch} before")
        else:
            self.obeyed_epoch = command["epoch"]
            self.carry_out(command)
        self.done_commands.append(command["id"])

    def carry_out(self, command):
        kind = command["kind"]
        if kind == "start":
            if not self.ranks.started() and self.preflight is None and not self.stopping and not self.finished:
                self.test(command) if wanted(command) else self.start(command)
        elif kind == "drain":
            self.drain(command["graceSeconds"])
        elif kind == "stop":
            self.stopping = True
            self.stop_tests()
            self.ranks.signal(signal.SIGKILL)
        else:
            self.say(f"does not know the command {kind!r}")

    def drain(self, grace_seconds):
        self.draining = True
        if self.ranks.started():
            self.ranks.signal(signal.SIGTERM)
            self.kill_at = time.monotonic() + grace_seconds
        else:
            self.stopping = True
            self.stop_tests()

    def stop_tests(self):
        if self.preflight is not None:
            self.preflight.stop()

    def test(self, command):
        """Tests the devices first; the ranks start after that, from the thread that lives as long as they should."""
        self.tested = command
        try:
            self.ranks.mark()
            self.preflight = Preflight(command, self.directory, self.report, self.wake.set)
        except (OSError, KeyError, TypeError, IndexError) as problem:
            self.say(f"no preflight: {problem!r}")
            self.start(command)

    def start_tested(self):
        if self.preflight is not None and self.preflight.finished and not self.stopping and not self.finished \
                and not self.ranks.started() and not self.cannot_start:
            self.start(self.tested)

    def start(self, command):
        try:
            self.ranks.start(command)
        except (OSError, ValueError, KeyError, TypeError, IndexError, subprocess.SubprocessError) as problem:
            self.say(f"cannot start {command.get('command')}: {problem!r}")
            self.cannot_start = True

    def say(self, line):
        """A line of the agent's own in the run's log."""
        self.report({"kind": "log-line", "rank": 0, "stream": "agent", "line": line})
