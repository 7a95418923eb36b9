"""Measures this machine with all ranks at work: `python3 -m longhaul_trainer.probe --ranks N --out FILE ...`.

Times one transformer layer of the given shape, the embedding with the loss, an optimizer update, a large matrix
multiplication and all-reduces, and writes medians as JSON. Takes a few seconds.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

SMALL, LARGE = 1, 8


def options_of(argv):
    parser = argparse.ArgumentParser(prog="longhaul_trainer.probe")
    parser.add_argument("--ranks", type=int, required=True)
    parser.add_argument("--out", required=True)
    for name in ("hidden-size", "ffn-hidden-size", "num-attention-heads", "num-query-groups", "seq-length",
                 "vocab-size"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--swiglu", action="store_true")
    parser.add_argument("--rank-file", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def median_seconds(call, budget):
    """Median time of a call, repeated for about `budget` seconds after two warm-up calls."""
    call()
    call()
    times, end = [], time.perf_counter() + budget
    while len(times) < 3 or time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def measure(options):
    """One rank's measurements."""
    import torch
    import torch.distributed as dist

    from .arguments import parse
    from .model import Stage
    from .optimizer import Optimizer
    from .parallel import Parallel

    torch.set_num_threads(1)
    arguments = ["--num-layers", "1", "--hidden-size", str(options.hidden_size), "--ffn-hidden-size",
                 str(options.ffn_hidden_size), "--num-attention-heads", str(options.num_attention_heads),
                 "--group-query-attention", "--num-query-groups", str(options.num_query_groups), "--seq-length",
                 str(options.seq_length), "--vocab-size", str(options.vocab_size), "--global-batch-size",
                 str(options.ranks), "--train-iters", "1", "--lr", "1e-3", "--data-path", "."]
    model = parse(arguments + (["--swiglu"] if options.swiglu else []), options.ranks)
    parallel = Parallel(model)
    stage = Stage(model, parallel)
    block = stage.blocks[0]

    def layer(batch):
        x = torch.randn(batch, model.seq_length, model.hidden_size, requires_grad=True)
        return lambda: block(x).sum().backward()

    def whole(batch):
        tokens = torch.randint(model.vocab_size, (batch, model.seq_length))
        return lambda: stage(tokens, tokens).backward()

    # Layer and whole model in turn, so that a disturbance of the machine hits both alike.
    layers = {batch: median_seconds(layer(batch), 0.5) for batch in (SMALL, LARGE)}
    wholes = {batch: median_seconds(whole(batch), 0.5) for batch in (SMALL, LARGE)}
    optimizer = Optimizer(stage, model, parallel)

    def update():
        optimizer.zero()
        optimizer.update(1e-3, 2.0)

    matrix = torch.randn(512, 512)
    small, large = torch.zeros(2), torch.zeros(1 << 20)
    result = {
        "matmulFlops": 2 * 512 ** 3 / median_seconds(lambda: matrix @ matrix, 0.3),
        "layer": layers, "whole": wholes,
        "optimizerSecondsPerParameter": median_seconds(update, 0.2) / optimizer.size,
        "allReduceSmall": 0.0, "allReduceLarge": 0.0,
    }
    if options.ranks > 1:
        dist.barrier()
        for name, tensor in (("allReduceSmall", small), ("allReduceLarge", large)):
            times = []
            for _ in range(20):
                begin = time.perf_counter()
                dist.all_reduce(tensor)
                times.append(time.perf_counter() - begin)
            result[name] = statistics.median(times)
    result["largeBytes"] = large.numel() * 4
    return result


def line(times):
    """(seconds apart from samples, seconds per sample) through the two measured batches."""
    slope = max(0.0, (times[LARGE] - times[SMALL]) / (LARGE - SMALL))
    return max(0.0, times[SMALL] - slope * SMALL), slope


def summary(options, ranks):
    """The slowest rank counts: the others wait for it."""
    worst = {name: {batch: max(r[name][batch] for r in ranks) for batch in (SMALL, LARGE)}
             for name in ("layer", "whole")}
    layer_overhead, layer_seconds = line(worst["layer"])
    head_overhead, head_seconds = line({b: worst["whole"][b] - worst["layer"][b] for b in (SMALL, LARGE)})
    latency = max(r["allReduceSmall"] for r in ranks)
    large = max(r["allReduceLarge"] for r in ranks)
    share = 2 * (options.ranks - 1) / options.ranks * ranks[0]["largeBytes"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "ranks": options.ranks, "cores": len(os.sched_getaffinity(0)), "device": "cpu",
        "memoryBytesPerRank": 0.7 * memory / options.ranks,
        "matmulFlops": min(r["matmulFlops"] for r in ranks),
        "layerSeconds": layer_seconds, "layerOverheadSeconds": layer_overhead,
        "headSeconds": head_seconds, "headOverheadSeconds": head_overhead,
        "optimizerSecondsPerParameter": max(r["optimizerSecondsPerParameter"] for r in ranks),
        "allReduceLatencySeconds": latency,
        "allReduceBytesPerSecond": share / max(large - latency, 1e-6) if options.ranks > 1 else 1e12,
    }


def run_ranks(options, argv):
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        files = [os.path.join(directory, f"{rank}.json") for rank in range(options.ranks)]
        processes = []
        for rank, file in enumerate(files):
            environment = dict(os.environ, RANK=str(rank), WORLD_SIZE=str(options.ranks), LOCAL_RANK=str(rank),
                               MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), OMP_NUM_THREADS="1",
                               OPENBLAS_NUM_THREADS="1")
            processes.append(subprocess.Popen(
                [sys.executable, "-m", "longhaul_trainer.probe", *argv, "--rank-file", file], env=environment))
        if any([process.wait() for process in processes]):
            raise SystemExit("longhaul_trainer.probe: a rank failed, see above")
        ranks = []
        for file in files:
            with open(file, encoding="utf-8") as text:
                entry = json.load(text)
            for name in ("layer", "whole"):
                entry[name] = {int(batch): seconds for batch, seconds in entry[name].items()}
            ranks.append(entry)
        return ranks


def main(argv):
    options = options_of(argv)
    if options.rank_file:
        result = measure(options)
        with open(options.rank_file, "w", encoding="utf-8") as file:
            json.dump(result, file)
        os._exit(0)
    try:
        import torch  # noqa: F401
    except ImportError as problem:
        print(f"longhaul_trainer.probe: PyTorch is missing ({problem}): install python3-torch", file=sys.stderr)
        return 3
    result = summary(options, run_ranks(options, argv))
    with open(options.out + ".new", "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    os.replace(options.out + ".new", options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
