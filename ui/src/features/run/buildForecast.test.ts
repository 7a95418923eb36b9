import { expect, test } from "vitest";
import type { ForecastPath } from "../../api/types";
import { along, forecastSeries, lengthen, plannedDesign, within } from "./buildForecast";

const PATH: ForecastPath = {
  steps: [3, 5, 9],
  learningRate: [1e-3, 1e-3, 0],
  loss: [3, 2.5, 2],
  low90: [2.9, 2.3, 1.7],
  high90: [3.1, 2.7, 2.3],
  final: { loss: 2, low90: 1.7, high90: 2.3 },
};

test("a chart goes on where the curve ends, and a path is drawn where it has points", () => {
  const steps = lengthen([1, 2, 3, 4], PATH.steps);
  expect(steps).toEqual([1, 2, 3, 4, 5, 9]);
  expect(along(steps, PATH, PATH.loss)).toEqual([undefined, undefined, 3, undefined, 2.5, 2]);
  expect(lengthen([], PATH.steps)).toEqual([3, 5, 9]);
  expect(forecastSeries(steps, PATH, "planned", "as planned", "--ink").map((s) => [s.key, s.look])).toEqual([
    ["planned-high", "edge"],
    ["planned-low", "edge"],
    ["planned-loss", "dashed"],
  ]);
});

test("a plan is told by where it begins to fall and where it ends", () => {
  expect(plannedDesign({ step: 3, learningRate: 1e-3, planned: PATH })).toEqual({
    rate: 1e-3,
    decayStart: 5,
    low: 0,
    total: 9,
  });
  const level = { ...PATH, learningRate: [1e-3, 1e-3, 1e-3] };
  expect(plannedDesign({ step: 3, learningRate: 1e-3, planned: level })?.decayStart).toBe(9);
  expect(plannedDesign({ reason: "too few losses" })).toBeUndefined();
});

test.each([
  [
    { rate: 1e-3, decayStart: 50, low: 0, total: 9000 },
    { rate: 1e-3, decayStart: 300, low: 0, total: 1200 },
  ],
  [
    { rate: 5e-3, decayStart: 700, low: 9e-3, total: 600 },
    { rate: 2e-3, decayStart: 600, low: 2e-3, total: 600 },
  ],
  [
    { rate: -1, decayStart: 400.4, low: -1, total: 1 },
    { rate: 1e-5, decayStart: 310, low: 0, total: 310 },
  ],
])("%o is asked for as %o", (wanted, asked) => {
  expect(within(wanted, 300, 600, 1e-3)).toEqual(asked);
});
