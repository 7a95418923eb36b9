"""Stands in for the trainer: takes its options, tells what it would tell, computes nothing.

Writes down each step in the directory WITNESS by itself, without agent or service. PACE: seconds of a step;
BAD_STEP: it fails when it starts from the checkpoint of that step. Ranks do not wait for each other.
"""
import hashlib
import json
import os
import pathlib
import signal
import sys
import time

option = {name: value for name, value in zip(sys.argv, sys.argv[1:]) if name.startswith("--")}
rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
attempt, pace = int(os.environ["LONGHAUL_ATTEMPT"]), float(os.environ.get("PACE", "0.2"))
steps, every = int(option["--train-iters"]), int(option["--save-interval"])
batch = int(option["--global-batch-size"])
step = int(os.environ["LONGHAUL_RESUME_STEP"])
witness = open(pathlib.Path(os.environ["WITNESS"]) / f"witness-{attempt}-{rank}-{os.getpid()}", "a", buffering=1)
report = open(os.environ["LONGHAUL_REPORT_FILE"], "a", buffering=1)
leaving = []
signal.signal(signal.SIGTERM, lambda number, frame: leaving.append(number))


def note(kind):
    witness.write(json.dumps({"at": time.time(), "kind": kind, "attempt": attempt, "rank": rank, "step": step,
                              "node": os.environ["LONGHAUL_NODE"]}) + "\n")


def save():
    directory = pathlib.Path(option["--save"]) / f"iter_{step:07d}"
    directory.mkdir(parents=True, exist_ok=True)
    data = f"weights of step {step}".encode()
    (directory / "weights").write_bytes(data)
    (directory / "MANIFEST.json").write_text(json.dumps({"step": step, "attempt": attempt, "files": [
        {"file": "weights", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}]}))
    report.write(json.dumps({"kind": "checkpoint", "step": step, "path": str(directory),
                             "consumedSamples": step * batch, "seconds": 0.01}) + "\n")


note("start")
if step and step == int(os.environ.get("BAD_STEP", "0")):
    sys.exit(f"RuntimeError: the weights of step {step} are not finite")
while step < steps:
    time.sleep(pace)
    step += 1
    note("step")
    report.write(json.dumps({"kind": "step", "step": step, "computeSeconds": pace, "communicationSeconds": 0.0,
                             "totalSeconds": pace}) + "\n")
    if rank == world - 1:
        print(f" iteration {step:8d}/{steps:8d} | consumed samples: {step * batch:12d} | elapsed time per iteration"
              f" (ms): {1e3 * pace:.1f} | learning rate: 1.000000E-03 | global batch size: {batch:5d} |"
              f" lm loss: {2 + 3 / (step + 1):.6E} | loss scale: 1.0 | grad norm: 1.000 |"
              " number of skipped iterations:   0 | number of nan iterations:   0 |", flush=True)
    if rank == 0 and (step % every == 0 or step == steps or leaving):
        save()
    if leaving:
        sys.exit(143)
