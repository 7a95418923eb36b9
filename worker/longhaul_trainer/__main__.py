import os
import sys
import traceback

ENVIRONMENT, FAILURE = 3, 1


def main():
    from .arguments import parse

    world = os.environ.get("WORLD_SIZE", "1")
    if not world.isdecimal() or int(world) < 1:
        return refuse(f"WORLD_SIZE is {world!r}, not a number of ranks")
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if int(world) > 1 and name not in os.environ]
    if missing:
        return refuse(f"WORLD_SIZE is {world}, but {', '.join(missing)} not set (docs/worker-protocol.md)")
    options = parse(sys.argv[1:], int(world))
    try:
        import numpy  # noqa: F401
        import torch
    except ImportError as problem:
        return refuse(f"PyTorch is missing ({problem}): install python3-torch")
    if options.distributed_backend == "nccl" and not torch.cuda.is_available():
        return refuse("--distributed-backend nccl needs a CUDA device, and torch sees none")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    from .checkpoint import CheckpointError
    from .data import CorpusError
    from .train import Trainer

    try:
        code = Trainer(options).run()
    except (CorpusError, CheckpointError) as problem:
        code = refuse(str(problem))
    except Exception:
        traceback.print_exc()
        code = FAILURE
    sys.stdout.flush()
    sys.stderr.flush()
    # Process groups and their threads are not worth an orderly end, and could hang in it.
    os._exit(code)


def refuse(message):
    print(f"longhaul_trainer: {message}", file=sys.stderr)
    return ENVIRONMENT


if __name__ == "__main__":
    sys.exit(main())
