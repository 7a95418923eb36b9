"""Learning rate, as Megatron-LM's OptimizerParamScheduler.get_lr (megatron/core/optimizer_param_scheduler.py)."""

import math


def learning_rate(options, step):
    """Learning rate of optimizer step `step`, counted from 1.

    Megatron-LM logs this value for the step, but applies that of the step before, since it moves its scheduler on
    between the two: its first warm-up step does nothing. Here the value that is logged is the one applied.
    """
    top, low, warmup, decay = options.lr, options.min_lr, options.lr_warmup_iters, options.lr_decay_iters
    if warmup > 0 and step <= warmup:
        return top * step / warmup
    if options.lr_decay_style == "constant":
        return top
    if step > decay:
        return low
    if options.lr_decay_style == "WSD":
        begin = decay - options.lr_wsd_decay_iters
        if step <= begin:
            return top
        share = 1 - (step - begin) / options.lr_wsd_decay_iters
    else:
        progress = (step - warmup) / (decay - warmup)
        share = 1 - progress if options.lr_decay_style == "linear" else 0.5 * (math.cos(math.pi * progress) + 1)
    return low + share * (top - low)
