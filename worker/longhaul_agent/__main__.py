import os
import signal
import sys

from .agent import Agent

REQUIRED = ("LONGHAUL_SERVICE_URL", "LONGHAUL_AGENT_TOKEN", "LONGHAUL_RUN", "LONGHAUL_ATTEMPT", "LONGHAUL_NODE",
            "LONGHAUL_STATE_DIR")
USAGE, OCCUPIED = 2, 3


def main():
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
    return agent.run()


if __name__ == "__main__":
    sys.exit(main())
