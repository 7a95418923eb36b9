"""Ranks as real processes over gloo, forked from a process that has loaded PyTorch already."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
import unittest
import warnings

import torch

from longhaul_agent import corpus
from longhaul_trainer import __main__ as trainer
from longhaul_trainer import checkpoint

PATIENCE_SECONDS = 100
MODEL = {"num-layers": 2, "hidden-size": 32, "num-attention-heads": 4, "seq-length": 32, "micro-batch-size": 2,
         "global-batch-size": 8, "train-iters": 14, "lr": 0.01, "min-lr": 0.001, "lr-warmup-iters": 3,
         "lr-decay-style": "cosine", "weight-decay": 0.1}
LINE = re.compile(r"iteration +(\d+)/.*lm loss: (\S+)")


def until(condition, what):
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.01)


def arguments(changes):
    """Command line of the small model with changes: None leaves an option out, True is a flag, a list many values."""
    line = []
    for name, value in {**MODEL, **changes}.items():
        if value is not None:
            values = [] if value is True else value if isinstance(value, list) else [value]
            line += [f"--{name}", *map(str, values)]
    return line


class Job:
    """The ranks of one start of the trainer."""

    def __init__(self, directory, line, ranks, hook, environment):
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=directory))
        for rank in range(ranks):
            for name in ("out", "err"):
                (self.directory / f"{name}-{rank}").touch()
        with socket.socket() as probe:
            probe.bind(("", 0))
            port = probe.getsockname()[1]
        self.pids = [self._fork(line, rank, ranks, port, hook, environment) for rank in range(ranks)]
        self.codes = [None] * ranks

    def _fork(self, line, rank, ranks, port, hook, environment):
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        try:
            for number, name in ((1, "out"), (2, "err")):
                file = os.open(self.directory / f"{name}-{rank}", os.O_WRONLY | os.O_APPEND)
                os.dup2(file, number)
            sys.stdout = open(1, "w", closefd=False)
            sys.stderr = open(2, "w", closefd=False)
            os.environ.update({"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(ranks),
                               "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
                               "LONGHAUL_REPORT_FILE": str(self.directory / f"report-{rank}"), **environment})
            sys.argv = ["longhaul_trainer", *line]
            warnings.simplefilter("ignore", ResourceWarning)  # as in a program that is no test
            hook(rank)
            code = trainer.main()
            sys.stderr.flush()
            os._exit(code)
        except SystemExit as end:
            sys.stderr.flush()
            os._exit(end.code)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(99)

    def poll(self):
        for rank, pid in enumerate(self.pids):
            if self.codes[rank] is None:
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    self.codes[rank] = os.waitstatus_to_exitcode(status)
        return None not in self.codes

    def wait(self):
        """Exit codes by rank; negative for a signal."""
        until(self.poll, "the ranks to end")
        return self.codes

    def kill(self):
        if not self.poll():
            for rank, pid in enumerate(self.pids):
                if self.codes[rank] is None:
                    os.kill(pid, signal.SIGKILL)
            self.wait()

    def text(self, name="out"):
        return "".join((self.directory / f"{name}-{rank}").read_text() for rank in range(len(self.pids)))

    def lines(self):
        return [line for line in self.text().splitlines() if " iteration " in line and "consumed" in line]

    def curve(self):
        """Loss by step, as printed."""
        return {int(step): float(loss) for step, loss in LINE.findall(self.text())}

    def report(self, rank=0):
        return [json.loads(line) for line in (self.directory / f"report-{rank}").read_text().splitlines()]


class TrainerCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="longhaul-trainer-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.corpus = cls.directory / "corpus"
        corpus.build(cls.corpus, 4, 8192)

    def job(self, changes=None, ranks=1, hook=lambda rank: None, **environment):
        line = arguments({"data-path": self.corpus, **(changes or {})})
        job = Job(self.directory, line, ranks, hook, environment)
        self.addCleanup(job.kill)
        return job

    def run_job(self, changes=None, ranks=1, hook=lambda rank: None, **environment):
        """A job that must end well."""
        job = self.job(changes, ranks, hook, **environment)
        codes = job.wait()
        self.assertEqual([0] * ranks, codes, job.text("err"))
        return job

    def fresh(self):
        return pathlib.Path(tempfile.mkdtemp(dir=self.directory))

    def weights(self, root, step):
        """Digest of all weights of a checkpoint, each file after the other."""
        directory = checkpoint.directory_of(root, step)
        manifest = json.loads((directory / "MANIFEST.json").read_text())
        digest = hashlib.sha256()
        for entry in manifest["files"]:
            if entry["content"] == "weights":
                digest.update(torch.load(directory / entry["file"]).numpy().tobytes())
        return digest.hexdigest()

    def assert_same_curve(self, expected, curve, relative=2e-6):
        """Equal within float tolerance. Seven digits are printed; orders of summation differed by 3e-7 at most where
        this was measured, another seed differs by 2e-2."""
        self.assertEqual(expected.keys(), curve.keys())
        for step, loss in expected.items():
            self.assertLess(abs(curve[step] / loss - 1), relative, f"step {step}: {loss} against {curve[step]}")
