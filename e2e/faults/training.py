"""A real training whose every step is known independently of the service."""
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import unittest

from outside import Service, processes_of, stored, until
from witness import ticks

TOKENS_PER_STEP = 8 * 64


def spec_of(steps):
    """A run of a tiny GPT on two ranks of this machine, as YAML."""
    return f"""
name: hurt
model: {{ layers: 2, hiddenSize: 64, attentionHeads: 2, vocabSize: 256, sequenceLength: 64 }}
training:
  tokens: {steps * TOKENS_PER_STEP}
  globalBatch: 8
  learningRate: 1e-3
  minLearningRate: 1e-4
  warmupSteps: 10
  schedule: constant
  checkpointEverySteps: 10
cluster: {{ kind: this-machine, ranks: 2 }}
layout: {{ tensor: 1, pipeline: 1, data: 2 }}
policies: {{ adapt: auto, stallTimeout: 20s, startTimeout: 120s, maxRestarts: 10 }}
"""


class Training(unittest.TestCase):
    """A run on a service of its own whose workers are watched by witness.py."""
    steps = 400

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="longhaul-killed-"))
        self.witness = self.directory / "witness"
        self.witness.mkdir()
        self.service = Service(self.directory / "home", {
            "LONGHAUL_PYTHON": str(pathlib.Path(__file__).with_name("witness.py")), "WITNESS": str(self.witness)})
        self.passed = False
        self.addCleanup(self.clear)

    def clear(self):
        self.service.clear()
        if self.passed:
            shutil.rmtree(self.directory)
        else:
            print(f"what happened is in {self.directory}\n{self.service.tail()}", file=sys.stderr)

    def starts(self):
        file = self.witness / "starts"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def ranks(self):
        """Living ranks of the newest attempt, by rank."""
        started = [s for s in self.starts() if s["kind"] == "rank"]
        newest = max((s["attempt"] for s in started), default=0)
        return {s["rank"]: s["pid"] for s in started if s["attempt"] == newest and ticks(s["pid"]) == s["started"]}

    def lines(self):
        """Number of lines that trainers have written so far."""
        return sum(file.read_bytes().count(b"\n") for file in self.witness.glob("lines-*"))

    def step(self):
        """The last step that a trainer wrote, 0 before the first."""
        newest = max(self.witness.glob("lines-*-1"), key=lambda file: file.stat().st_mtime, default=None)
        steps = re.findall(r"iteration +(\d+)/", newest.read_text()) if newest else []
        return int(steps[-1]) if steps else 0

    def await_training(self):
        """Both ranks train: the log grows."""
        before = self.lines()
        until("ranks train", lambda: len(self.ranks()) == 2 and self.lines() > before + 2)

    def kill_rank(self, chance):
        self.await_training()
        rank, pid = chance.choice(sorted(self.ranks().items()))
        os.kill(pid, signal.SIGKILL)
        return rank

    def submit(self):
        status, run = self.service.call("/api/v1/runs", spec_of(self.steps))
        self.assertEqual(201, status, run)
        return run["id"]

    def finish(self, run):
        """Lets the run end and returns it, its events and what is stored of it once the service has ended."""
        (self.witness / "pace").unlink()
        view = self.service.ended(run)
        events = self.service.events(run)
        curve = self.service.call(f"/api/v1/runs/{run}/curve")[1]
        self.service.stop()
        self.assertEqual({}, processes_of(self.service.home))
        records = stored(self.service.home,
                         "SELECT attempt, node, seq, body FROM agent_record ORDER BY attempt, node, id")
        return view, events, curve, records

    def check_accounts(self, view, events, curve, records):
        """The run did all its steps, and everything that is counted adds up."""
        self.assertEqual(("completed", self.steps), (view["phase"], view["step"]))
        self.assertEqual(list(range(1, len(events) + 1)), [e["sequence"] for e in events])
        goodput = view["goodput"]
        self.assertAlmostEqual(goodput["totalSeconds"], sum(goodput["accounts"].values()), places=3)
        self.assertEqual(self.steps * TOKENS_PER_STEP, goodput["tokensKept"])
        kept = sorted(step for a in curve["attempts"] for step, kept in zip(a["steps"], a["kept"]) if kept)
        self.assertEqual(list(range(1, self.steps + 1)), kept)
        for (attempt, node), seqs in grouped(records, "attempt", "node", "seq").items():
            self.assertEqual(list(range(1, len(seqs) + 1)), seqs, f"records of attempt {attempt}, node {node}")

    def check_attempts(self, view, killed_ranks):
        """Only a rank that was killed ended an attempt, and no worker was started twice or beside another's."""
        exits = [(i["kind"], i.get("rank")) for i in view["incidents"] if "rollbackStep" in i]
        self.assertEqual([("exited", rank) for rank in killed_ranks], exits)
        ends = [(a["outcome"], a["cause"]) for a in view["attempts"]]
        self.assertEqual(len(killed_ranks) + 1, len(ends), ends)
        starts = collections.Counter((s["kind"], s["attempt"], s["node"], s["rank"]) for s in self.starts())
        expected = [worker for number in range(1, len(view["attempts"]) + 1)
                    for worker in (("agent", number, 0, -1), ("rank", number, 0, 0), ("rank", number, 0, 1))]
        self.assertEqual(collections.Counter(expected), starts)
        self.assertEqual([], [s for s in self.starts() if s["kind"] == "rank" and s["beside"]])
        self.passed = True

    def lost_and_doubled(self, view, records):
        """How many lines and steps of the trainers are not stored, and how many are stored more than once."""
        lines = self.compare_lines(records, len(view["attempts"]))
        steps = self.compare_steps(view["id"], records)
        return lines[0] + steps[0], lines[1] + steps[1]

    def compare_lines(self, records, last_attempt):
        """What trainers wrote to standard output against the stored log lines, in order."""
        lost = doubled = 0
        log = grouped([{**r, **r["body"]} for r in records
                       if r["body"]["kind"] == "log-line" and r["body"]["stream"] == "stdout"],
                      "attempt", "rank", "line")
        for file in self.witness.glob("lines-*"):
            attempt, rank = map(int, file.name.split("-")[1:])
            wrote = file.read_text().splitlines()
            has = log.pop((attempt, rank), [])
            if attempt < last_attempt and len(has) == len(wrote) + 1:
                has.pop()  # the last line of a killed rank: handed to the agent, not yet to the witness
            lost += sum((collections.Counter(wrote) - collections.Counter(has)).values())
            doubled += sum((collections.Counter(has) - collections.Counter(wrote)).values())
            if not lost and not doubled:
                self.assertEqual(wrote, has, f"order of the lines of attempt {attempt}, rank {rank}")
        self.assertEqual({}, log)
        return lost, doubled

    def compare_steps(self, run, records):
        """Steps in the trainers' own report files against the stored ones."""
        lost = doubled = 0
        has = grouped([{**r, **r["body"]} for r in records if r["body"]["kind"] == "rank-step"],
                      "attempt", "rank", "step")
        for file in (self.service.home / "runs" / run).glob("attempt-*/node-0/report-*.jsonl"):
            attempt, rank = int(file.parts[-3].split("-")[1]), int(file.stem.split("-")[1])
            whole = file.read_text().rpartition("\n")[0].splitlines()
            wrote = [e["step"] for e in map(json.loads, whole) if e["kind"] == "step"]
            steps = has.pop((attempt, rank), [])
            lost += len(collections.Counter(wrote) - collections.Counter(steps))
            doubled += len(steps) - len(set(steps))
        self.assertEqual({}, has)
        return lost, doubled


def grouped(rows, first, second, value):
    groups = {}
    for row in rows:
        groups.setdefault((row[first], row[second]), []).append(row[value])
    return groups
