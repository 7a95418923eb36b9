"""Learning rates against tables worked by hand from Megatron-LM's OptimizerParamScheduler.get_lr."""

import argparse
import unittest

from longhaul_trainer.schedule import learning_rate


def rates(style, steps, **changes):
    options = {"lr": 1.0, "min_lr": 0.2, "lr_warmup_iters": 4, "lr_decay_iters": 12, "lr_wsd_decay_iters": 4,
               "lr_decay_style": style, **changes}
    return [learning_rate(argparse.Namespace(**options), step) for step in steps]


class Schedules(unittest.TestCase):
    def check(self, expected, style, steps, **changes):
        for step, wanted, got in zip(steps, expected, rates(style, steps, **changes)):
            self.assertAlmostEqual(wanted, got, places=12, msg=f"{style} at step {step}")

    def test_warm_up_rises_from_zero_to_the_peak_at_its_last_step(self):
        for style in ("constant", "linear", "cosine", "WSD"):
            self.check([0.25, 0.5, 0.75, 1.0], style, [1, 2, 3, 4])

    def test_constant_stays(self):
        self.check([1, 1, 1], "constant", [5, 12, 1000])

    def test_linear_falls_in_equal_steps_and_stays_low(self):
        # 0.2 + 0.8 * (1 - (step - 4) / 8)
        self.check([0.9, 0.6, 0.3, 0.2, 0.2], "linear", [5, 8, 11, 12, 13])

    def test_cosine_is_half_way_at_half_time(self):
        # 0.2 + 0.4 * (1 + cos(pi * (step - 4) / 8)), cos(pi/4) = 0.70710678
        self.check([0.2 + 0.4 * 1.7071067811865475, 0.6, 0.2 + 0.4 * 0.29289321881345254, 0.2, 0.2], "cosine",
                   [6, 8, 10, 12, 13])

    def test_wsd_is_stable_until_its_last_steps(self):
        # stable until 12 - 4, then 0.2 + 0.8 * (1 - (step - 8) / 4)
        self.check([1, 1, 0.8, 0.6, 0.4, 0.2, 0.2], "WSD", [5, 8, 9, 10, 11, 12, 13])

    def test_without_warm_up_the_fall_begins_at_once(self):
        self.check([0.2 + 0.8 * 11 / 12, 0.6, 0.2], "linear", [1, 6, 12], lr_warmup_iters=0)

    def test_wsd_without_a_fall_holds_the_peak_to_the_end(self):
        self.check([1, 1, 0.2], "WSD", [5, 12, 13], lr_wsd_decay_iters=0)

    def test_warm_up_longer_than_the_fall_is_warm_up_then_low(self):
        self.check([0.5, 1, 0.2], "cosine", [10, 20, 21], lr_warmup_iters=20)
