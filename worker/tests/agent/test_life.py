"""From registration to the last word: what an agent does with its ranks and its commands."""

import json
import os
import signal
import sys

from .harness import TOKEN, AgentCase, until

SLEEPER = "import time\nprint('up', flush=True)\nwhile True: time.sleep(0.05)"
DRAINABLE = ("import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
             "print('up', flush=True)\nwhile True: time.sleep(0.05)")


class Registration(AgentCase):
    def test_registers_and_starts_nothing_until_told(self):
        agent = self.agent(node=2)
        until(lambda: self.service.heard() > 3, "a few syncs")
        registered = self.service.stored
        self.assertEqual(["registered"], [record["kind"] for record in registered])
        self.assertEqual(agent.pid, registered[0]["pid"])
        self.assertTrue(0 < registered[0]["freePort"] < 65536 and registered[0]["host"])
        self.assertRegex(registered[0]["at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        told = [request["message"]["until"] for request in self.service.requests]
        self.assertLess(told[0], told[-1], "silence is told of as well")
        self.assertLessEqual(registered[0]["at"], told[0])
        request = self.service.requests[0]
        self.assertEqual("/agent/v1/runs/run-1/attempts/3/nodes/2/sync", request["path"])
        self.assertEqual(f"Bearer {TOKEN}", request["headers"]["Authorization"])
        self.assertEqual("gzip", request["headers"]["Content-Encoding"])

    def test_registers_the_name_that_others_reach_it_by(self):
        self.agent(LONGHAUL_HOST="run-1-a3-0.run-1")
        until(lambda: self.service.of("registered"), "registration")
        self.assertEqual("run-1-a3-0.run-1", self.service.of("registered")[0]["host"])

    def test_names_what_its_environment_lacks(self):
        agent = self.agent(LONGHAUL_RUN="")
        self.assertEqual(2, agent.wait())
        self.assertIn("not set: LONGHAUL_RUN", (self.directory / "agent.out").read_text())

    def test_two_agents_on_one_directory_are_one_too_many(self):
        first = self.agent()
        until(lambda: self.service.of("registered"), "registration")
        second = self.agent()
        self.assertEqual(3, second.wait())
        self.assertIsNone(first.poll())
        self.assertEqual(1, len(self.service.of("registered")))


class NextAttempt(AgentCase):
    def test_a_pod_takes_its_node_from_its_place(self):
        self.agent(LONGHAUL_INDEX="2", LONGHAUL_NODES="7,40-42")
        until(lambda: self.service.of("registered"), "registration")
        self.assertIn("/nodes/41/", self.service.requests[0]["path"])

    def test_an_agent_that_stays_goes_on_with_the_next_attempt(self):
        agent = self.agent(LONGHAUL_STAYS="true")
        self.start("raise SystemExit(1)")
        until(lambda: self.service.of("all-exited"), "the end of the ranks")
        heard = self.service.heard()
        until(lambda: self.service.heard() > heard + 3, "being in touch all the same")
        with self.service.lock:
            self.service.stored, self.service.complete_until = [], ""
            self.service.over["3"] = {"next": {"attempt": 4, "token": "next-token"}}
        until(lambda: self.service.of("registered"), "registration for the next attempt")
        request = self.service.requests[-1]
        self.assertEqual("/agent/v1/runs/run-1/attempts/4/nodes/0/sync", request["path"])
        self.assertEqual("Bearer next-token", request["headers"]["Authorization"])
        self.assertEqual(agent.pid, self.service.of("registered")[0]["pid"])
        self.start("import os\nprint(os.environ['LONGHAUL_ATTEMPT'], os.environ['LONGHAUL_STATE_DIR'])")
        until(lambda: self.service.of("all-exited"), "the end of the next ranks")
        self.assertEqual([f"4 {self.state}/attempt-4"], self.service.lines())
        self.assertEqual("completed", self.service.of("all-exited")[0]["reason"])
        self.assertIsNone(agent.poll())
        with self.service.lock:
            self.service.over["4"] = {}
        until(lambda: agent.poll() is not None, "the agent to leave")
        self.assertEqual((0, []), (agent.returncode, self.service.refused))

    def test_ranks_are_dead_before_an_agent_goes_on(self):
        self.agent(LONGHAUL_STAYS="true")
        self.start(SLEEPER)
        until(lambda: self.service.lines(), "a living rank")
        rank, = self.rank_pids()
        with self.service.lock:
            self.service.stored, self.service.complete_until = [], ""
            self.service.over["3"] = {"next": {"attempt": 4, "token": TOKEN}}
        until(lambda: self.service.of("registered"), "registration for the next attempt")
        self.assertFalse(os.path.exists(f"/proc/{rank}"))

    def test_an_agent_told_to_leave_goes_on_with_nothing(self):
        agent = self.agent(LONGHAUL_STAYS="true")
        self.start(DRAINABLE)
        until(lambda: self.service.lines(), "a living rank")
        agent.send_signal(signal.SIGTERM)
        self.assertEqual("drained", self.ended(agent, 143))


class Ranks(AgentCase):
    def test_ranks_get_the_contract_of_torch_deepspeed_and_longhaul(self):
        agent = self.agent(node=1, LONGHAUL_DATABASE_URL="jdbc:with-password", OUTER="kept")
        self.start("import json, os\nprint(json.dumps(dict(os.environ)))", nodes=2, nodeRank=1,
                   ranksPerNode=2, masterAddress="node-a", masterPort=29501, resumeStep=40,
                   environment={"NCCL_DEBUG": "INFO", "RANK": "9", "LONGHAUL_RUN": "other", "LONGHAUL_PLAN": "plan"})
        self.assertEqual("completed", self.ended(agent))
        seen = {int(e["RANK"]): e for e in map(json.loads, self.service.lines())}
        self.assertEqual({2, 3}, set(seen))
        for rank, environment in seen.items():
            local = str(rank - 2)
            expected = {
                "MASTER_ADDR": "node-a", "MASTER_PORT": "29501", "WORLD_SIZE": "4", "LOCAL_RANK": local,
                "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "1", "NODE_RANK": "1", "CROSS_RANK": "1", "CROSS_SIZE": "2",
                "PET_NNODES": "2", "PET_NPROC_PER_NODE": "2", "PET_NODE_RANK": "1", "PET_MASTER_ADDR": "node-a",
                "PET_MASTER_PORT": "29501", "LONGHAUL_RUN": "run-1", "LONGHAUL_ATTEMPT": "3", "LONGHAUL_NODE": "1",
                "LONGHAUL_EPOCH": "7", "LONGHAUL_RESUME_STEP": "40", "LONGHAUL_PLAN": "plan",
                "LONGHAUL_STATE_DIR": str(self.state),
                "LONGHAUL_REPORT_FILE": str(self.state / f"report-{rank}.jsonl"), "NCCL_DEBUG": "INFO",
                "OUTER": "kept", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
            self.assertEqual(expected, {name: environment.get(name) for name in expected})
            self.assertFalse({"LONGHAUL_AGENT_TOKEN", "LONGHAUL_DATABASE_URL"} & environment.keys())

    def test_lines_arrive_as_written_whatever_is_in_them(self):
        agent = self.agent()
        long = "ä" * 15000
        self.start("import os\n"
                   "os.write(1, b'plain\\n\\nwindows\\r\\nnul \\0 here\\n\\xff\\xfe binary\\n')\n"
                   f"os.write(1, ('{long[:1]}' * {len(long)} + '\\n').encode())\n"
                   "os.write(1, 'separators \\u2028 \\u0085 \\x0b end\\n'.encode())\n"
                   "os.write(1, b'x' * 8192 + b'\\n')\n"
                   "os.write(2, b'an error\\n')\n"
                   "os.write(1, b'without an end')")
        self.assertEqual("completed", self.ended(agent))
        lines = self.service.lines()
        self.assertEqual(["plain", "", "windows", "nul \0 here", "\ufffd\ufffd binary"], lines[:5])
        pieces = lines[5:-3]
        self.assertTrue(len(pieces) == 4 and all(len(piece.encode()) <= 8193 for piece in pieces))
        self.assertEqual(long, "".join(pieces))
        self.assertEqual(["separators \u2028 \u0085 \x0b end", "x" * 8192, "without an end"], lines[-3:])
        self.assertEqual(["an error"], self.service.lines("stderr"))

    def test_exit_codes_and_signals_are_told_apart_after_the_last_words(self):
        agent = self.agent()
        self.start("import os, signal, sys\nos.write(1, b'last words\\n' * 5000)\n"
                   "if os.environ['RANK'] == '0': sys.exit(17)\nos.kill(os.getpid(), signal.SIGSEGV)", ranksPerNode=2)
        self.assertEqual("failed", self.ended(agent))
        ends = {r["rank"]: (r.get("code"), r.get("signal")) for r in self.service.of("rank-exited")}
        self.assertEqual({0: (17, None), 1: (None, signal.SIGSEGV)}, ends)
        for rank in (0, 1):
            kinds = [r["kind"] for r in self.service.stored if r.get("rank") == rank]
            self.assertEqual(["rank-started"] + ["log-line"] * 5000 + ["rank-exited"], kinds)

    def test_siblings_of_a_dead_rank_are_killed_after_a_grace(self):
        agent = self.agent()
        self.start(SLEEPER, ranksPerNode=3)
        until(lambda: len(self.service.lines()) == 3, "three ranks")
        os.kill(self.rank_pids()[1], signal.SIGKILL)
        self.assertEqual("failed", self.ended(agent))
        ends = {record["rank"]: record["signal"] for record in self.service.of("rank-exited")}
        self.assertEqual({0: 9, 1: 9, 2: 9}, ends)
        first = self.service.of("rank-exited")[0]
        self.assertEqual(1, first["rank"], "the rank that failed is told first")

    def test_a_command_that_cannot_be_run_is_a_failure_with_its_reason(self):
        agent = self.agent()
        self.start("", command=["/no/such/program"])
        self.assertEqual("failed", self.ended(agent))
        self.assertIn("No such file", self.service.lines("agent")[0])
        self.assertEqual([], self.service.of("rank-started"))

    def test_the_kernel_kills_ranks_whose_agent_was_killed(self):
        agent = self.agent()
        self.start(SLEEPER, ranksPerNode=2)
        until(lambda: len(self.service.lines()) == 2, "two ranks")
        self.kill(agent)
        for pid in self.rank_pids():
            self.dead(pid)


class Commands(AgentCase):
    def test_a_command_is_obeyed_once_however_often_it_comes(self):
        agent = self.agent()
        self.start("import signal, sys, time\ntold = []\nsignal.signal(signal.SIGTERM, lambda *_: told.append(1))\n"
                   "print('up', flush=True)\nwhile not told: time.sleep(0.01)\ntime.sleep(1)\n"
                   "print('told', len(told))\nsys.exit(143)")
        until(self.service.lines, "the rank")
        self.service.hurdles = ["forgets-acknowledgements"] * 4
        drain = self.command("drain", graceSeconds=60)
        self.assertEqual("drained", self.ended(agent))
        self.assertEqual(["up", "told 1"], self.service.lines())
        self.assertEqual(1, self.service.acknowledged.count(drain))

    def test_a_second_start_starts_nothing(self):
        agent = self.agent()
        self.start("import time\ntime.sleep(0.5)")
        self.start("print('a second start')")
        self.assertEqual("completed", self.ended(agent))
        self.assertEqual(1, len(self.service.of("rank-started")))
        self.assertEqual([], self.service.lines())

    def test_drain_lets_ranks_save_and_leave(self):
        agent = self.agent()
        self.start(DRAINABLE, ranksPerNode=2)
        until(lambda: len(self.service.lines()) == 2, "two ranks")
        self.command("drain", graceSeconds=60)
        self.assertEqual("drained", self.ended(agent))
        self.assertEqual([143, 143], [record["code"] for record in self.service.of("rank-exited")])

    def test_sigterm_to_the_agent_is_a_drain_that_nobody_commanded(self):
        agent = self.agent()
        self.start(DRAINABLE, ranksPerNode=2)
        until(lambda: len(self.service.lines()) == 2, "two ranks")
        agent.send_signal(signal.SIGTERM)
        self.assertEqual("drained", self.ended(agent, code=143))
        self.assertEqual([143, 143], [record["code"] for record in self.service.of("rank-exited")])

    def test_sigterm_before_the_start_ends_the_agent(self):
        agent = self.agent()
        until(lambda: self.service.of("registered"), "registration")
        agent.send_signal(signal.SIGTERM)
        self.assertEqual("stopped", self.ended(agent, code=143))

    def test_drain_of_a_rank_that_has_not_begun_to_listen_is_no_failure(self):
        agent = self.agent()
        self.start(SLEEPER)
        until(self.service.lines, "the rank")
        self.command("drain", graceSeconds=60)
        self.assertEqual("drained", self.ended(agent))

    def test_drain_ends_by_force_after_its_grace(self):
        agent = self.agent()
        self.start("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEPER)
        until(self.service.lines, "the rank")
        self.command("drain", graceSeconds=0.5)
        self.assertEqual("failed", self.ended(agent))
        self.assertEqual([9], [record["signal"] for record in self.service.of("rank-exited")])

    def test_drain_before_the_start_means_that_nothing_starts(self):
        self.command("drain", graceSeconds=60)
        self.start(SLEEPER)
        self.assertEqual("stopped", self.ended(self.agent()))
        self.assertEqual([], self.service.of("rank-started"))

    def test_stop_kills_ranks_and_what_they_started(self):
        agent = self.agent()
        self.start("import subprocess, sys, time\n"
                   f"child = subprocess.Popen([{sys.executable!r}, '-S', '-c', 'import time; time.sleep(600)'])\n"
                   "print(child.pid, flush=True)\ntime.sleep(600)")
        until(self.service.lines, "the rank")
        self.command("stop")
        self.assertEqual("stopped", self.ended(agent))
        self.dead(int(self.service.lines()[0]))

    def test_an_unknown_command_is_refused_aloud(self):
        agent = self.agent()
        self.obeyed(self.command("dance"))
        until(lambda: any("'dance'" in line for line in self.service.lines("agent")), "the refusal")
        self.assertIsNone(agent.poll())


class Epochs(AgentCase):
    def test_an_older_command_than_the_last_one_obeyed_is_refused(self):
        agent = self.agent()
        self.start(SLEEPER, epoch=9)
        until(self.service.lines, "the rank")
        old = self.command("stop", epoch=8)
        self.obeyed(old)
        until(lambda: any(f"refused {old} of epoch 8" in line for line in self.service.lines("agent")), "the refusal")
        self.assertEqual([], self.service.of("rank-exited"))
        self.command("stop", epoch=9)
        self.assertEqual("stopped", self.ended(agent))

    def test_an_answer_of_a_replaced_controller_changes_nothing(self):
        agent = self.agent()
        self.start(SLEEPER)
        until(self.service.lines, "the rank")
        heard = self.service.heard()
        stop = self.command("stop")
        self.service.always = "old-epoch"
        until(lambda: self.service.heard() > heard + 3, "answers of an old epoch")
        self.service.always = 503
        self.assertNotIn(stop, self.service.acknowledged)
        self.assertEqual([], self.service.of("rank-exited"))
        for request in self.service.requests[heard + 1:]:
            self.assertNotIn(stop, request["message"]["acknowledged"])
        self.service.always = None
        self.assertEqual("stopped", self.ended(agent))

    def test_a_command_whose_controller_died_is_obeyed_when_its_successor_sends_it(self):
        self.service.epoch = 12
        self.start("print('started')", epoch=7)
        self.assertEqual("completed", self.ended(self.agent()))
        self.assertEqual(["started"], self.service.lines())
        self.assertEqual(12, self.service.requests[-1]["message"]["epoch"])


class Fencing(AgentCase):
    def test_an_attempt_that_the_service_ended_dies_with_its_ranks(self):
        for status in (409, 410):
            with self.subTest(status=status):
                self.state = self.directory / f"node-{status}"
                self.service.stored.clear()
                self.service.always = None
                agent = self.agent()
                self.start(SLEEPER, ranksPerNode=2)
                until(lambda: len(self.service.lines()) == 2, "two ranks")
                self.service.always = status
                until(lambda: agent.poll() is not None, "the agent to leave")
                for pid in self.rank_pids():
                    self.dead(pid)

    def test_any_other_refusal_is_no_reason_to_kill(self):
        agent = self.agent()
        self.start(SLEEPER)
        until(self.service.lines, "the rank")
        heard = self.service.heard()
        self.service.hurdles = [401, 400, 404, 503]
        until(lambda: self.service.heard() > heard + 5, "the agent to try again")
        self.assertIsNone(agent.poll())
        self.assertEqual([], self.service.of("rank-exited"))
        self.command("stop")
        self.assertEqual("stopped", self.ended(agent))
