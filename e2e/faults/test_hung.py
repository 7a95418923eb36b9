"""A rank of a real training stops, and nothing but what the ranks tell of their collectives says which."""
import os
import random
import signal
import unittest

from outside import until
from training import Training


class HungRank(Training):
    steps = 300

    def test_the_rank_that_all_wait_for_is_named_and_the_run_goes_on(self):
        self.service.start().up()
        run = self.submit()
        (self.witness / "pace").write_text("0.05")
        self.await_training()
        until("a checkpoint", lambda: self.step() > 25)
        rank = random.SystemRandom().choice((0, 1))
        os.kill(self.ranks()[rank], signal.SIGSTOP)
        until("the restart", lambda: len(self.service.run(run)["attempts"]) > 1)
        self.await_training()
        view, events, curve, records = self.finish(run)
        self.check_accounts(view, events, curve, records)
        [stall] = [incident for incident in view["incidents"] if incident["kind"] == "stalled"]
        self.assertEqual(rank, stall["rank"])
        self.assertEqual(f"rank {rank} no longer reports, and the others wait", stall["evidence"]["waits for"])
        told = [r["body"] for r in records if r["body"]["kind"] == "collectives" and r["attempt"] == 1]
        self.assertEqual({0, 1}, {record["rank"] for record in told})
        other = [record for record in told if record["rank"] == 1 - rank][-1]
        self.assertEqual("collective", other["phase"])
        self.assertTrue(any(group["finished"] < group["entered"] for group in other["groups"]), other)
        self.passed = True


if __name__ == "__main__":
    unittest.main()
