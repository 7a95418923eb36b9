"""Command line, in Megatron-LM's names (megatron/training/arguments.py)."""

import argparse
import math

USAGE = 2
SCHEDULES = ("constant", "linear", "cosine", "WSD")
POSITIVE = ("num_layers", "hidden_size", "num_attention_heads", "seq_length", "micro_batch_size", "global_batch_size",
            "train_iters", "tensor_model_parallel_size", "pipeline_model_parallel_size", "log_interval")
NOT_NEGATIVE = ("ffn_hidden_size", "num_query_groups", "max_position_embeddings", "lr", "min_lr", "lr_warmup_iters",
                "lr_decay_iters", "lr_wsd_decay_iters", "weight_decay", "clip_grad", "adam_eps", "save_interval",
                "ckpt_step", "eval_interval", "eval_iters")


def parser():
    p = argparse.ArgumentParser(prog="longhaul_trainer", allow_abbrev=False)
    whole, real = int, float
    for name, kind, default in (
            ("num-layers", whole, None), ("hidden-size", whole, None), ("ffn-hidden-size", whole, 0),
            ("num-attention-heads", whole, None), ("num-query-groups", whole, 0), ("seq-length", whole, None),
            ("max-position-embeddings", whole, 0), ("micro-batch-size", whole, 1), ("global-batch-size", whole, None),
            ("train-iters", whole, None), ("lr", real, None), ("min-lr", real, 0.0), ("lr-warmup-iters", whole, 0),
            ("lr-decay-iters", whole, 0), ("lr-wsd-decay-iters", whole, 0), ("weight-decay", real, 0.01),
            ("clip-grad", real, 1.0), ("adam-beta1", real, 0.9), ("adam-beta2", real, 0.95), ("adam-eps", real, 1e-8),
            ("seed", whole, 1234), ("tensor-model-parallel-size", whole, 1),
            ("pipeline-model-parallel-size", whole, 1), ("context-parallel-size", whole, 1),
            ("save-interval", whole, 0), ("ckpt-step", whole, 0), ("eval-interval", whole, 0),
            ("eval-iters", whole, 0), ("log-interval", whole, 1), ("vocab-size", whole, 256)):
        p.add_argument(f"--{name}", type=kind, default=default, required=default is None)
    p.add_argument("--data-path", required=True)
    p.add_argument("--save")
    p.add_argument("--load")
    p.add_argument("--lr-decay-style", choices=SCHEDULES, default="linear")
    p.add_argument("--lr-wsd-decay-style", choices=("linear",), default="linear")
    p.add_argument("--recompute-granularity", choices=("full", "selective"))
    p.add_argument("--recompute-method", choices=("uniform", "block"))
    p.add_argument("--recompute-num-layers", type=int)
    p.add_argument("--iterations-to-skip", type=int, nargs="*", default=[])
    p.add_argument("--distributed-backend", choices=("gloo", "nccl"), default="gloo")
    for flag in ("group-query-attention", "swiglu", "untie-embeddings-and-output-weights",
                 "use-distributed-optimizer", "log-max-attention-logit"):
        p.add_argument(f"--{flag}", action="store_true")
    return p


def _check_limits(o, error):
    for name, low, high in (
            [(name, 1, math.inf) for name in POSITIVE] + [(name, 0, math.inf) for name in NOT_NEGATIVE]
            + [("adam_beta1", 0, 1), ("adam_beta2", 0, 1), ("seed", 0, 1 << 32), ("vocab_size", 256, math.inf)]):
        value, flag = getattr(o, name), f"--{name.replace('_', '-')}"
        if not low <= value < high:  # NaN is refused with the rest
            error(f"{flag} must be at least {low} and below {high}, got {value}")


def parse(argv, world_size):
    """The options; ends the process with exit code 2 and the reason if they contradict each other."""
    p = parser()
    o = p.parse_args(argv)
    _check_limits(o, p.error)
    o.ffn_hidden_size = o.ffn_hidden_size or 4 * o.hidden_size
    o.num_query_groups = (o.num_query_groups if o.group_query_attention else 0) or o.num_attention_heads
    o.max_position_embeddings = o.max_position_embeddings or o.seq_length
    o.lr_decay_iters = o.lr_decay_iters or o.train_iters
    tensor, pipeline = o.tensor_model_parallel_size, o.pipeline_model_parallel_size

    def need(condition, message):
        if not condition:
            p.error(message)

    need(o.context_parallel_size == 1, "--context-parallel-size: this trainer only knows 1")
    need(world_size % (tensor * pipeline) == 0,
         f"world size {world_size} is not a multiple of tensor {tensor} x pipeline {pipeline}")
    o.data_parallel_size = world_size // (tensor * pipeline)
    per_step = o.micro_batch_size * o.data_parallel_size
    need(o.global_batch_size % per_step == 0,
         f"--global-batch-size {o.global_batch_size} is not a multiple of micro-batch x data parallel = {per_step}")
    o.micro_batches = o.global_batch_size // per_step
    need(o.hidden_size % o.num_attention_heads == 0, "--hidden-size must be a multiple of --num-attention-heads")
    need(o.num_attention_heads % o.num_query_groups == 0,
         "--num-attention-heads must be a multiple of --num-query-groups")
    need(o.num_query_groups % tensor == 0, "the number of key/value heads must be a multiple of the tensor size")
    need(o.ffn_hidden_size % tensor == 0, "--ffn-hidden-size must be a multiple of the tensor size")
    need(o.num_layers % pipeline == 0, "--num-layers must be a multiple of the pipeline size")
    need(o.seq_length <= o.max_position_embeddings, "--seq-length must not exceed --max-position-embeddings")
    need(o.lr > 0 and 0 <= o.min_lr <= o.lr, "--lr must be positive and --min-lr between 0 and --lr")
    need(o.lr_wsd_decay_iters <= o.lr_decay_iters, "--lr-wsd-decay-iters must not exceed --lr-decay-iters")
    need(not o.save_interval or o.save, "--save-interval needs --save")
    need(not o.ckpt_step or o.load, "--ckpt-step needs --load")
    return o
