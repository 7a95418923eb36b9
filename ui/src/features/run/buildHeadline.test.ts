import { expect, test } from "vitest";
import { sampleChange, sampleIncident, sampleRun } from "../../api/sampleRun";
import type { Phase } from "../../api/types";
import { buildHeadline, proposedChange, waitsForWord } from "./buildHeadline";

const PHASES: Phase[] = [
  "planning",
  "launching",
  "training",
  "draining",
  "recovering",
  "adapting",
  "waiting",
  "completed",
  "failed",
  "stopped",
];

test.each(PHASES)("phase %s has a state in words", (phase) => {
  const headline = buildHeadline(sampleRun({ phase, incidents: [], attempts: [] }));
  expect(headline.state).toMatch(/^[A-Z].{8,}/);
  expect(`${headline.state}${headline.cause}${headline.action}`).not.toMatch(/undefined|NaN/);
});

test("training says how long it takes and what hurts", () => {
  const slow = sampleIncident({ status: "open", summary: "rank 1 is slow", action: "watch it" });
  const run = sampleRun({ phase: "training", step: 3, incidents: [sampleIncident(), slow] });
  expect(buildHeadline(run)).toEqual({
    state: "At step 3 of 8, about 1.0 s left",
    cause: "rank 1 is slow",
    action: "watch it",
  });
});

test("waiting says why and what to do", () => {
  const waitingFor = {
    code: "too-many-restarts",
    message: "restarted 8 times",
    action: "look at the incidents",
  };
  expect(buildHeadline(sampleRun({ phase: "waiting", waitingFor }))).toMatchObject({
    cause: "restarted 8 times",
    action: "look at the incidents",
  });
});

test("a completed run sums up", () => {
  expect(buildHeadline(sampleRun())).toMatchObject({
    state: "All 8 steps done in 3 min 10 s",
    cause: "2 attempts, 1 incident healed, 1 change of recipe",
  });
});

test("buttons appear only for a change that waits for approval", () => {
  const proposed = sampleChange({ status: "proposed", score: null });
  const waitingFor = { code: "approval", message: "m", action: "a" };
  const waiting = sampleRun({
    phase: "waiting",
    waitingFor,
    recipeChanges: [sampleChange({ id: "old" }), proposed],
  });
  expect(proposedChange(waiting)).toBe(proposed);
  expect(
    proposedChange({ ...waiting, waitingFor: { ...waitingFor, code: "too-many-restarts" } }),
  ).toBeUndefined();
  expect(proposedChange({ ...waiting, phase: "stopped" })).toBeUndefined();
});

test("a run waits for a person's word unless a change of recipe is proposed", () => {
  const waitingFor = { code: "asked", message: "m", action: "a" };
  const asked = sampleRun({ phase: "waiting", waitingFor });
  expect(waitsForWord(asked)).toBe(true);
  expect(waitsForWord({ ...asked, waitingFor: { ...waitingFor, code: "approval" } })).toBe(false);
  expect(waitsForWord({ ...asked, phase: "stopped" })).toBe(false);
});
