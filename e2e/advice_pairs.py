"""Advice between attempts against the untouched twin, on real training of small models.

A small sweep of the same model is trained first, as evidence. Then each seed trains one recipe for half of its steps, asks
`longhaul laws advise` what to do with the rest, and goes on from the same checkpoint twice: as planned and as advised, with
the same data and tokens. Half of the ten recipes are poor on purpose. Losses are those of the same held-out text every few
steps: batches of the training differ by more than schedules do. Final losses are means over the last twentieth of the steps.
Prints every pair; fails if advice was never given, or helped in fewer than nine of ten pairs where it was.

    /usr/bin/python3 e2e/advice_pairs.py --seeds 10 --out /tmp/pairs
"""

import argparse
import csv
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "worker"))
from longhaul_trainer.arguments import parse  # noqa: E402
from longhaul_trainer.schedule import learning_rate  # noqa: E402

SEQUENCE = 32
WARMUP = 20
EVERY = 10


def recipe(peak, style, share=0.0, low=0.0, warmup=0.0, end=1.0):
    """Shares are of all steps, except `low`, the rate at the decay's end as share of the peak."""
    return {"peak": peak, "style": style, "share": share, "low": low, "warmup": warmup, "end": end}


SWEEP = [recipe(5e-4, "constant"), recipe(1e-3, "WSD", 0.5), recipe(2e-3, "constant"), recipe(2e-3, "linear"),
         recipe(4e-3, "WSD", 0.2), recipe(4e-3, "cosine", low=0.1)]
RECIPES = [
    ("good: WSD, a fifth of the steps to 0", recipe(2e-3, "WSD", 0.2)),
    ("poor: peak 4 times too low", recipe(5e-4, "WSD", 0.2)),
    ("good: WSD, 30 % to 0", recipe(4e-3, "WSD", 0.3)),
    ("poor: no decay", recipe(4e-3, "constant")),
    ("good: cosine to a tenth", recipe(4e-3, "cosine", low=0.1)),
    ("poor: low peak, falling from the start", recipe(1e-3, "linear")),
    ("good: WSD, a tenth to 0", recipe(2e-3, "WSD", 0.1)),
    ("poor: warm-up over 60 % of the steps", recipe(2e-3, "WSD", 0.1, warmup=0.6)),
    ("good: linear to a tenth", recipe(4e-3, "linear", low=0.1)),
    ("poor: decayed before half of the steps", recipe(2e-3, "linear", low=0.1, end=0.45)),
]
VALIDATION = re.compile(r"validation loss at iteration (\d+) \| lm loss value: (\S+)")
LEAST_BETTER = 0.9


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seeds", type=int, default=10)
    p.add_argument("--first-seed", type=int, default=1)
    p.add_argument("--steps", type=int, default=1000)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--longhaul", default=os.environ.get("LONGHAUL", str(ROOT / "longhaul")), help="the command")
    return p.parse_args()


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT / "worker"), "OMP_NUM_THREADS": "1"}


def build_corpus(folder):
    subprocess.run([sys.executable, "-m", "longhaul_agent.corpus", "--out", str(folder), "--shards", "40",
                    "--shard-bytes", str(32 * 1024), "--piece-bytes", str(SEQUENCE)], env=environment(), check=True)


def arguments(o, seed, to, schedule, more=()):
    line = ["--num-layers", 1, "--hidden-size", 64, "--num-attention-heads", 4, "--seq-length", SEQUENCE,
            "--micro-batch-size", 32, "--global-batch-size", 32, "--seed", seed, "--train-iters", to, "--weight-decay", 0.1,
            "--eval-interval", EVERY, "--eval-iters", 8, "--data-path", o.out / "corpus", *schedule, *more]
    return [str(word) for word in line]


