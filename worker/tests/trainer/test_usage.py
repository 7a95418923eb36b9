"""Wrong arguments and a wrong environment are refused by name, with the documented codes."""

import contextlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

from longhaul_trainer.arguments import parse

from .harness import TrainerCase, arguments

WORKER = pathlib.Path(__file__).parents[2]


class Arguments(unittest.TestCase):
    def refusal(self, changes, world=1):
        complaint = io.StringIO()
        with contextlib.redirect_stderr(complaint), self.assertRaises(SystemExit) as end:
            parse(arguments({"data-path": ".", **changes}), world)
        self.assertEqual(2, end.exception.code)
        return complaint.getvalue().splitlines()[-1]

    def test_each_contradiction_is_named(self):
        table = (({"num-layers": None}, 1, "required: --num-layers"),
                 ({"data-path": None}, 1, "required: --data-path"),
                 ({"num-experts": 4}, 1, "unrecognized arguments: --num-experts 4"),
                 ({"hidden": 64}, 1, "unrecognized arguments: --hidden 64"),
                 ({"num-layers": "two"}, 1, "--num-layers: invalid int value: 'two'"),
                 ({"lr-decay-style": "exponential"}, 1, "--lr-decay-style: invalid choice: 'exponential'"),
                 ({"num-layers": 0}, 1, "--num-layers must be at least 1 and below inf, got 0"),
                 ({"global-batch-size": -8}, 1, "--global-batch-size must be at least 1"),
                 ({"log-interval": 0}, 1, "--log-interval must be at least 1"),
                 ({"lr": "nan"}, 1, "--lr must be at least 0 and below inf, got nan"),
                 ({"lr": "inf"}, 1, "--lr must be at least 0"),
                 ({"lr": 0, "min-lr": 0}, 1, "--lr must be positive"),
                 ({"min-lr": 1}, 1, "--min-lr between 0 and --lr"),
                 ({"weight-decay": "nan"}, 1, "--weight-decay must be"),
                 ({"adam-beta2": 1}, 1, "--adam-beta2 must be at least 0 and below 1, got 1.0"),
                 ({"vocab-size": 255}, 1, "--vocab-size must be at least 256"),
                 ({"seed": -1}, 1, "--seed must be"),
                 ({"context-parallel-size": 2}, 2, "--context-parallel-size: this trainer only knows 1"),
                 ({"tensor-model-parallel-size": 2}, 3, "world size 3 is not a multiple of tensor 2 x pipeline 1"),
                 ({"micro-batch-size": 3}, 1, "--global-batch-size 8 is not a multiple of micro-batch x data parallel = 3"),
                 ({}, 8, "--global-batch-size 8 is not a multiple of micro-batch x data parallel = 16"),
                 ({"hidden-size": 30}, 1, "--hidden-size must be a multiple of --num-attention-heads"),
                 ({"group-query-attention": True, "num-query-groups": 3}, 1, "multiple of --num-query-groups"),
                 ({"group-query-attention": True, "num-query-groups": 1, "tensor-model-parallel-size": 2}, 2,
                  "key/value heads must be a multiple of the tensor size"),
                 ({"ffn-hidden-size": 33, "tensor-model-parallel-size": 2}, 2, "--ffn-hidden-size must be a multiple"),
                 ({"num-layers": 3, "pipeline-model-parallel-size": 2}, 2, "--num-layers must be a multiple"),
                 ({"max-position-embeddings": 16}, 1, "--seq-length must not exceed --max-position-embeddings"),
                 ({"lr-wsd-decay-iters": 15}, 1, "--lr-wsd-decay-iters must not exceed --lr-decay-iters"),
                 ({"save-interval": 5}, 1, "--save-interval needs --save"),
                 ({"ckpt-step": 5}, 1, "--ckpt-step needs --load"))
        for changes, world, reason in table:
            with self.subTest(changes=changes, world=world):
                self.assertIn(reason, self.refusal(changes, world))

    def test_megatrons_own_names_are_understood(self):
        o = parse(arguments({"data-path": "d", "group-query-attention": True, "num-query-groups": 2, "swiglu": True,
                             "iterations-to-skip": [3, 4], "recompute-granularity": "selective",
                             "lr-wsd-decay-style": "linear", "distributed-backend": "gloo"}), 2)
        self.assertEqual((2, 2, 2, 128, 32, 14), (o.data_parallel_size, o.micro_batches, o.num_query_groups,
                                                  o.ffn_hidden_size, o.max_position_embeddings, o.lr_decay_iters))
        self.assertEqual([3, 4], o.iterations_to_skip)


