import type { Curve, Run } from "../../api/types";
import { count, loss, plural } from "../../lib/format";

/** Values along the steps; `undefined` where there was no such step, null where its value is not a number. */
export type Values = (number | null | undefined)[];

/** One attempt's share of the curve. Thrown-away steps are drawn too: what happened is never deleted. */
export interface AttemptSeries {
  attempt: number;
  kept: Values;
  thrownAway: Values;
  learningRate: Values;
  stepSeconds: Values;
}

export interface CurveData {
  /** Every step that an attempt logged, ascending. */
  steps: number[];
  attempts: AttemptSeries[];
  validation: Values;
}

export function buildCurve(curve: Curve): CurveData {
  const steps = [
    ...new Set([...curve.attempts.flatMap((a) => a.steps), ...curve.validation.map((v) => v.step)]),
  ].sort((a, b) => a - b);
  const index = new Map(steps.map((step, i) => [step, i]));
  const place = (at: number[], values: (i: number) => number | null | undefined): Values => {
    const placed: Values = new Array(steps.length).fill(undefined);
    at.forEach((step, i) => {
      placed[index.get(step) ?? 0] = values(i);
    });
    return placed;
  };
  return {
    steps,
    attempts: curve.attempts.map((a) => ({
      attempt: a.attempt,
      kept: place(a.steps, (i) => (a.kept[i] ? a.loss[i] : null)),
      thrownAway: place(a.steps, (i) =>
        !a.kept[i] || a.kept[i + 1] === false || a.kept[i - 1] === false ? a.loss[i] : null,
      ),
      learningRate: place(a.steps, (i) => a.learningRate[i]),
      stepSeconds: place(a.steps, (i) => a.stepSeconds[i]),
    })),
    validation: place(
      curve.validation.map((v) => v.step),
      (i) => curve.validation[i]?.loss,
    ),
  };
}

/** A step as the reader of the chart sees it; the attempt whose update was kept wins. */
export interface Reading {
  step: number;
  attempt: number;
  kept: boolean;
  loss: number | null;
  learningRate: number | null;
  stepSeconds: number | null;
  validation: number | null;
}

export function readingAt(data: CurveData, i: number): Reading | undefined {
  const step = data.steps[i];
  const present = data.attempts.filter((a) => a.stepSeconds[i] !== undefined || a.kept[i] !== undefined);
  const series = present.find((a) => typeof a.kept[i] === "number") ?? present.at(-1);
  if (step === undefined || series === undefined) {
    return undefined;
  }
  const kept = typeof series.kept[i] === "number";
  return {
    step,
    attempt: series.attempt,
    kept,
    loss: (kept ? series.kept[i] : series.thrownAway[i]) ?? null,
    learningRate: series.learningRate[i] ?? null,
    stepSeconds: series.stepSeconds[i] ?? null,
    validation: data.validation[i] ?? null,
  };
}

/** About `rows` readings, evenly spread, first and last among them: the chart as a table. */
export function sampleReadings(data: CurveData, rows: number): Reading[] {
  const last = data.steps.length - 1;
  const wanted = Math.min(rows, data.steps.length);
  const indices = Array.from({ length: wanted }, (_, k) =>
    wanted === 1 ? last : Math.round((k * last) / (wanted - 1)),
  );
  return indices.flatMap((i) => readingAt(data, i) ?? []);
}

/** The chart in words. */
export function describeCurve(data: CurveData, run: Run): string {
  const read = data.steps.flatMap((_, i) => readingAt(data, i) ?? []).filter((r) => r.loss !== null);
  const first = read[0];
  const last = read.at(-1);
  if (first === undefined || last === undefined || first.loss === null || last.loss === null) {
    return "No step has been logged yet.";
  }
  const lost = data.attempts.reduce(
    (sum, a) =>
      sum +
      a.thrownAway.filter((value, i) => typeof value === "number" && typeof a.kept[i] !== "number").length,
    0,
  );
  return (
    `Training loss in nats per token: ${loss(first.loss)} at step ${count(first.step)}, ` +
    `${loss(last.loss)} at step ${count(last.step)}, in ${plural(data.attempts.length, "attempt")}. ` +
    `${lost === 0 ? "No step was" : `${plural(lost, "step")} ${lost === 1 ? "was" : "were"}`} thrown away. ` +
    `${plural(run.incidents.length, "incident")}, ${plural(run.recipeChanges.length, "change")} of recipe.`
  );
}
