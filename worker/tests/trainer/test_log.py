"""Log lines are Megatron-LM's, byte for byte; skipped and bad steps say so."""

import math

import torch

from longhaul_trainer import model
from longhaul_trainer.checkpoint import latest

from .harness import TrainerCase

# The format strings of training_log in megatron/training/training.py, in their order.
FIELDS = (("consumed samples", " consumed samples: {:12d} |", int),
          ("skipped samples", " skipped samples: {:12d} |", int),
          ("elapsed time per iteration (ms)", " elapsed time per iteration (ms): {:.1f} |", float),
          ("learning rate", " learning rate: {:.6E} |", float),
          ("global batch size", " global batch size: {:5d} |", int),
          ("lm loss", " lm loss: {:.6E} |", float),
          ("loss scale", " loss scale: {:.1f} |", float),
          ("grad norm", " grad norm: {:.3f} |", float),
          ("max attention logit", " max attention logit: {:.3f} |", float),
          ("number of skipped iterations", " number of skipped iterations: {:3d} |", int),
          ("number of nan iterations", " number of nan iterations: {:3d} |", int))


def parse(line):
    """Fields of a line by name."""
    head, *fields = line.split(" |")
    found = {name: value for name, _, value in (field.partition(":") for field in fields if field)}
    return head, {name.strip(): value.strip() for name, value in found.items()}


def as_megatron(line):
    """The line as Megatron's format strings print its values."""
    head, fields = parse(line)
    time, iteration = head[:22], head[22:].split()[1:]
    step, total = "".join(iteration).split("/")
    text = time + " iteration {:8d}/{:8d} |".format(int(step), int(total))
    return text + "".join(form.format(kind(fields[name])) for name, form, kind in FIELDS if name in fields)


class LogLines(TrainerCase):
    def test_a_line_is_what_megatron_prints(self):
        job = self.run_job({"train-iters": 3, "lr": 0.02})
        for step, line in enumerate(job.lines(), 1):
            self.assertEqual(as_megatron(line), line)
            self.assertRegex(line, r"^ \[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] iteration        \d/       3 \| consumed ")
            fields = parse(line)[1]
            self.assertEqual([name for name, _, _ in FIELDS if name not in ("skipped samples", "max attention logit")],
                             list(fields))
            self.assertEqual((str(8 * step), "8", f"{0.02 * step / 3:.6E}", "0", "0"),
                             (fields["consumed samples"], fields["global batch size"], fields["learning rate"],
                              fields["number of skipped iterations"], fields["number of nan iterations"]))
        self.assertEqual(3, len(job.lines()))
        # An untrained model knows nothing: ln(256) per byte.
        self.assertAlmostEqual(math.log(256), job.curve()[1], delta=0.1)

    def test_every_layout_tells_the_same_of_the_model_and_training_does_not_notice(self):
        """The largest attention logit and activation norm of each logged step, once per job."""
        plain = self.run_job({"train-iters": 4, "log-interval": 2})
        told = [[(entry["step"], entry["values"]) for rank in range(ranks) for entry in job.report(rank)
                 if entry["kind"] == "metrics"]
                for ranks, job in (
                    (1, plain),
                    (2, self.run_job({"train-iters": 4, "log-interval": 2, "tensor-model-parallel-size": 2}, ranks=2)),
                    (2, self.run_job({"train-iters": 4, "log-interval": 2, "pipeline-model-parallel-size": 2,
                                      "log-max-attention-logit": True}, ranks=2)))]
        self.assertEqual([2, 4], [step for step, _ in told[0]])
        for other in told[1:]:
            self.assertEqual([2, 4], [step for step, _ in other])
            for (_, values), (_, same) in zip(told[0], other):
                for name in ("max_attention_logit", "activation_norm"):
                    self.assertAlmostEqual(values[name], same[name], delta=1e-4 * abs(values[name]))
        self.assertGreater(told[0][0][1]["activation_norm"], 0)
        silent = self.run_job({"train-iters": 4, "log-interval": 2}, LONGHAUL_REPORT_FILE="")
        self.assertEqual(plain.curve(), silent.curve())

    def test_the_largest_attention_logit_is_printed_as_megatron_does(self):
        line = self.run_job({"train-iters": 1, "log-max-attention-logit": True}).lines()[0]
        self.assertEqual(as_megatron(line), line)
        self.assertGreater(float(parse(line)[1]["max attention logit"]), 0)

    def test_one_line_sums_up_a_log_interval(self):
        each, third = (self.run_job({"train-iters": 7, "log-interval": interval, "iterations-to-skip": [2]}).lines()
                       for interval in (1, 3))
        losses = [parse(line)[1].get("lm loss") for line in each]
        self.assertEqual(2, len(third))
        for line, steps in zip(third, ((1, 3), (4, 5, 6))):
            self.assertEqual(as_megatron(line), line)
            self.assertAlmostEqual(sum(float(losses[step - 1]) for step in steps) / len(steps),
                                   float(parse(line)[1]["lm loss"]), delta=2e-6)
        self.assertEqual(["1", "0"], [parse(line)[1]["number of skipped iterations"] for line in third])

    def test_validation_lines_are_megatrons(self):
        job = self.run_job({"train-iters": 4, "eval-interval": 2, "eval-iters": 2, PIPELINE: 2}, 2)
        lines = [line for line in job.text().splitlines() if "validation" in line]
        alone = self.run_job({"train-iters": 4, "eval-interval": 2, "eval-iters": 2})
        expected = [line for line in alone.text().splitlines() if "validation" in line]
        self.assertEqual(2, len(lines))
        for step, line, other in zip((2, 4), lines, expected):
            self.assertRegex(line, rf"^ validation loss at iteration {step} \| lm loss value: \d\.\d{{6}}E[+-]\d\d \| "
                                   r"lm loss PPL: \d\.\d{6}E[+-]\d\d \| $")
            loss, perplexity = (float(part.split(": ")[1]) for part in line.split(" | ")[1:3])
            self.assertAlmostEqual(math.exp(loss), perplexity, delta=perplexity * 1e-5)
            self.assertAlmostEqual(float(other.split("value: ")[1].split()[0]), loss, delta=1e-4)


