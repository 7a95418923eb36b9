import { expect, test } from "vitest";
import { sampleChange, sampleIncident, sampleRun } from "../../api/sampleRun";
import { buildStory, stackMarks, stepsText } from "./buildStory";

test("incidents and changes come in the order of time, each at its step", () => {
  const spike = sampleIncident({ id: "spike", kind: "spike", openedAt: "2026-11-25T07:00:30Z", step: 3 });
  const run = sampleRun({ incidents: [sampleIncident(), spike] });
  const [, resumed] = run.attempts;
  if (resumed !== undefined) {
    resumed.decidedAt = "2026-11-25T07:01:10Z";
  }
  expect(buildStory(run).map(({ key, step }) => [key, step])).toEqual([
    ["spike", 3],
    ["attempt-1-exited-rank-1-1", 6],
    ["before-attempt-2", 4],
  ]);
});

test("a proposed change has no attempt yet: it stands last, where the run stands", () => {
  const proposed = sampleChange({ id: "next", beforeAttempt: 3, status: "proposed", score: null });
  const story = buildStory(sampleRun({ step: 7, recipeChanges: [proposed] }));
  expect(story.at(-1)).toMatchObject({ key: "next", step: 7, at: undefined, tone: "attention" });
});

test("a scored change says whether it came as predicted", () => {
  const missed = sampleChange({ score: { measuredFinalLoss: 2, inInterval: false, measuredEffect: 0.05 } });
  const story = buildStory(sampleRun({ incidents: [], recipeChanges: [missed] }));
  expect(story[0]?.status).toBe("applied, came otherwise");
});

test("marks never cover one another", () => {
  expect(stackMarks([0, 10, 20, 40], 26)).toEqual([0, 1, 2, 0]);
  expect(stackMarks([], 26)).toEqual([]);
});

test("ranges of steps in words", () => {
  expect(
    stepsText([
      { first: 103, last: 120 },
      { first: 7, last: 7 },
    ]),
  ).toBe("steps 103 to 120, step 7");
});
