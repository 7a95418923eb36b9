import type { Incident, RecipeChange, Run } from "../../api/types";
import { between, count, duration, plural } from "../../lib/format";
import { unreachable } from "../../lib/unreachable";

/** What somebody woken at night reads first: the state, its cause, what Longhaul does or what to do oneself. */
export interface Headline {
  state: string;
  cause: string;
  action: string;
}

export function buildHeadline(run: Run): Headline {
  const steps = `step ${count(run.step)} of ${count(run.totalSteps)}`;
  const open = openIncident(run);
  switch (run.phase) {
    case "planning":
      return { state: "Looking for the fastest plan", cause: "", action: "" };
    case "launching":
      return {
        state:
          run.attempt > 1
            ? `Starting attempt ${run.attempt} from step ${count(resumeStep(run))}`
            : "Starting the workers",
        cause: open?.summary ?? "",
        action: open?.action ?? "",
      };
    case "training":
      return {
        state: `Training, ${steps}${left(run)}`,
        cause: open?.summary ?? "",
        action: open?.action ?? "",
      };
    case "draining":
      return {
        state: `Ending attempt ${run.attempt} at ${steps}`,
        cause: run.reason,
        action: open?.action ?? "ranks write a last checkpoint",
      };
    case "recovering":
      return {
        state: `Recovering at ${steps}`,
        cause: open?.summary ?? run.reason,
        action: open?.action ?? "the next attempt is being prepared",
      };
    case "adapting":
      return {
        state: `Looking for a better recipe for the steps after ${count(run.step)}`,
        cause: "",
        action: "",
      };
    case "waiting":
      return {
        state: `Waiting for you at ${steps}`,
        cause: run.waitingFor?.message ?? run.reason,
        action: run.waitingFor?.action ?? "",
      };
    case "completed":
      return {
        state: `All ${count(run.totalSteps)} steps done in ${age(run)}`,
        cause: healed(run),
        action: "",
      };
    case "failed":
      return { state: `Failed at ${steps} after ${age(run)}`, cause: run.reason, action: "" };
    case "stopped":
      return { state: `Stopped at ${steps} after ${age(run)}`, cause: run.reason, action: "" };
    default:
      return unreachable(run.phase);
  }
}

/** The change of recipe that waits for a person. */
export function proposedChange(run: Run): RecipeChange | undefined {
  return run.phase === "waiting" && run.waitingFor?.code === "approval"
    ? run.recipeChanges.find((change) => change.status === "proposed")
    : undefined;
}

function openIncident(run: Run): Incident | undefined {
  return run.incidents.findLast((incident) => incident.status === "open");
}

function resumeStep(run: Run): number {
  return run.attempts.at(-1)?.resumeStep ?? 0;
}

function left(run: Run): string {
  const seconds = run.stepSeconds.measuredMedian;
  return seconds === undefined ? "" : `, about ${duration((run.totalSteps - run.step) * seconds)} left`;
}

function age(run: Run): string {
  return duration(between(run.createdAt, run.endedAt ?? run.createdAt));
}

function healed(run: Run): string {
  const recovered = run.incidents.filter((incident) => incident.status === "recovered").length;
  const applied = run.recipeChanges.filter(
    (change) => change.status === "applied" || change.status === "scored",
  ).length;
  const parts = [
    run.attempts.length > 1 ? plural(run.attempts.length, "attempt") : "",
    recovered > 0 ? `${plural(recovered, "incident")} healed` : "",
    applied > 0 ? `${plural(applied, "change")} of recipe` : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}
