"""The service is killed again and again while a real training runs: nothing is lost, nothing happens twice."""
import os
import random
import signal
import time
import unittest

from outside import until
from training import Training

SECONDS_PER_KILL = 15  # or so; the training is slowed to outlast the kills that are left
ABSENCE_SECONDS = 25  # longer than the run's stallTimeout


class KilledService(Training):
    KILLS = 20
    steps = 600

    def test_goes_on_and_loses_nothing_and_doubles_nothing(self):
        seed = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(1 << 32))
        print(f"seed {seed} (FAULTS_SEED={seed} repeats the moments)", flush=True)
        self.chance = random.Random(seed)
        moments = ["start-up"] * 5 + ["training"] * 4 + ["absence"] + ["checkpoint"] * 3 + ["recovery"] * 3
        self.chance.shuffle(moments)
        moments = ["planning"] * 2 + ["launching"] * 2 + moments
        self.assertEqual(self.KILLS, len(moments))
        self.killed_ranks = []
        begin = time.monotonic()
        self.service.start().up()
        self.start_seconds = time.monotonic() - begin
        self.id = self.submit()
        for number, moment in enumerate(moments, 1):
            rest = SECONDS_PER_KILL * (self.KILLS + 1 - number) / max(1, self.steps - self.step())
            (self.witness / "pace").write_text(str(min(rest, 5)))
            getattr(self, "at_" + moment.replace("-", "_"))()
            self.service.kill()
            print(f"{time.monotonic() - begin:6.1f} s  kill {number:2d} at {moment}, {self.lines()} lines", flush=True)
            if moment == "absence":
                time.sleep(ABSENCE_SECONDS)
            self.service.start()
        self.service.up()
        self.assertNotIn(self.service.run(self.id)["phase"], ("completed", "failed"), "it ended before the last kill")
        view, events, curve, records = self.finish(self.id)
        lost, doubled = self.lost_and_doubled(view, records)
        print(f"kills {self.KILLS}, lost {lost}, doubled {doubled}; {len(view['attempts'])} attempts, "
              f"{self.lines()} lines, {len(records)} records, {len(events)} events", flush=True)
        self.assertEqual((0, 0), (lost, doubled))
        self.check_accounts(view, events, curve, records)
        self.check_attempts(view, self.killed_ranks)

    def pause(self, most):
        time.sleep(self.chance.uniform(0, most))

    def at_planning(self):
        self.service.up()
        self.pause(2)

    def at_launching(self):
        until("the attempt is decided on", lambda: self.service.up().run(self.id)["attempts"])
        self.pause(2)

    def at_start_up(self):
        self.pause(self.start_seconds)

    def at_training(self):
        self.service.up()
        self.await_training()
        self.pause(4)

    at_absence = at_training

    def at_checkpoint(self):
        self.service.up()
        checkpoints = self.service.home / "runs" / self.id / "checkpoints"
        names = lambda: {path.name for path in checkpoints.glob("*")}
        before = names()
        until("a checkpoint is written", lambda: names() - before)
        self.pause(0.3)

    def at_recovery(self):
        self.service.up()
        self.killed_ranks.append(self.kill_rank(self.chance))
        self.pause(5)


class KilledDatabase(Training):
    def test_goes_on_when_its_database_is_killed(self):
        """SIGKILL and SIGQUIT of the embedded PostgreSQL's first process while the service lives."""
        (self.witness / "pace").write_text("0.1")
        self.service.start().up()
        run = self.submit()
        for number in (signal.SIGKILL, signal.SIGQUIT):
            self.await_training()
            killed = self.service.postmaster()
            os.kill(killed, number)
            until("another PostgreSQL serves", lambda: self.postmaster() not in (None, killed))
            until("the API answers again", lambda: self.answers(run))
        view, events, curve, records = self.finish(run)
        self.assertEqual((0, 0), self.lost_and_doubled(view, records))
        self.check_accounts(view, events, curve, records)
        self.check_attempts(view, [])

    def postmaster(self):
        try:
            return self.service.postmaster()
        except (OSError, ValueError, IndexError):
            return None

    def answers(self, run):
        try:
            status = self.service.call(f"/api/v1/runs/{run}/events")[0]
        except OSError:
            return False
        self.assertIn(status, (200, 503))
        return status == 200


if __name__ == "__main__":
    unittest.main(verbosity=2)
