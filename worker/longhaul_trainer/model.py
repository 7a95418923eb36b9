"""A decoder-only transformer, split over tensor and pipeline ranks (Shoeybi et al. 2019, section 3)."""

import math
import zlib

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint


def _split_regions(parallel):
    """The two conjugate functions around a tensor-parallel block: f copies, g sums."""

    class Copy(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, gradient):
            return parallel.sum_tensor(gradient.contiguous())

    class Sum(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return parallel.sum_tensor(x.contiguous())

        @staticmethod
        def backward(ctx, gradient):
            return gradient

    return Copy.apply, Sum.apply


class Initializer:
    """Draws each weight from its name and the seed alone, so that every layout starts from the same model."""

    def __init__(self, options, parallel):
        self._seed = options.seed
        self._parallel = parallel

    def weight(self, name, rows, columns, deviation, split=None, groups=1):
        """A (rows, columns) weight; `split` 0 or 1 keeps this tensor rank's part of that dimension.

        `groups`: the split dimension consists of that many equal blocks, each of which is split by itself.
        """
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + zlib.crc32(name.encode()))
        full = torch.randn(rows, columns, generator=generator) * deviation
        if split is not None:
            blocks = full.chunk(groups, dim=split)
            size, rank = self._parallel.tensor_size, self._parallel.tensor_rank
            full = torch.cat([block.chunk(size, dim=split)[rank] for block in blocks], dim=split)
        parameter = nn.Parameter(full.clone())
        parameter.is_shard = split is not None
        return parameter


class Block(nn.Module):
    """Pre-norm attention and feed-forward; heads and inner columns are split over the tensor ranks."""

    def __init__(self, index, options, parallel, make):
        super().__init__()
        hidden, size = options.hidden_size, parallel.tensor_size
        self.heads = options.num_attention_heads // size
        self.groups = options.num_query_groups // size
        self.width = hidden // options.num_attention_heads
        self.gated = options.swiglu
        keys = options.num_query_groups * self.width
        small, name = 0.02, f"layer{index}."
        scaled = small / math.sqrt(2 * options.num_layers)
        self.norm1 = nn.LayerNorm(hidden)
        self.norm2 = nn.LayerNorm(hidden)
        self.query = make.weight(name + "query", hidden, hidden, small, split=0)
        self.key = make.weight(name + "key", keys, hidden, small, split=0)
        self.value = make.weight(name + "value", keys, hidden, small, split=0)
        self.project = make.weight(name + "project", hidden, hidden, scaled, split=1)
        inner = options.ffn_hidden_size
        self.up = make.weight(name + "up", inner * (2 if self.gated else 1), hidden, small, split=0,
                              groups=2 if self.gated else 1)
        self.down = make.weight(name + "down", hidden, inner, scaled, split=1)
        self.copy, self.sum = _split_regions(parallel)
        mask = torch.full((options.seq_length, options.seq_length), float("-inf")).triu(1)
        self.register_buffer("mask", mask, persistent=False)
        self.peak = None

    def attention(self, x):
        batch, length, _ = x.shape
        query = functional.linear(x, self.query).view(batch, length, self.heads, self.width).transpose(1, 2)
        key = functional.linear(x, self.key).view(batch, length, self.groups, self.width).transpose(1, 2)
        value = functional.linear(x, self.value).view(batch, length, self.groups, self.width).transpose(1, 2)
        if self.groups != self.heads:
            key = key.repeat_interleave(self.heads // self.groups, dim=1)
            value = value.repeat_interleave(self.heads // self.groups, dim=1)
        scores = query @ key.transpose(2, 3) / math.sqrt(self.width) + self.mask[:length, :length]
        if self.peak is not None:
            self.peak = torch.maximum(self.peak, scores.detach().max())
        mixed = (torch.softmax(scores, dim=-1) @ value).transpose(1, 2).reshape(batch, length, -1)
        return functional.linear(mixed, self.project)

    def feed_forward(self, x):
        inner = functional.linear(x, self.up)
        if self.gated:
            gate, linear = inner.chunk(2, dim=-1)
            inner = functional.silu(gate) * linear
        else:
            inner = functional.gelu(inner)
        return functional.linear(inner, self.down)

    def forward(self, x):
        x = x + self.sum(self.attention(self.copy(self.norm1(x))))
        return x + self.sum(self.feed_forward(self.copy(self.norm2(x))))


class Stage(nn.Module):
    """This rank's layers; the first stage embeds tokens, the last one computes the loss."""

    def __init__(self, options, parallel):
        super().__init__()
        make = Initializer(options, parallel)
        per_stage = options.num_layers // parallel.pipeline_size
        first = parallel.stage * per_stage
        self.parallel = parallel
        self.recompute = options.recompute_granularity is not None
        self.tied = not options.untie_embeddings_and_output_weights
        if parallel.first_stage:
            self.positions = make.weight("positions", options.max_position_embeddings, options.hidden_size, 0.02)
        if parallel.first_stage or (parallel.last_stage and self.tied):
            self.embedding = make.weight("embedding", options.vocab_size, options.hidden_size, 0.02)
            self.embedding.counted_elsewhere = not parallel.first_stage
        self.blocks = nn.ModuleList(Block(i, options, parallel, make) for i in range(first, first + per_stage))
        if parallel.last_stage:
            self.norm = nn.LayerNorm(options.hidden_size)
            if not self.tied:
                self.head = make.weight("head", options.vocab_size, options.hidden_size, 0.02)

    watched = False

    def watch(self):
        """From here on to `internals`, what happens inside is looked at."""
        low = torch.tensor(-math.inf, device=self.parallel.device)
        self.watched, self.norm_peak = True, low
        for block in self.blocks:
            block.peak = low

    def internals(self):
        """(largest attention logit, largest root mean square of a stage's output) since `watch`, on all ranks."""
        peaks = torch.stack([*(block.peak for block in self.blocks), self.norm_peak])
        both = self.parallel.largest(torch.stack([peaks[:-1].max(), peaks[-1]]))
        self.watched = False
        for block in self.blocks:
            block.peak = None
        return float(both[0]), float(both[1])

    def forward(self, x, targets=None):
        """Tokens (batch, length) or activations (batch, length, hidden) to activations, or to the mean loss."""
        if self.parallel.first_stage:
            x = functional.embedding(x, self.embedding) + self.positions[:x.shape[1]]
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=True) if self.recompute and self.training else block(x)
        if self.watched:
            self.norm_peak = torch.maximum(self.norm_peak, x.detach().square().mean().sqrt())
        if not self.parallel.last_stage:
            return x
        logits = functional.linear(self.norm(x), self.embedding if self.tied else self.head)
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def synchronise_tied_gradient(self):
        """The first and the last stage hold the same embedding: each needs both gradients."""
        if self.tied and self.parallel.pipeline_size > 1 and hasattr(self, "embedding"):
            self.parallel.sum_embedding(self.embedding.grad)
