"""AdamW on one flat buffer, optionally sharded over the data ranks (ZeRO stage 1, Rajbhandari et al. 2020)."""

import torch


class Optimizer:
    """Moves a module's parameters and gradients into flat buffers and updates them together."""

    def __init__(self, module, options, parallel):
        self._module, self._options, self._parallel = module, options, parallel
        parameters = list(module.parameters())
        size = sum(p.numel() for p in parameters)
        shards = parallel.data_size if options.use_distributed_optimizer else 1
        self.size, padded = size, -(-size // shards) * shards
        device = parallel.device
        self.flat = torch.zeros(padded, device=device)
        self.gradient = torch.zeros(padded, device=device)
        self._decay = torch.zeros(padded, device=device)
        self._counted = torch.zeros(padded, device=device)
        at = 0
        for p in parameters:
            end = at + p.numel()
            self.flat[at:end] = p.data.flatten()
            p.data = self.flat[at:end].view_as(p)
            p.grad = self.gradient[at:end].view_as(p)
            if p.dim() > 1:
                self._decay[at:end] = options.weight_decay
            # Parameters that every tensor rank holds are counted once in the norm.
            whole = getattr(p, "is_shard", False) or parallel.tensor_rank == 0
            if whole and not getattr(p, "counted_elsewhere", False):
                self._counted[at:end] = 1
            at = end
        part = padded // shards
        self.low = part * (parallel.data_rank if shards > 1 else 0)
        self.high = self.low + part
        self.first = torch.zeros(part, device=device)
        self.second = torch.zeros(part, device=device)
        self.updates = 0

    def zero(self):
        self.gradient.zero_()

    def reduce(self):
        """Gradients of all data ranks, averaged; returns their global norm."""
        self._module.synchronise_tied_gradient()
        self._parallel.sum_data(self.gradient)
        if self._parallel.data_size > 1:
            self.gradient /= self._parallel.data_size
        square = (self.gradient * self.gradient * self._counted).sum().reshape(1)
        return float(self._parallel.sum_model(square).sqrt())

    def update(self, rate, norm):
        """One AdamW step with the gradient clipped to the allowed norm."""
        o = self._options
        self.updates += 1
        gradient = self.gradient[self.low:self.high]
        if 0 < o.clip_grad < norm:
            gradient = gradient * (o.clip_grad / (norm + 1e-6))
        self.first.mul_(o.adam_beta1).add_(gradient, alpha=1 - o.adam_beta1)
        self.second.mul_(o.adam_beta2).addcmul_(gradient, gradient, value=1 - o.adam_beta2)
        bias1 = 1 - o.adam_beta1 ** self.updates
        bias2 = 1 - o.adam_beta2 ** self.updates
        weights = self.flat[self.low:self.high]
        weights.mul_(1 - rate * self._decay[self.low:self.high])
        weights.addcdiv_(self.first / bias1, (self.second / bias2).sqrt_().add_(o.adam_eps), value=-rate)
        if self.high - self.low < len(self.flat):
            parts = list(self.flat.chunk(self._parallel.data_size))
            self._parallel.gather_data(parts, weights.clone())

    def state(self):
        """Copies for a checkpoint: this rank's part of the optimizer, and the weights."""
        return {"low": self.low, "high": min(self.high, self.size), "updates": self.updates,
                "first": self.first[:max(0, self.size - self.low)].clone(),
                "second": self.second[:max(0, self.size - self.low)].clone(),
                "weights": self.flat[:self.size].clone()}

    def restore(self, weights, first, second, updates):
        """Whole vectors of length `size`, whatever the number of data ranks that wrote them."""
        self.flat[:self.size] = weights
        for mine, whole in ((self.first, first), (self.second, second)):
            part = whole[self.low:self.high]
            mine.zero_()
            mine[:len(part)] = part
        self.updates = updates
