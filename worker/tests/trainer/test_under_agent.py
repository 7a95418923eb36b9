"""Agent and trainer together, as the service sees them."""

import sys

from longhaul_agent import corpus

from ..agent.harness import WORKER, AgentCase, until
from .harness import arguments


class UnderAgent(AgentCase):
    def test_devices_are_tested_before_the_ranks_start(self):
        agent = self.agent()
        self.start("print('trained')", ranksPerNode=2, environment={"LONGHAUL_PREFLIGHT_SECONDS": "0.2"},
                   masterPort=until(lambda: self.service.of("registered"), "registration")[0]["freePort"])
        self.assertEqual("completed", self.ended(agent))
        results = self.service.of("preflight")
        self.assertEqual({0, 1}, {record["rank"] for record in results})
        for record in results:
            self.assertEqual(("", ""), (record["wrong"], record["problem"]))
            self.assertEqual({"matmulFlops", "memoryBytesPerSecond", "linkBytesPerSecond", "allReduceSeconds"},
                             set(record["values"]))
            self.assertTrue(all(value > 0 for value in record["values"].values()))
        order = [record["kind"] for record in self.service.stored if record["kind"] in ("preflight", "rank-started")]
        self.assertEqual(["preflight"] * 2 + ["rank-started"] * 2, order)

    def test_a_stop_ends_the_tests_and_no_rank_starts(self):
        agent = self.agent()
        self.start("print('trained')", ranksPerNode=1, environment={"LONGHAUL_PREFLIGHT_SECONDS": "3600"},
                   masterPort=until(lambda: self.service.of("registered"), "registration")[0]["freePort"])
        until(lambda: list(self.directory.rglob("preflight-0.log")), "the tests to begin")
        self.command("stop")
        self.assertEqual("stopped", self.ended(agent))
        self.assertEqual([], self.service.of("rank-started") + self.service.of("preflight"))

    def test_a_drained_run_tells_of_its_steps_data_and_a_verified_checkpoint(self):
        corpus.build(self.directory / "corpus", 2, 8192)
        agent = self.agent()
        line = arguments({"data-path": self.directory / "corpus", "save": self.directory / "saved", "save-interval": 5,
                          "train-iters": 100000, "lr-decay-iters": 14})
        self.start("", command=[sys.executable, "-m", "longhaul_trainer", *line], ranksPerNode=2,
                   environment={"PYTHONPATH": str(WORKER)}, masterPort=until(
                       lambda: self.service.of("registered"), "registration")[0]["freePort"])
        until(lambda: any(record["step"] > 5 for record in self.service.of("rank-step")), "steps")
        self.command("drain", graceSeconds=60)
        self.assertEqual("drained", self.ended(agent))
        last = self.service.stored[-1]["lastCheckpointStep"]
        for rank in (0, 1):
            steps = [record["step"] for record in self.service.of("rank-step") if record["rank"] == rank]
            self.assertEqual(list(range(1, last + 1)), steps)
        self.assertEqual(last, len([line for line in self.service.lines() if "lm loss:" in line]))
        told = {state: [record["step"] for record in self.service.of("checkpoint") if record["state"] == state]
                for state in ("written", "verified", "failed")}
        expected = sorted({*range(5, last + 1, 5), last})
        self.assertEqual({"written": expected, "verified": expected, "failed": []}, told)
        self.assertEqual("shard-00000.bin", self.service.of("data-shard")[0]["shard"])
        self.assertEqual([143, 143], [record["code"] for record in self.service.of("rank-exited")])
