"""How far a rank is in the collectives of its groups, as a flight recorder would tell, while it runs."""

import contextlib
import threading
import time

STANDS_SECONDS, AGAIN_SECONDS, LOOK_SECONDS = 5.0, 10.0, 1.0


class Progress:
    """Counts the collectives of each group alike on all of its ranks; group 0 is all ranks.

    Transfers between two stages are not counted: the ranks of a pipeline make different numbers of them.
    """

    def __init__(self):
        self.phase = "compute"
        self.moves = 0  # changes whenever the rank gets anywhere
        self._groups = {}

    def join(self, group):
        self._groups[group] = [0, 0]

    @contextlib.contextmanager
    def inside(self, phase):
        """A part of the step that can take long on its own: `data`, `checkpoint`, `evaluation`."""
        outer, self.phase = self.phase, phase
        self.moves += 1
        try:
            yield
        finally:
            self.phase = outer
            self.moves += 1

    @contextlib.contextmanager
    def collective(self, group):
        """Waiting for others; `group` is None where it is not counted."""
        counts = self._groups.get(group, [0, 0])
        counts[0] += 1
        with self.inside("collective"):
            yield
        counts[1] = counts[0]

    def entry(self):
        return {"kind": "collectives", "phase": self.phase,
                "groups": [{"group": group, "entered": entered, "finished": finished}
                           for group, (entered, finished) in sorted(self._groups.items())]}


class Standstill(threading.Thread):
    """Reports the progress once at the start, so that later silence tells something, and whenever the rank stands still:
    a rank that moves has its steps to show for it."""

    def __init__(self, progress, report, clock=time.monotonic):
        super().__init__(daemon=True)
        self._progress, self._report, self._clock = progress, report, clock
        self._moves = -1
        self._due = None

    def look(self):
        """What `run` does again and again."""
        now = self._clock()
        if self._moves != self._progress.moves:
            self._moves = self._progress.moves
            told, self._due = self._due is not None, now + STANDS_SECONDS
            if told:
                return
        elif now < self._due:
            return
        else:
            self._due = now + AGAIN_SECONDS
        self._report(self._progress.entry())

    def run(self):
        while True:
            self.look()
            time.sleep(LOOK_SECONDS)
