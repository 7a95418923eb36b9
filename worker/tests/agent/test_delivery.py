"""Nothing lost, nothing doubled, in order: whatever the service, the network, the disk or a kill does."""

import os

from .harness import AgentCase, small_disk, until

COUNT = 2000


def printer(count=COUNT):
    return f"import time\nfor i in range({count}):\n  print('line', i, flush=i % 50 == 0)\n  i % 200 or time.sleep(0.02)"


EXPECTED = [f"line {i}" for i in range(COUNT)]


class BadService(AgentCase):
    def test_every_line_arrives_once_over_all_that_can_go_wrong(self):
        agent = self.agent()
        self.start(printer())
        self.service.hurdles = ["none", 500, "hang-up", "stores-then-drops", "stores-half", "not-json", "stores-half",
                                "not-an-answer", "stores-then-drops", "old-epoch", 503, "stores-half"]
        self.assertEqual("completed", self.ended(agent))
        self.assertEqual(EXPECTED, self.service.lines())
        self.assertEqual([], self.service.hurdles, "every hurdle was met")

    def test_an_agent_whose_own_output_has_no_room_talks_to_the_service_all_the_same(self):
        agent = self.agent(output="/dev/full")
        self.start(printer())
        self.service.hurdles = ["none", 500, "hang-up", 503]
        self.assertEqual("completed", self.ended(agent))
        self.assertEqual(EXPECTED, self.service.lines())

    def test_a_service_that_is_away_finds_everything_when_it_is_back(self):
        agent = self.agent()
        self.start(printer())
        until(lambda: self.service.of("rank-started"), "the rank")
        self.service.close()
        self.dead(self.rank_pids()[0])
        self.service.open()
        self.assertEqual("completed", self.ended(agent))
        self.assertEqual(EXPECTED, self.service.lines())

    def test_batches_stay_far_below_what_the_service_takes(self):
        agent = self.agent()
        self.service.hurdles = ["none", "none"] + [503] * 3
        # Each byte that is no text becomes three: 1,500 lines of 8 KB are 37 MB.
        self.start("import os\nfor i in range(1500): os.write(1, b'\\xff' * 8190 + b'\\n')")
        self.assertEqual("completed", self.ended(agent))
        self.assertEqual(1500, len(self.service.lines()))
        self.assertLess(max(request["bytes"] for request in self.service.requests), 8 << 20)


class KilledAgent(AgentCase):
    def spooled(self):
        return sum(path.read_bytes().count(b"\n") for path in (self.state / "spool").glob("*.jsonl"))

    def test_what_was_written_before_a_kill_is_sent_by_the_next_agent_and_ranks_are_not_started_again(self):
        agent = self.agent()
        self.start(printer() + "\ntime.sleep(600)")
        until(lambda: self.service.of("rank-started"), "the rank")
        self.service.always = 503
        until(lambda: self.spooled() >= COUNT, "all lines on disk")
        self.kill(agent)
        self.dead(self.rank_pids()[0])
        self.service.always = None
        self.start("print('again')")
        successor = self.agent()
        self.assertEqual("failed", self.ended(successor))
        self.assertEqual(EXPECTED, self.service.lines())
        self.assertEqual(1, len(self.service.of("rank-started")))
        self.assertEqual(["the agent of this node died and its ranks with it"], self.service.lines("agent"))

    def test_kills_at_any_time_lose_and_double_nothing_of_what_is_on_disk(self):
        self.service.hurdles = ["stores-half", "stores-then-drops", "none"] * 20
        agent = self.agent()
        self.start(printer() + "\ntime.sleep(600)")
        until(lambda: self.spooled() > COUNT // 2, "half of the lines on disk or stored")
        for _ in range(4):
            self.kill(agent)
            agent = self.agent()
            heard = self.service.heard()
            until(lambda: self.service.heard() > heard or agent.poll() is not None, "the next agent")
        self.assertEqual("failed", self.ended(agent))
        lines = self.service.lines()
        self.assertEqual(EXPECTED[:len(lines)], lines)
        self.assertGreater(len(lines), COUNT // 2 - 10)

    def test_an_agent_killed_before_the_start_takes_it_after_the_restart(self):
        agent = self.agent()
        until(lambda: self.service.of("registered"), "registration")
        self.kill(agent)
        successor = self.agent()
        self.start(printer(10))
        self.assertEqual("completed", self.ended(successor))
        self.assertEqual(EXPECTED[:10], self.service.lines())

    def test_an_agent_killed_after_the_end_only_sends_what_is_left(self):
        agent = self.agent()
        self.start(printer(10))
        until(lambda: self.service.of("rank-started"), "the rank")
        self.service.always = 503
        until(lambda: b"all-exited" in b"".join(p.read_bytes() for p in (self.state / "spool").glob("*.jsonl")),
              "the end on disk")
        self.kill(agent)
        self.service.always = None
        self.assertEqual("completed", self.ended(self.agent()))
        self.assertEqual(EXPECTED[:10], self.service.lines())


class FullDisk(AgentCase):
    def test_records_wait_in_memory_until_there_is_space_again(self):
        small_disk(self, self.state, 512 << 10)
        agent = self.agent()
        ballast = self.state / "ballast"
        go = self.directory / "go"
        self.start(f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n" + printer())
        until(lambda: self.service.of("rank-started"), "the rank")
        self.service.always = 503  # nothing is acknowledged, so that no segment goes
        with open(ballast, "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 1000) == 1000:
                    pass
            except OSError:
                pass
        ballast_size = ballast.stat().st_size
        with open(ballast, "r+b") as file:
            file.truncate(ballast_size - 20000)  # room for some of the lines, and for a part of one
        go.touch()
        self.dead(self.rank_pids()[0])
        self.assertIsNone(agent.poll())
        self.assertEqual(0, os.statvfs(self.state).f_bavail, "the disk is full")
        ballast.unlink()
        self.service.always = None
        self.assertEqual("completed", self.ended(agent))
        self.assertEqual(EXPECTED, self.service.lines())
