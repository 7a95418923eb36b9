"""Devices that compute or remember wrong are found by what comes out, not by what they say."""

import unittest

import torch

from longhaul_trainer import preflight


class Wrong:
    """PyTorch whose products or copies are wrong now and then."""

    def __init__(self, broken):
        self._broken, self._calls = broken, 0

    def __getattr__(self, name):
        return getattr(torch, name)

    def equal(self, product, first):
        self._calls += 1
        if self._broken == "product" and self._calls == 3:
            product[1, 2] += 1
        return torch.equal(product, first)

    def empty(self, *shape, **options):
        made = torch.empty(*shape, **options)
        if self._broken != "memory":
            return made

        def copy(source):
            torch.Tensor.copy_(made, source)
            made[7] ^= 1
            return made

        made.copy_ = copy
        return made


class Preflight(unittest.TestCase):
    def setUp(self):
        torch.set_num_threads(1)
        self.device = torch.device("cpu")

    def test_a_healthy_device_has_rates_and_nothing_wrong(self):
        for rate, wrong in (preflight.multiply(torch, self.device, 64, torch.float32, 0.05),
                            preflight.remember(torch, self.device, 0.05)):
            self.assertGreater(rate, 0)
            self.assertEqual(0, wrong)

    def test_one_wrong_product_is_found(self):
        self.assertEqual(1, preflight.multiply(Wrong("product"), self.device, 64, torch.float32, 0.0)[1])

    def test_a_bit_that_was_stored_otherwise_is_found(self):
        self.assertEqual(preflight.REPETITIONS, preflight.remember(Wrong("memory"), self.device, 0.0)[1])


if __name__ == "__main__":
    unittest.main()
