"""Every layout trains the same model: its loss curve is that of one process."""

from .harness import TrainerCase

FANCY = {"group-query-attention": True, "num-query-groups": 2, "swiglu": True, "ffn-hidden-size": 48,
         "untie-embeddings-and-output-weights": True}
TENSOR, PIPELINE = "tensor-model-parallel-size", "pipeline-model-parallel-size"
SHARDED = {"use-distributed-optimizer": True}
FULL = {"recompute-granularity": "full", "recompute-method": "uniform", "recompute-num-layers": 1}


class Layouts(TrainerCase):
    def check(self, model, layouts):
        alone = self.run_job(model)
        curve = alone.curve()
        self.assertEqual(list(range(1, 15)), list(curve))
        self.assertLess(curve[14], curve[1] - 1, "the model learns")
        for ranks, layout in layouts:
            with self.subTest(ranks=ranks, layout=layout):
                job = self.run_job({**model, **layout}, ranks)
                self.assert_same_curve(curve, job.curve())
                for expected, line in zip(alone.lines(), job.lines()):
                    self.assertAlmostEqual(norm(expected), norm(line), delta=0.0011)

    def test_a_plain_model_learns_the_same_in_every_layout(self):
        self.check({}, [(2, {TENSOR: 2}), (2, {PIPELINE: 2}), (2, {}), (2, SHARDED), (1, FULL), (1, SHARDED),
                        (4, {TENSOR: 2, PIPELINE: 2}), (4, {PIPELINE: 2, **SHARDED})])

    def test_a_gated_model_with_shared_heads_and_its_own_head_learns_the_same_in_every_layout(self):
        self.check(FANCY, [(2, {TENSOR: 2, **FULL}), (2, {PIPELINE: 2, **FULL}), (2, {**SHARDED, **FULL}),
                           (4, {TENSOR: 2, **SHARDED}), (1, {"micro-batch-size": 8})])

    def test_the_tolerance_is_too_small_for_another_model(self):
        first, other = (self.run_job({"seed": seed, "train-iters": 2}).curve() for seed in (1, 2))
        with self.assertRaises(AssertionError):
            self.assert_same_curve(first, other)


def norm(line):
    return float(line.split("grad norm: ")[1].split()[0])
