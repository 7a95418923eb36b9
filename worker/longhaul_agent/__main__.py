import os
import shutil
import signal
import sys

from .agent import Agent

REQUIRED = ("LONGHAUL_SERVICE_URL", "LONGHAUL_AGENT_TOKEN", "LONGHAUL_RUN", "LONGHAUL_ATTEMPT", "LONGHAUL_NODE",
            "LONGHAUL_STATE_DIR")
USAGE, OCCUPIED = 2, 3


def numbers(text):
    """Of ranges such as `0-3,7`."""
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def main():
    if "LONGHAUL_INDEX" in os.environ and "LONGHAUL_NODES" in os.environ:
        # A pod is told its place among the pods that were made with it, and which nodes these are.
        os.environ["LONGHAUL_NODE"] = str(numbers(os.environ["LONGHAUL_NODES"])[int(os.environ["LONGHAUL_INDEX"])])
    missing = [name for name in REQUIRED if not os.environ.get(name)]
    if missing:
        print(f"longhaul_agent: not set: {', '.join(missing)}; the launcher sets them (docs/worker-protocol.md)",
              file=sys.stderr)
        return USAGE
    try:
        agent = Agent(os.environ)
    except BlockingIOError:
        print("longhaul_agent: another agent lives on", os.environ["LONGHAUL_STATE_DIR"], file=sys.stderr)
        return OCCUPIED
    signal.signal(signal.SIGTERM, lambda number, frame: agent.leave())
    code = agent.run()
    if agent.next is not None:
        go_on(agent)
    return code


def go_on(agent):
    """Becomes the agent of the next attempt: the same process, with nothing of the last attempt in it."""
    attempt, token = agent.next
    agent.ranks.await_exits()
    base = os.environ.setdefault("LONGHAUL_BASE_DIR", os.environ["LONGHAUL_STATE_DIR"])
    os.environ.update(LONGHAUL_ATTEMPT=str(attempt), LONGHAUL_AGENT_TOKEN=token, LONGHAUL_EPOCH=str(agent.epoch),
                      LONGHAUL_STATE_DIR=os.path.join(base, f"attempt-{attempt}"))
    if str(agent.directory) != base:
        shutil.rmtree(agent.directory, ignore_errors=True)
    os.execv(sys.executable, [sys.executable, "-m", "longhaul_agent"])


if __name__ == "__main__":
    sys.exit(main())
