import type { LiveState } from "../api/live";
import { clock } from "../lib/format";
import { unreachable } from "../lib/unreachable";
import { Notice } from "./Notice";

/** Says in the head of a page whether it is live. */
export function LiveBadge({ state }: { state: LiveState }) {
  return (
    <span className={`live live-${state.kind}`} role="status">
      {word(state)}
    </span>
  );
}

function word(state: LiveState): string {
  switch (state.kind) {
    case "connecting":
      return "Connecting";
    case "live":
      return "Live";
    case "lost":
      return "Not live";
    default:
      return unreachable(state);
  }
}

/** Stands above figures that may be old; nobody may take them for the present. */
export function StaleNotice({ state }: { state: LiveState }) {
  if (state.kind !== "lost") {
    return null;
  }
  return (
    <Notice
      kind="stale"
      title={`Not live: this is what was known at ${clock(new Date(state.since).toISOString())}`}
    >
      <p>
        The connection to the service is gone. Runs go on without it. Trying again every{" "}
        {state.retryInSeconds === 1 ? "second" : `${state.retryInSeconds} seconds`}.
      </p>
    </Notice>
  );
}