def train(o, *what):
    """[(step, validation loss)]"""
    line = [sys.executable, "-m", "longhaul_trainer", *arguments(o, *what)]
    log = o.out / "logs" / f"{hashlib.sha256(' '.join(line).encode()).hexdigest()[:16]}.log"
    if not log.exists():  # A run that was done before an interruption is not done again.
        done = subprocess.run(line, env=environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the trainer ended with {done.returncode}: {done.stderr[-2000:]}")
        log.write_text(done.stdout)
    return [(int(step), float(loss)) for step, loss in VALIDATION.findall(log.read_text())]


def words(o, r):
    """The recipe in the trainer's arguments."""
    end = round(r["end"] * o.steps)
    return ["--lr", r["peak"], "--min-lr", r["low"] * r["peak"], "--lr-decay-style", r["style"], "--lr-decay-iters", end,
            "--lr-warmup-iters", round(r["warmup"] * o.steps) or WARMUP, "--lr-wsd-decay-iters", round(r["share"] * o.steps)]


def write(path, header, rows):
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(header)
        out.writerows(rows)
    return str(path)


def rates(o, schedule):
    """Learning rate of every step, as the trainer computes it."""
    whole = parse(arguments(o, 0, o.steps, schedule), 1)
    return [learning_rate(whole, step) for step in range(1, o.steps + 1)]


def curve_file(o, name, schedule, curve):
    # The command counts from 0, the trainer from 1.
    losses = dict(curve)
    rows = [(step, rate, losses.get(step + 1, "")) for step, rate in enumerate(rates(o, schedule)[:curve[-1][0]])]
    return write(o.out / f"{name}.csv", ["step", "lr", "loss"], rows)


def advice(o, sweep, half, schedule):
    table = write(o.out / "planned.csv", ["step", "lr"], enumerate(rates(o, schedule)))
    warmup = schedule[schedule.index("--lr-warmup-iters") + 1]
    line = [*shlex.split(o.longhaul), "laws", "advise", *sweep, curve_file(o, "run", schedule, half), "--total", str(o.steps),
            "--planned", f"table:{table}", "--warmup", str(warmup), "--json"]
    return json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout)


def end(o, curve):
    last = [loss for step, loss in curve if step > o.steps - o.steps // 20]
    return sum(last) / len(last)


def pair(o, sweep, seed):
    name, r = RECIPES[(seed - 1) % len(RECIPES)]
    schedule = words(o, r)
    checkpoint = o.out / f"checkpoint-{seed}"
    half = train(o, seed, o.steps // 2, schedule, ["--save", checkpoint, "--save-interval", o.steps // 2])
    said = advice(o, sweep, half, schedule)
    title = f"seed {seed}, {name}, peak {r['peak']:g}"
    if not said["advised"]:
        print(f"{title}: abstains: {said['explanation'][:140]}", flush=True)
        return {"seed": seed, "recipe": name, **r, "advised": False}
    resume = ["--load", checkpoint, "--ckpt-step", o.steps // 2]
    advised = [word for word in said["megatron"].split() if word != "--override-opt_param-scheduler"]
    twin = end(o, train(o, seed, o.steps, schedule, resume))
    changed = end(o, train(o, seed, o.steps, advised, resume))
    effect = changed - twin
    print(f"{title}: as planned {twin:.4f}, as advised {changed:.4f}, {effect:+.4f}; predicted"
          f" {said['finalLoss'] - said['unchanged']:+.4f} (90 %: {said['effectLow90']:+.4f} to"
          f" {said['effectHigh90']:+.4f}): {said['megatron'].split('scheduler ')[1]}", flush=True)
    return {"seed": seed, "recipe": name, **r, "advised": True, "effect": effect, "final": changed,
            **{k: said[k] for k in ("unchanged", "finalLoss", "low90", "high90", "effectLow90", "effectHigh90", "megatron")}}


def main():
    o = options()
    (o.out / "logs").mkdir(parents=True, exist_ok=True)
    if not (o.out / "corpus").exists():
        build_corpus(o.out / "corpus")
    sweep = []
    for i, r in enumerate(SWEEP):
        sweep.append(curve_file(o, f"sweep-{i}", words(o, r), train(o, 1000 + i, o.steps, words(o, r))))
    pairs = [pair(o, sweep, seed) for seed in range(o.first_seed, o.first_seed + o.seeds)]
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
