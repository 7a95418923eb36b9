"""Tests the devices of a job before it trains: `python3 -m longhaul_trainer.preflight --seconds S --out FILE`.

Started once per rank with the rank's environment. Each rank multiplies matrices, fills and reads back memory, exchanges
data with the same rank of the next node and of the one before, and sums with all; what comes out is compared with what has
to. Writes JSON: rates, and what was wrong. Judging is the service's, against the other ranks (monitor/node/Preflight).
"""

import argparse
import datetime
import json
import os
import statistics
import sys
import time

TIMEOUT = datetime.timedelta(seconds=60)
REPETITIONS = 5
PATTERNS = (0x55, 0xAA, 0x00, 0xFF)


def shapes(torch):
    """(device, backend, side of the matrices, their type, bytes to exchange) of this rank."""
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
        return device, "nccl", 8192, torch.bfloat16, 256 << 20
    return torch.device("cpu"), "gloo", 512, torch.float32, 4 << 20


def usual_best(times):
    """A time that one in ten is below: what the device can do, little disturbed by what else the machine does."""
    return sorted(times)[len(times) // 10]


def timed(device, call):
    """Seconds of a call whose work is done when it returns."""
    import torch

    def settle():
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    settle()
    begin = time.perf_counter()
    call()
    settle()
    return time.perf_counter() - begin


def multiply(torch, device, side, kind, seconds):
    """(floating-point operations per second, products that differ from the first): the same operands, again and again."""
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randn(side, side, generator=generator).to(device=device, dtype=kind) for _ in range(2))
    first = a @ b
    times, wrong, end = [], 0, time.perf_counter() + seconds
    while len(times) < REPETITIONS or time.perf_counter() < end:
        product = None

        def call():
            nonlocal product
            product = a @ b

        times.append(timed(device, call))
        wrong += not torch.equal(product, first)
    return 2 * side ** 3 / usual_best(times), wrong


def remember(torch, device, seconds):
    """(bytes copied per second, bytes that were read back otherwise than written), of most of the free memory of a GPU
    if there is time."""
    size = 64 << 20
    if device.type == "cuda" and seconds >= 30:
        size = int(0.8 * torch.cuda.mem_get_info(device)[0]) // 2
    block, other = (torch.empty(size, dtype=torch.uint8, device=device) for _ in range(2))
    times, wrong, end = [], 0, time.perf_counter() + seconds
    while len(times) < REPETITIONS or time.perf_counter() < end:
        pattern = PATTERNS[len(times) % len(PATTERNS)]
        block.fill_(pattern)
        times.append(timed(device, lambda: other.copy_(block)))
        wrong += int((other != pattern).sum())
    return 2 * size / usual_best(times), wrong


def exchange(torch, dist, device, size, rank, world):
    """(bytes per second with the better of two neighbours, wrong bytes). Neighbours are the same ranks of other nodes, or of
    this node if there is no other; None if there is nobody."""
    per_node = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    step = per_node if world > per_node else 1
    places = world // step
    place = rank // step
    mine = torch.full((size,), rank % 251, dtype=torch.uint8, device=device)
    theirs = torch.empty_like(mine)
    best, wrong = 0.0, 0
    for turn in (0, 1):
        # Each pair is alone with itself: in the second turn everybody has another partner.
        partner = place + 1 if place % 2 == turn else place - 1
        if not 0 <= partner < places:
            if places % 2 or places == 2:
                continue
            partner %= places
        other = rank + (partner - place) * step
        times = []
        for _ in range(REPETITIONS):
            def call():
                for request in dist.batch_isend_irecv([dist.P2POp(dist.isend, mine, other),
                                                       dist.P2POp(dist.irecv, theirs, other)]):
                    request.wait()

            times.append(timed(device, call))
            wrong += int((theirs != other % 251).sum())
        best = max(best, size / min(times))
    return (best or None), wrong


def reduce(torch, dist, device, size, rank, world):
    """(seconds of a sum over all ranks, wrong elements)."""
    times, wrong = [], 0
    for _ in range(REPETITIONS):
        tensor = torch.full((size // 4,), float(rank % 8 + 1), device=device)
        times.append(timed(device, lambda: dist.all_reduce(tensor)))
        wrong += int((tensor != float(sum(r % 8 + 1 for r in range(world)))).sum())
    return statistics.median(times), wrong


def measure(seconds):
    """This rank's rates and what was wrong, for about `seconds` of multiplying and as long of remembering."""
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    device, backend, side, kind, size = shapes(torch)
    values, problems = {}, []

    def note(name, value, wrong, what):
        if value is not None:
            values[name] = value
        if wrong:
            problems.append(f"{wrong} {what}")

    note("matmulFlops", *multiply(torch, device, side, kind, seconds), "products of the same matrices differ")
    note("memoryBytesPerSecond", *remember(torch, device, seconds), "bytes of memory were read back otherwise")
    if world > 1:
        dist.init_process_group(backend, init_method="env://", timeout=TIMEOUT)
        note("linkBytesPerSecond", *exchange(torch, dist, device, size, rank, world), "bytes arrived otherwise")
        note("allReduceSeconds", *reduce(torch, dist, device, size, rank, world), "sums over all ranks are wrong")
        dist.barrier()
    return {"device": device.type, "values": values, "wrong": "; ".join(problems)}


def main(argv):
    parser = argparse.ArgumentParser(prog="longhaul_trainer.preflight")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--out", required=True)
    options = parser.parse_args(argv)
    try:
        import torch  # noqa: F401
    except ImportError as problem:
        print(f"longhaul_trainer.preflight: PyTorch is missing ({problem})", file=sys.stderr)
        return 3
    result = measure(options.seconds)
    with open(options.out + ".new", "w", encoding="utf-8") as file:
        json.dump(result, file)
    os.replace(options.out + ".new", options.out)
    sys.stderr.flush()
    os._exit(0)  # the store of the process group is wanted by nobody any more


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
