import os
import sys

from .agent import Agent

REQUIRED = ("LONGHAUL_SERVICE_URL", "LONGHAUL_AGENT_TOKEN", "LONGHAUL_RUN", "LONGHAUL_ATTEMPT", "LONGHAUL_NODE",
            "LONGHAUL_STATE_DIR")

if __name__ == "__main__":
    missing = [name for name in REQUIRED if not os.environ.get(name)]
    if missing:
        sys.exit(f"longhaul_agent: not set: {', '.join(missing)}; the launcher sets them (docs/worker-protocol.md)")
    sys.exit(Agent(os.environ).run())
