"""Advice between attempts against the untouched twin, on real training of small models.

Each seed trains one recipe for half of its steps, asks `longhaul laws advise` what to do with the rest, and then goes on
from the same checkpoint twice: as planned and as advised, with the same data and tokens. Every second recipe is poor on
purpose. Prints every pair; fails if advice was never given, or helped in fewer than
nine of ten pairs where it was.

    /usr/bin/python3 e2e/advice_pairs.py --seeds 10 --out /tmp/pairs
"""

import argparse
import csv
import hashlib
import json
import os
import pathlib
import random
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
WARMUP = 20
PIECE_BYTES = 512
# Share of the steps that the planned decay takes, and the rate at its end as share of the peak; None is no decay.
RECIPES = [("constant", None, 1.0), ("linear to 0", 1.0, 0.0), ("decay in the last 5 %", 0.05, 0.0),
           ("WSD, half of the steps to 0", 0.5, 0.0), ("decay to half of the peak", 0.3, 0.5),
           ("WSD, 40 % to 0", 0.4, 0.0)]
PEAKS = [1e-3, 2e-3, 4e-3]
LINE = re.compile(r"iteration +(\d+)/.*learning rate: (\S+).*lm loss: (\S+?) ?\|")
LEAST_BETTER = 0.9


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seeds", type=int, default=10)
    p.add_argument("--first-seed", type=int, default=1)
    p.add_argument("--steps", type=int, default=600)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--longhaul", default=os.environ.get("LONGHAUL", str(ROOT / "longhaul")), help="the command")
    return p.parse_args()


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT / "worker"), "OMP_NUM_THREADS": "1"}


def build_corpus(folder):
    """Text of this machine in shuffled pieces: in the order of its files the loss follows the kind of text."""
    subprocess.run([sys.executable, "-m", "longhaul_agent.corpus", "--out", str(folder), "--shards", "40",
                    "--shard-bytes", str(32 * 1024)], env=environment(), check=True, stdout=subprocess.DEVNULL)
    manifest = json.loads((folder / "manifest.json").read_text())
    text = b"".join((folder / shard["file"]).read_bytes() for shard in manifest["shards"])
    pieces = [text[at:at + PIECE_BYTES] for at in range(0, len(text), PIECE_BYTES)]
    random.Random(1).shuffle(pieces)
    text = b"".join(pieces)
    at = 0
    for shard in manifest["shards"]:
        part = text[at:at + shard["bytes"]]
        at += shard["bytes"]
        (folder / shard["file"]).write_bytes(part)
        shard["sha256"] = hashlib.sha256(part).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def train(o, seed, to, schedule, more):
    line = [sys.executable, "-m", "longhaul_trainer", "--num-layers", 2, "--hidden-size", 64, "--num-attention-heads", 4,
            "--seq-length", 64, "--micro-batch-size", 16, "--global-batch-size", 16, "--seed", seed, "--train-iters", to,
            "--weight-decay", 0.1, "--data-path", o.out / "corpus", *schedule, *more]
    done = subprocess.run([str(word) for word in line], env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the trainer ended with {done.returncode}: {done.stderr[-2000:]}")
    return [(int(step), float(rate), float(loss)) for step, rate, loss in LINE.findall(done.stdout)]


def planned(o, peak, share, low):
    line = ["--lr", peak, "--lr-warmup-iters", WARMUP, "--lr-decay-iters", o.steps]
    if share is None:
        return [*line, "--lr-decay-style", "constant"], []
    length = o.steps - WARMUP if share == 1 else round(share * o.steps)
    line += ["--min-lr", low * peak, "--lr-decay-style", "WSD", "--lr-wsd-decay-iters", length]
    return line, ["--decay-start", o.steps - length, "--low", low * peak]


def advice(o, curve, plan):
    # The command counts from 0, the trainer from 1.
    with (o.out / "curve.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["step", "lr", "loss"])
        rows.writerows((step - 1, rate, loss) for step, rate, loss in curve)
    line = [*shlex.split(o.longhaul), "laws", "advise", str(o.out / "curve.csv"), "--total", str(o.steps), "--json",
            *map(str, plan)]
    return json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout)


def end(o, curve):
    last = [loss for step, _, loss in curve if step > o.steps - o.steps // 20]
    return sum(last) / len(last)


def main():
    o = options()
    o.out.mkdir(parents=True, exist_ok=True)
    if not (o.out / "corpus").exists():
        build_corpus(o.out / "corpus")
    pairs = []
    for seed in range(o.first_seed, o.first_seed + o.seeds):
        name, share, low = RECIPES[(seed - 1) % len(RECIPES)]
        peak = PEAKS[(seed - 1) // 2 % len(PEAKS)]
        schedule, plan = planned(o, peak, share, low)
        checkpoint = o.out / f"checkpoint-{seed}"
        half = train(o, seed, o.steps // 2, schedule, ["--save", checkpoint, "--save-interval", o.steps // 2])
        said = advice(o, half, plan)
        pair = {"seed": seed, "recipe": name, "peak": peak, "advised": said["advised"]}
        if said["advised"]:
            resume = ["--load", checkpoint, "--ckpt-step", o.steps // 2]
            advised = [word for word in said["megatron"].split() if word != "--override-opt_param-scheduler"]
            pair["twin"] = end(o, train(o, seed, o.steps, schedule, resume))
            pair["final"] = end(o, train(o, seed, o.steps, advised, resume))
            pair["effect"] = pair["final"] - pair["twin"]
            pair.update({k: said[k] for k in ("unchanged", "finalLoss", "low90", "high90", "effectLow90", "effectHigh90")})
            print(f"seed {seed}, {name}, peak {peak:g}: as planned {pair['twin']:.4f}, as advised {pair['final']:.4f},"
                  f" {pair['effect']:+.4f}; predicted {said['finalLoss'] - said['unchanged']:+.4f}"
                  f" (90 %: {said['effectLow90']:+.4f} to {said['effectHigh90']:+.4f})", flush=True)
        else:
            print(f"seed {seed}, {name}, peak {peak:g}: abstains: {said['explanation'][:110]}", flush=True)
        pairs.append(pair)
    given = [p for p in pairs if p["advised"]]
    better = sum(p["effect"] < 0 for p in given)
    effects = sum(p["effectLow90"] <= p["effect"] <= p["effectHigh90"] for p in given)
    finals = sum(p["low90"] <= p["final"] <= p["high90"] for p in given)
    (o.out / "pairs.json").write_text(json.dumps(pairs, indent=1))
    print(f"{len(pairs)} runs: advice in {len(given)}, better in {better} of them; effect in its 90 % interval {effects},"
          f" final loss in its 90 % interval {finals}; abstained from {len(pairs) - len(given)}")
    return 0 if given and better >= LEAST_BETTER * len(given) else 1


if __name__ == "__main__":
    sys.exit(main())