class Environment(TrainerCase):
    def module(self, *interpreter, environment=None, changes=None):
        """The trainer as a program."""
        return subprocess.run([sys.executable, *interpreter, "-m", "longhaul_trainer",
                               *arguments({"data-path": self.corpus, "train-iters": 1, **(changes or {})})],
                              env={**os.environ, "PYTHONPATH": str(WORKER), **(environment or {})},
                              capture_output=True, text=True)

    def test_it_runs_as_a_program(self):
        done = self.module()
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertIn("lm loss:", done.stdout)

    def test_no_torch_is_one_clear_line(self):
        # -S: without the directories of installed packages.
        done = self.module("-S")
        self.assertEqual(3, done.returncode)
        self.assertRegex(done.stderr, r"^longhaul_trainer: PyTorch is missing \(No module named '\w+'\): "
                                      r"install python3-torch\n$")

    def test_wrong_arguments_need_no_torch(self):
        done = self.module("-S", changes={"num-layers": 0})
        self.assertEqual(2, done.returncode)
        self.assertIn("--num-layers", done.stderr)

    def test_an_incomplete_place_in_the_world_is_named(self):
        done = self.module("-S", environment={"WORLD_SIZE": "2", "RANK": "0"})
        self.assertEqual((3, "longhaul_trainer: WORLD_SIZE is 2, but MASTER_ADDR, MASTER_PORT not set"
                             " (docs/worker-protocol.md)\n"), (done.returncode, done.stderr))
        for size in ("0", "two", "-1"):
            self.assertEqual((3, f"longhaul_trainer: WORLD_SIZE is '{size}', not a number of ranks\n"), (
                lambda done: (done.returncode, done.stderr))(self.module("-S", environment={"WORLD_SIZE": size})))

    @unittest.skipIf(__import__("torch").cuda.is_available(), "this machine has a CUDA device")
    def test_nccl_without_a_device_is_named(self):
        job = self.job({"distributed-backend": "nccl"})
        self.assertEqual([3], job.wait())
        self.assertIn("nccl needs a CUDA device", job.text("err"))

    def test_a_corpus_that_cannot_be_used_is_named(self):
        def without_shards(root):
            manifest = json.loads((root / "manifest.json").read_text())
            (root / "manifest.json").write_text(json.dumps({**manifest, "shards": []}))

        table = (("is no corpus", shutil.rmtree),
                 ("is no corpus", lambda root: (root / "manifest.json").unlink()),
                 ("is no corpus", lambda root: (root / "manifest.json").write_text("{")),
                 ("is no corpus", lambda root: (root / "manifest.json").write_text("[]")),
                 ("is no corpus", lambda root: (root / "manifest.json").write_text('{"shards":[7]}')),
                 ("is no corpus", without_shards),
                 ("shard-00002.bin", lambda root: (root / "shard-00002.bin").unlink()),
                 ("shard-00001.bin has 8191 bytes, the manifest says 8192",
                  lambda root: os.truncate(root / "shard-00001.bin", 8191)),
                 ("is shorter than one sample of 32 bytes", lambda root: os.truncate(root / "validation.bin", 32)))
        for reason, spoil in table:
            with self.subTest(reason=reason):
                root = self.fresh() / "corpus"
                shutil.copytree(self.corpus, root)
                spoil(root)
                job = self.job({"data-path": root})
                self.assertEqual([3], job.wait())
                text = job.text("err")
                self.assertIn(reason, text)
                self.assertTrue(text.startswith("longhaul_trainer: ") and text.count("\n") == 1, text)