class SkippedAndBadSteps(TrainerCase):
    def test_skipped_steps_read_their_data_and_change_nothing(self):
        root = self.fresh()
        job = self.run_job({"train-iters": 4, "iterations-to-skip": [2, 3], "save": root, "save-interval": 1})
        lines = job.lines()
        self.assertEqual(["0", "1", "1", "0"], [parse(line)[1]["number of skipped iterations"] for line in lines])
        self.assertEqual([None, "8", "16", "16"], [parse(line)[1].get("skipped samples") for line in lines])
        self.assertEqual(["8", "16", "24", "32"], [parse(line)[1]["consumed samples"] for line in lines])
        for line in lines:
            self.assertEqual(as_megatron(line), line)
        self.assertEqual([1, 4], list(job.curve()))
        digests = [self.weights(root, step) for step in (1, 2, 3, 4)]
        self.assertEqual(digests[0], digests[1])
        self.assertEqual(digests[0], digests[2])
        self.assertNotEqual(digests[0], digests[3])
        # The first update of a run that skips steps 1 to 3 is made on the data of step 4, as if nothing had moved.
        late = self.run_job({"train-iters": 4, "iterations-to-skip": [1, 2, 3]}).curve()
        still = self.run_job({"train-iters": 4, "lr": 1e-30, "min-lr": 0, "weight-decay": 0}).curve()
        self.assertEqual({4: still[4]}, late)
        self.assertNotEqual(still[3], still[4])

    def test_a_loss_that_is_no_number_on_one_rank_is_reported_and_applied_on_none(self):
        root = self.fresh()

        def spoil_third_step_of_rank_one(rank):
            forward, calls = model.Stage.forward, []

            def spoilt(stage, x, targets=None):
                calls.append(1)
                return forward(stage, x, targets) * (math.nan if rank == 1 and len(calls) == 3 else 1)

            model.Stage.forward = spoilt

        job = self.run_job({"train-iters": 5, "micro-batch-size": 4, "save": root, "save-interval": 1,
                            "use-distributed-optimizer": True}, 2, spoil_third_step_of_rank_one)
        lines = job.lines()
        self.assertEqual(["0", "0", "1", "0", "0"], [parse(line)[1]["number of nan iterations"] for line in lines])
        self.assertEqual(["NAN"], [parse(line)[1]["lm loss"] for line in lines
                                   if not math.isfinite(float(parse(line)[1]["lm loss"]))])
        digests = [self.weights(root, step) for step in range(1, 6)]
        self.assertEqual(digests[1], digests[2])
        self.assertEqual(4, len(set(digests)))
        self.assertTrue(torch.isfinite(torch.load(next((root / "iter_0000005").glob("weights-*.pt")))).all())
        self.assertEqual(5, latest(root))


PIPELINE = "pipeline-model-parallel-size"


class Reports(TrainerCase):
    def test_each_rank_reports_its_times_and_the_first_the_data_it_reads(self):
        # 32,768 bytes are 1,023 samples of 32 bytes; 100 samples a step pass every shard and come round again.
        job = self.run_job({"train-iters": 11, "global-batch-size": 100, "micro-batch-size": 50, PIPELINE: 2}, 2)
        for rank in (0, 1):
            steps = [entry for entry in job.report(rank) if entry["kind"] == "step"]
            self.assertEqual(list(range(1, 12)), [entry["step"] for entry in steps])
            for entry in steps:
                self.assertGreater(entry["computeSeconds"], 0)
                self.assertGreater(entry["communicationSeconds"], 0)
                self.assertAlmostEqual(entry["totalSeconds"], entry["computeSeconds"] + entry["communicationSeconds"])
        shards = [(e["shard"], e["firstSample"], e["endSample"]) for e in job.report(0) if e["kind"] == "data"]
        self.assertEqual([("shard-00000.bin", 0, 256), ("shard-00001.bin", 256, 512), ("shard-00002.bin", 512, 768),
                          ("shard-00003.bin", 768, 1023), ("shard-00000.bin", 1023, 1279)], shards)
        self.assertEqual([], [e for e in job.report(1) if e["kind"] == "data"])
