import type { Phase, RunSummary } from "../../api/types";
import { ended } from "../../components/phase";
import { between } from "../../lib/format";

export interface RunRow {
  id: string;
  name: string;
  phase: Phase;
  /** Why it failed, stopped or waits; empty when there is nothing to explain. */
  reason: string;
  step: number;
  totalSteps: number;
  loss: number | undefined;
  stepSeconds: number | undefined;
  attempts: number;
  openIncidents: number;
  createdAt: string;
  /** Seconds the run took, or has taken so far. */
  age: number;
  secondsLeft: number | undefined;
}

/** The list: runs that want something first, then those at work, then ended ones; the newest first in each. */
export function buildRunRows(runs: RunSummary[], now: string): RunRow[] {
  return runs.map((run) => row(run, now)).sort((a, b) => rank(a.phase) - rank(b.phase) || later(a, b));
}

function row(run: RunSummary, now: string): RunRow {
  const stepSeconds = run.phase === "training" ? run.lastStepSeconds : undefined;
  return {
    id: run.id,
    name: run.name,
    phase: run.phase,
    reason: run.phase === "completed" ? "" : run.reason,
    step: run.step,
    totalSteps: run.totalSteps,
    loss: run.loss,
    stepSeconds: run.lastStepSeconds,
    attempts: run.attempt,
    openIncidents: run.openIncidents,
    createdAt: run.createdAt,
    age: between(run.createdAt, run.endedAt ?? now),
    secondsLeft: stepSeconds === undefined ? undefined : (run.totalSteps - run.step) * stepSeconds,
  };
}

function rank(phase: Phase): number {
  return phase === "waiting" ? 0 : ended(phase) ? 2 : 1;
}

function later(a: RunRow, b: RunRow): number {
  return Date.parse(b.createdAt) - Date.parse(a.createdAt);
}
