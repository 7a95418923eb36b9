import { expect, test } from "vitest";
import { sampleRun } from "../../api/sampleRun";
import { buildRunRows } from "./buildRunRows";

const NOW = "2026-11-25T08:00:00Z";

test("what waits for a person comes first, then what works, then what ended, the newest first", () => {
  const rows = buildRunRows(
    [
      sampleRun({ id: "old", createdAt: "2026-11-25T05:00:00Z" }),
      sampleRun({ id: "new" }),
      sampleRun({ id: "training", phase: "training", createdAt: "2026-11-25T04:00:00Z" }),
      sampleRun({ id: "waiting", phase: "waiting", createdAt: "2026-11-25T03:00:00Z" }),
    ],
    NOW,
  );
  expect(rows.map((row) => row.id)).toEqual(["waiting", "training", "new", "old"]);
});

test("only a training run has time left", () => {
  const training = sampleRun({ phase: "training", step: 3, totalSteps: 8, lastStepSeconds: 2 });
  expect(buildRunRows([training], NOW)[0]?.secondsLeft).toBe(10);
  expect(buildRunRows([sampleRun({ phase: "waiting" })], NOW)[0]?.secondsLeft).toBeUndefined();
});

test("an ended run stops ageing", () => {
  expect(buildRunRows([sampleRun()], NOW)[0]?.age).toBe(190);
  const { endedAt: _, ...training } = sampleRun({ phase: "training" });
  expect(buildRunRows([training], NOW)[0]?.age).toBe(3600);
});
