"""What a rank tells of its collectives while it stands still."""

import json
import os
import signal
import unittest

from longhaul_trainer.progress import AGAIN_SECONDS, STANDS_SECONDS, Progress, Standstill

from .harness import TrainerCase, until


class StandstillCase(unittest.TestCase):
    def setUp(self):
        self.now, self.told, self.progress = 0.0, [], Progress()
        self.progress.join(0)
        self.standstill = Standstill(self.progress, self.told.append, lambda: self.now)

    def look_after(self, seconds):
        self.now += seconds
        self.standstill.look()

    def test_tells_of_itself_at_the_start_and_then_only_while_it_stands_still(self):
        self.look_after(0)
        self.assertEqual(1, len(self.told))
        for _ in range(100):
            with self.progress.collective(0):
                pass
            self.look_after(1)
        self.assertEqual(1, len(self.told))
        with self.progress.collective(0):
            self.look_after(1)
            self.look_after(STANDS_SECONDS - 0.1)
            self.assertEqual(1, len(self.told))
            self.look_after(0.1)
            self.look_after(AGAIN_SECONDS)
        self.assertEqual([{"kind": "collectives", "phase": "collective",
                           "groups": [{"group": 0, "entered": 101, "finished": 100}]}] * 2, self.told[1:])

    def test_the_innermost_phase_counts_and_transfers_do_not(self):
        with self.progress.inside("checkpoint"):
            with self.progress.collective(None):
                self.assertEqual("collective", self.progress.phase)
            self.assertEqual("checkpoint", self.progress.phase)
        self.assertEqual("compute", self.progress.phase)
        self.assertEqual([{"group": 0, "entered": 0, "finished": 0}], self.progress.entry()["groups"])


class HungRank(TrainerCase):
    def test_the_others_tell_that_they_wait_and_the_stopped_one_tells_nothing(self):
        job = self.job({"tensor-model-parallel-size": 2, "pipeline-model-parallel-size": 2, "train-iters": 100000}, 4)

        def told(rank):
            text = (job.directory / f"report-{rank}").read_text() if (job.directory / f"report-{rank}").exists() else ""
            entries = [json.loads(line) for line in text.rpartition("\n")[0].splitlines()]
            return entries, [entry for entry in entries if entry["kind"] == "collectives"]

        until(lambda: all(sum(e["kind"] == "step" for e in told(rank)[0]) > 3 for rank in range(4)), "steps")
        before = len(told(2)[1])
        os.kill(job.pids[2], signal.SIGSTOP)
        try:
            until(lambda: all(len(told(rank)[1]) > 1 for rank in (0, 1, 3)), "reports of the standstill")
            last = {rank: told(rank)[1][-1] for rank in (0, 1, 3)}
            self.assertEqual({"collective"}, {entry["phase"] for entry in last.values()})
            self.assertEqual(1, len({entry["groups"][0]["entered"] for entry in last.values()}),
                             "all are as far in the collectives of all ranks")
            waiting = [rank for rank, entry in last.items()
                       if any(group["finished"] < group["entered"] for group in entry["groups"])]
            self.assertIn(3, waiting, "it shares its layers with the stopped one")
            self.assertEqual(before, len(told(2)[1]))
        finally:
            job.kill()
