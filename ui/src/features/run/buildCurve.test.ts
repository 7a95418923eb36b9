import { expect, test } from "vitest";
import { sampleCurve, sampleRun } from "../../api/sampleRun";
import { buildCurve, describeCurve, readingAt, sampleReadings } from "./buildCurve";

const data = buildCurve(sampleCurve());
const none = undefined;

test("attempts lie over one another on one axis of steps", () => {
  expect(data.steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(data.attempts[0]?.kept).toEqual([5, 4, 3, 2.5, null, null, none, none]);
  expect(data.attempts[1]?.kept).toEqual([none, none, none, none, 2.4, 2.2, null, 1.8]);
});

test("discarded steps stay on the chart, joined to the step they left from", () => {
  expect(data.attempts[0]?.thrownAway).toEqual([null, null, null, 2.5, 6, 7, none, none]);
});

test("the reading of a step is that of the attempt whose update was kept", () => {
  expect(readingAt(data, 4)).toEqual({
    step: 5,
    attempt: 2,
    kept: true,
    loss: 2.4,
    learningRate: 5,
    stepSeconds: 0.3,
    validation: null,
  });
  expect(readingAt(data, 3)).toMatchObject({ attempt: 1, validation: 2.6 });
});

test("a step without a loss has no loss, not a zero", () => {
  expect(readingAt(data, 6)).toMatchObject({ step: 7, attempt: 2, kept: false, loss: null });
});

test("a step that only a dead attempt made is shown as discarded", () => {
  const [first] = sampleCurve().attempts;
  const alone = buildCurve({ attempts: first === undefined ? [] : [first], validation: [] });
  expect(readingAt(alone, 5)).toMatchObject({ attempt: 1, kept: false, loss: 7 });
});

test("the table has the first and the last step", () => {
  expect(sampleReadings(data, 3).map((r) => r.step)).toEqual([1, 5, 8]);
  expect(sampleReadings(data, 100)).toHaveLength(8);
  expect(sampleReadings(buildCurve({ attempts: [], validation: [] }), 5)).toEqual([]);
});

test("the chart in words counts what was discarded", () => {
  expect(describeCurve(data, sampleRun())).toBe(
    "Training loss in nats per token: 5.000 at step 1, 1.800 at step 8, in 2 attempts. " +
      "2 steps were thrown away. 1 incident, 1 change of recipe.",
  );
  expect(describeCurve(buildCurve({ attempts: [], validation: [] }), sampleRun())).toBe(
    "No step has been logged yet.",
  );
});
