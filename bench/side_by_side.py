#!/usr/bin/env python3
"""The planner's search beside Calculon's, on one machine, under Calculon's own tables.

    bench/side_by_side.py CALCULON_DIR [JOB ...]

CALCULON_DIR is a checkout of calculon-ai/calculon (caa4b11f was compared); it needs psutil, pandas and numpy.
Jobs, with the CPU seconds that Calculon took on two cores: turing-530B (231), megatron-1T (513), gpt3-175B (1,631).
Build first (mvn -q package) and set JAVA_HOME to a JDK 25. Prints a table; exits 1 unless our winner, priced by Calculon itself, is at least as
good as Calculon's and was found with a thousandth of its CPU time.
"""
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
JOBS = {"gpt3-175B": (1024, 1536), "megatron-1T": (3072, 3072), "turing-530B": (2520, 2520)}
CLASSES = ":".join(str(ROOT / m / "target" / "classes") for m in ("bench", "parallelism-planner"))
JAVA = [str(pathlib.Path(os.environ.get("JAVA_HOME", "/usr"), "bin", "java")), "-Xshare:auto", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx64m", "-cp", CLASSES]


def timed(command, **options):
    """Output, wall seconds and CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, time.monotonic() - start, cpu


def main():
    if len(sys.argv) < 2 or not pathlib.Path(sys.argv[1], "bin", "calculon").is_file():
        sys.exit(__doc__)
    peer = pathlib.Path(sys.argv[1]).resolve()
    jobs = sys.argv[2:] or list(JOBS)
    unknown = [job for job in jobs if job not in JOBS]
    if unknown:
        sys.exit(f"JOB {unknown[0]}: must be one of {', '.join(JOBS)}")
    work = pathlib.Path(tempfile.mkdtemp(prefix="side-by-side-"))
    system = json.loads((peer / "systems" / "a100_80g.json").read_text())
    system["mem2"]["GiB"] = 0
    (work / "system.json").write_text(json.dumps(system))
    environment = {**os.environ, "PYTHONPATH": f"{peer}:{os.environ.get('PYTHONPATH', '')}"}

    def calculon(*arguments):
        return timed([sys.executable, str(peer / "bin" / "calculon"), *map(str, arguments)], cwd=peer, env=environment)

    print(f"{'job':12} {'by':9} {'samples/s':>10} {'wall s':>9} {'CPU s':>9}  layout")
    passed = True
    for job in jobs:
        devices, batch = JOBS[job]
        model = peer / "models" / f"{job}.json"
        text, wall, cpu = timed([*JAVA, "io.longhaul.bench.calculon.Race", job, str(devices), str(batch)])
        ours = json.loads(text)
        (work / "execution.json").write_text(json.dumps(ours["execution"]))
        calculon("llm", model, work / "execution.json", work / "system.json", work / "stats.json")
        judged = json.loads((work / "stats.json").read_text())["sample_rate"]
        row(job, "Longhaul", judged, wall, cpu, ours["execution"])
        print(f"{'':12} {ours['priced']:,} of {ours['nominal']:,} priced; the rest take {ours['bound']:.4f} s or more")
        _, peer_wall, peer_cpu = calculon(
            "llm-optimal-execution", "-m", "-c", os.cpu_count(), model, devices, batch, "float16", work / "system.json",
            work / "best.json")
        best = json.loads((work / "best.json").read_text())["0"]
        row(job, "Calculon", best["stats"]["sample_rate"], peer_wall, peer_cpu, best["execution"])
        good = judged >= best["stats"]["sample_rate"] * (1 - 1e-12) and peer_cpu >= 1000 * cpu
        print(f"{'':12} {peer_cpu / cpu:,.0f} times less CPU: {'passed' if good else 'FAILED'}")
        passed &= good
    sys.exit(0 if passed else 1)


def row(job, who, rate, wall, cpu, e):
    print(f"{job:12} {who:9} {rate:10.3f} {wall:9.2f} {cpu:9.2f}  tp{e['tensor_par']} pp{e['pipeline_par']}"
          f"x{e['pipeline_interleaving']} dp{e['data_par']} b{e['microbatch_size']} {e['activation_recompute']}",
          flush=True)


if __name__ == "__main__":
    main()
