import type { Incident, RecipeChange, Run } from "../../api/types";
import { between, count, duration, plural } from "../../lib/format";
import { unreachable } from "../../lib/unreachable";

/** What somebody woken at night reads first: the state, its cause, what Longhaul does or what to do oneself. The phase stands beside it. */
export interface Headline {
  state: string;
  cause: string;
  action: string;
}

export function buildHeadline(run: Run): Headline {
  const at = `At step ${count(run.step)} of ${count(run.totalSteps)}`;
  const open = openIncident(run);
  const hurt = { cause: open?.summary ?? "", action: open?.action ?? "" };
  switch (run.phase) {
    case "planning":
      return { state: "Looking for the fastest plan", cause: "", action: "" };
    case "launching":
      return {
        state:
          run.attempt > 1
            ? `Attempt ${run.attempt} starts from step ${count(resumeStep(run))}`
            : "The first attempt starts",
        ...hurt,
      };
    case "training":
      return { state: `${at}${left(run)}`, ...hurt };
    case "draining":
      return {
        state: `${at}, attempt ${run.attempt} ends`,
        cause: run.reason,
        action: open?.action ?? "its ranks write a last checkpoint",
      };
    case "recovering":
      return {
        state: at,
        cause: open?.summary ?? run.reason,
        action: open?.action ?? "the next attempt is being prepared",
      };
    case "adapting":
      return { state: `${at}, looking for a better recipe for the rest`, ...hurt };
    case "waiting":
      return {
        state: at,
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
    case "stopped":
      return { state: `${at} after ${age(run)}`, cause: run.reason, action: "" };
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

/** Whether the run stands still until a person lets it go on or ends it. */
export function waitsForWord(run: Run): boolean {
  return run.phase === "waiting" && run.waitingFor !== undefined && run.waitingFor.code !== "approval";
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
