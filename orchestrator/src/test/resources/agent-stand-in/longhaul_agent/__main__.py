"""Stands in for the agent: two ranks in sessions of their own, deaf to SIGTERM, and nothing else."""

import os
import pathlib
import signal
import subprocess
import sys
import time

RANK = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"

directory = pathlib.Path(os.environ["LONGHAUL_STATE_DIR"])
assert pathlib.Path.cwd() == directory and os.environ["LONGHAUL_AGENT_TOKEN"]
signal.signal(signal.SIGTERM, signal.SIG_IGN)
ranks = [subprocess.Popen([sys.executable, "-c", RANK], start_new_session=True, stdout=subprocess.PIPE)
         for _ in range(2)]
for rank in ranks:
    rank.stdout.readline()
with open(directory / "started", "a") as started:
    started.write("".join(f"{pid}\n" for pid in [os.getpid(), *(rank.pid for rank in ranks)]))
while True:
    time.sleep(600)
