import os
import sys

ENVIRONMENT, FAILURE = 3, 1


def main():
    from .arguments import parse

    try:
        world = int(os.environ.get("WORLD_SIZE", "1"))
    except ValueError:
        sys.exit("longhaul_trainer: WORLD_SIZE is not a number")
    options = parse(sys.argv[1:], world)
    try:
        import torch
    except ImportError as problem:
        print(f"longhaul_trainer: PyTorch is missing ({problem}): install python3-torch", file=sys.stderr)
        return ENVIRONMENT
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    from .checkpoint import CheckpointError
    from .data import CorpusError
    from .train import Trainer, fail

    try:
        code = Trainer(options).run()
    except (CorpusError, CheckpointError) as problem:
        fail(ENVIRONMENT, str(problem))
    except (OSError, RuntimeError) as problem:
        fail(FAILURE, repr(problem))
    sys.stdout.flush()
    # Process groups and their threads are not worth an orderly end, and could hang in it.
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
