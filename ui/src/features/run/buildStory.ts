import type { Incident, IncidentKind, RecipeChange, Run, StepRange } from "../../api/types";
import type { IconName } from "../../components/Icon";
import type { Tone } from "../../components/phase";
import { count } from "../../lib/format";
import { unreachable } from "../../lib/unreachable";

/** What happened to a run besides steps, as list and as marks on the curve. */
export type Chapter = {
  /** Unique on the page, and its name in the address. */
  key: string;
  /** Where its mark stands. */
  step: number;
  title: string;
  icon: IconName;
  tone: Tone;
  status: string;
  /** When it began; undefined for a change that no attempt runs with yet. */
  at: string | undefined;
} & ({ type: "incident"; incident: Incident } | { type: "change"; change: RecipeChange });

export function buildStory(run: Run): Chapter[] {
  const chapters = [
    ...run.incidents.map((incident) => incidentChapter(incident, run)),
    ...run.recipeChanges.map((change) => changeChapter(change, run)),
  ];
  const time = (chapter: Chapter) =>
    chapter.at === undefined ? Number.POSITIVE_INFINITY : Date.parse(chapter.at);
  return chapters.sort((a, b) => time(a) - time(b) || a.step - b.step);
}

function incidentChapter(incident: Incident, run: Run): Chapter {
  const attempt = run.attempts.find((a) => a.number === incident.attempt);
  return {
    type: "incident",
    incident,
    key: incident.id,
    step: incident.step ?? attempt?.lastStep ?? run.step,
    title: kindWord(incident.kind) + (incident.rank === undefined ? "" : `, rank ${incident.rank}`),
    icon: incident.kind,
    tone: incidentTone(incident),
    status: incidentStatus(incident),
    at: incident.openedAt,
  };
}

function changeChapter(change: RecipeChange, run: Run): Chapter {
  const attempt = run.attempts.find((a) => a.number === change.beforeAttempt);
  return {
    type: "change",
    change,
    key: change.id,
    step: attempt?.resumeStep ?? run.step,
    title: "Change of recipe",
    icon: "change",
    tone: change.status === "proposed" ? "attention" : change.status === "rejected" ? "neutral" : "working",
    status: changeStatus(change),
    at: attempt?.decidedAt,
  };
}

export function kindWord(kind: IncidentKind): string {
  switch (kind) {
    case "spike":
      return "Loss spike";
    case "nan":
      return "Loss is not a number";
    case "stalled":
      return "Stalled";
    case "exited":
      return "Process gone";
    case "slow-rank":
      return "Slow rank";
    case "diverged":
      return "Loss diverges";
    case "dropped":
      return "Loss fell at once";
    case "frozen":
      return "Loss does not change";
    case "fault-line":
      return "Node suspected";
    case "node-fault":
      return "Node reports a fault";
    case "unreachable":
      return "Not heard from";
    default:
      return unreachable(kind);
  }
}

function incidentTone(incident: Incident): Tone {
  switch (incident.status) {
    case "open":
      return "attention";
    case "unresolved":
      return "bad";
    case "recovered":
    case "observed":
      return incident.kind === "slow-rank" ? "attention" : "bad";
    default:
      return unreachable(incident.status);
  }
}

function incidentStatus(incident: Incident): string {
  switch (incident.status) {
    case "open":
      return "open";
    case "unresolved":
      return "not resolved";
    case "recovered":
      return "recovered";
    case "observed":
      return "observed";
    default:
      return unreachable(incident.status);
  }
}

function changeStatus(change: RecipeChange): string {
  switch (change.status) {
    case "proposed":
      return "waits for approval";
    case "approved":
      return "approved";
    case "rejected":
      return "rejected";
    case "applied":
      return "applied";
    case "scored":
      return change.score?.inInterval ? "applied, came as predicted" : "applied, came otherwise";
    default:
      return unreachable(change.status);
  }
}

/** `steps 103 to 120`, `step 7`; several ranges with commas. */
export function stepsText(ranges: StepRange[]): string {
  return ranges
    .map((r) =>
      r.first === r.last ? `step ${count(r.first)}` : `steps ${count(r.first)} to ${count(r.last)}`,
    )
    .join(", ");
}

/**
 * Rows for marks of a given width so that none covers another: index of the row by mark.
 *
 * @param positions ascending, in pixels
 */
export function stackMarks(positions: number[], width: number): number[] {
  const ends: number[] = [];
  return positions.map((position) => {
    const free = ends.findIndex((end) => end + width <= position);
    const row = free === -1 ? ends.length : free;
    ends[row] = position;
    return row;
  });
}
