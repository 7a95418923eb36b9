import type { Design, Forecast, ForecastPath } from "../../api/types";
import type { Band, LineSeries } from "../../components/LineChart";

/** Steps of a chart that goes on into the future, and how columns over the first ones are lengthened. */
export function lengthen(steps: number[], later: number[]): number[] {
  const last = steps.at(-1) ?? 0;
  return [...steps, ...later.filter((step) => step > last)];
}

/** A path's column over the steps of a chart; `undefined` where the path has no point. */
export function along(steps: number[], path: ForecastPath, column: number[]): (number | undefined)[] {
  const at = new Map(path.steps.map((step, i) => [step, column[i]]));
  return steps.map((step) => at.get(step));
}

/** A dashed line in its band of 90 %. */
export function forecastSeries(
  steps: number[],
  path: ForecastPath,
  key: string,
  label: string,
  color: string,
): LineSeries[] {
  const series = (name: string, column: number[], look: LineSeries["look"]): LineSeries => ({
    key: `${key}-${name}`,
    label,
    values: along(steps, path, column),
    color,
    look,
  });
  return [
    series("high", path.high90, "edge"),
    series("low", path.low90, "edge"),
    series("loss", path.loss, "dashed"),
  ];
}

export function bandOf(key: string, color: string): Band {
  return { high: `${key}-high`, low: `${key}-low`, color };
}

/** The plan as a design: where it begins to fall, and where it ends. */
export function plannedDesign(forecast: Forecast): Design | undefined {
  const { planned, step, learningRate } = forecast;
  if (planned === undefined || step === undefined || learningRate === undefined) {
    return undefined;
  }
  const low = planned.learningRate.at(-1) ?? learningRate;
  const total = planned.steps.at(-1) ?? step;
  const falls = planned.learningRate.findIndex((rate) => rate < learningRate * (1 - 1e-9));
  const start = falls < 0 ? total : (planned.steps[Math.max(0, falls - 1)] ?? step);
  return { rate: learningRate, decayStart: start, low, total };
}

const LEAST_LEFT = 10;
const LONGEST = 2;
const MOST_RISE = 2;

/** The design within what may be asked for: figures round enough to be written down. */
export function within(design: Design, step: number, plannedTotal: number, rate: number): Design {
  const total = Math.round(clamp(design.total, step + LEAST_LEFT, LONGEST * plannedTotal));
  const level = round(clamp(design.rate, rate / 100, MOST_RISE * rate));
  return {
    total,
    rate: level,
    decayStart: Math.round(clamp(design.decayStart, step, total)),
    low: round(clamp(design.low, 0, level)),
  };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
