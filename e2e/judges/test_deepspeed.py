"""DeepSpeed's own parser reads the configuration files that were rendered for drawn plans.

The Java suite writes them (LaunchTextTest); all are read in this one process, on CPU. Without DeepSpeed, which
install.sh brings, everything here is skipped.
"""

import copy
import json
import pathlib
import unittest
import unittest.mock

FILE = pathlib.Path(__file__).parents[2] / "orchestrator/target/judges/deepspeed.json"

try:
    from deepspeed.runtime.config import DeepSpeedConfig
except ImportError as e:
    raise unittest.SkipTest(f"DeepSpeed is not there: {e}")


class Ranks:
    """What DeepSpeed asks the trainer for: how many ranks share a global batch."""

    def __init__(self, data):
        self.data = data

    def get_data_parallel_world_size(self):
        return self.data


def read(plan, config=None):
    # Which rank this is is all that the parser asks of torch.distributed; starting that builds extensions in C++.
    with unittest.mock.patch("deepspeed.runtime.config.dist.get_rank", return_value=0):
        return DeepSpeedConfig(copy.deepcopy(config or plan["config"]), mpu=Ranks(plan["data"]))


class DeepSpeedReadsItsFile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plans = json.loads(FILE.read_text())

    def test_accepts_every_plan_and_understands_it(self):
        self.assertGreaterEqual(len(self.plans), 500)
        for plan in self.plans:
            with self.subTest(plan["layout"]):
                config, zero = plan["config"], plan["config"]["zero_optimization"]
                understood = read(plan)
                self.assertEqual(understood.train_batch_size, config["train_batch_size"])
                self.assertEqual(understood.gradient_accumulation_steps, config["gradient_accumulation_steps"])
                self.assertEqual(understood.world_size, plan["data"])
                self.assertEqual(understood.gradient_clipping, config["gradient_clipping"])
                self.assertEqual(int(understood.zero_config.stage), zero["stage"])
                self.assertEqual(understood.bfloat16_config.enabled, "bf16" in config)
                self.assertEqual(understood.float16_config.enabled, "fp16" in config)
                offload = understood.zero_config.offload_optimizer
                self.assertEqual(offload is not None, "offload_optimizer" in zero)
                if offload is not None:
                    self.assertEqual(offload.device, "cpu")
                    self.assertEqual(offload.ratio, zero["offload_optimizer"].get("ratio", 1.0))
                self.assertEqual(understood.activation_checkpointing_config.cpu_checkpointing,
                                 "activation_checkpointing" in config)

    def test_refuses_what_is_wrong(self):
        """A judge that accepts everything is none."""
        plan = next(p for p in self.plans if p["config"]["zero_optimization"]["stage"] == 3)
        for wrong in ({"train_batch_size": plan["config"]["train_batch_size"] + 1},
                      {"bf16": {"enabled": True}, "fp16": {"enabled": True}},
                      {"gradient_allreduce_op": "sum"},
                      {"zero_optimization": {"stage": 4}},
                      {"zero_optimization": {"stage": 3, "no_such_key": 1}},
                      {"zero_optimization": {"stage": 3, "offload_optimizer": {"device": "cpu", "ratio": 1.5}}},
                      {"zero_optimization": {"stage": 1, "offload_optimizer": {"device": "cpu", "ratio": 0.5}}}):
            with self.subTest(wrong), self.assertRaises(Exception):
                read(plan, plan["config"] | wrong)


if __name__ == "__main__":
    unittest.main()
