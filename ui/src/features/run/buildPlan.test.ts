import { expect, test } from "vitest";
import { samplePlan } from "../../api/sampleRun";
import {
  buildFigures,
  buildMemory,
  buildProof,
  buildWaterfall,
  launchText,
  layoutText,
  proofText,
} from "./buildPlan";

test("the layout names the axes that are used", () => {
  expect(layoutText(samplePlan())).toBe("data 2");
  const layout = { tensor: 8, pipeline: 4, data: 32, context: 1, expert: 1 };
  expect(layoutText(samplePlan({ layout }))).toBe("tensor 8 × pipeline 4 × data 32");
  expect(layoutText(samplePlan({ layout: { ...layout, tensor: 1, pipeline: 1, data: 1 } }))).toBe("one rank");
});

test("the waterfall climbs from the ideal to the step time without a gap; nothing is shown that costs nothing", () => {
  const rows = buildWaterfall(samplePlan(), 0.2);
  expect(rows.map((row) => row.label)).toEqual([
    "at peak speed",
    "compute below peak speed",
    "data-parallel communication",
    "optimizer",
    "predicted step",
    "measured step (median)",
  ]);
  for (const [i, row] of rows.slice(1, 4).entries()) {
    expect(row.from).toBeCloseTo(rows[i]?.to ?? Number.NaN, 12);
  }
  expect(rows[3]?.to).toBeCloseTo(1, 12);
  expect(rows[5]?.to).toBeCloseTo(0.8, 12);
});

test("a measured step that takes longer than predicted sets the scale", () => {
  const rows = buildWaterfall(samplePlan(), 0.5);
  expect(rows.at(-1)?.to).toBe(1);
  expect(rows.at(-2)?.to).toBe(0.5);
});

test("memory is shared against the capacity, or against the need where that is more", () => {
  const [safe] = buildMemory(samplePlan().memory);
  expect(safe?.terms).toEqual([
    { label: "weights", bytes: 30, share: 0.3 },
    { label: "runtime", bytes: 50, share: 0.5 },
  ]);
  const [no] = buildMemory([
    { stage: 1, terms: { weights: 200 }, totalBytes: 200, capacityBytes: 100, verdict: "no" },
  ]);
  expect(no?.terms[0]?.share).toBe(1);
  expect(no?.capacity).toBe(0.5);
  expect(no?.range).toBeUndefined();
});

test("stages share one scale, which the widest range sets", () => {
  const stage = { terms: { weights: 80 }, totalBytes: 80, capacityBytes: 100 };
  const [first, last] = buildMemory([
    { ...stage, stage: 0, lowBytes: 60, highBytes: 200, verdict: "tight" },
    { ...stage, stage: 1, lowBytes: 40, highBytes: 50, verdict: "safe" },
  ]);
  expect(first?.range).toEqual({ from: 0.3, to: 1 });
  expect(last?.range).toEqual({ from: 0.2, to: 0.25 });
  expect(last?.capacity).toBe(0.5);
});

const CERTIFICATE = {
  proven: true,
  gap: 0,
  points: 27,
  illegal: 20,
  tooLarge: 0,
  bounded: 5,
  dominated: 0,
  priced: 2,
  open: 0,
};

test("the proof says where every point went", () => {
  expect(buildProof(CERTIFICATE)).toEqual([
    { points: 20, fate: "break a rule" },
    { points: 5, fate: "are no better by a bound" },
    { points: 2, fate: "were priced" },
  ]);
  expect(proofText(CERTIFICATE)).toBe("27 points of the space, all decided: nothing is better.");
  expect(proofText({ ...CERTIFICATE, proven: false, gap: 0.025 })).toBe(
    "27 points of the space, not all decided: the best is at most 2.5 % better.",
  );
});

test("the run's figures are those that the plan has", () => {
  expect(buildFigures(samplePlan({ gpuHours: 48 }))).toEqual(["48 device hours"]);
  const failures = { usefulShare: 0.985, spareRanks: 32, checkpointEverySeconds: 4000 };
  expect(buildFigures(samplePlan({ gpuHours: 48, cost: 100, energyKWh: 20, carbonKg: 7, failures }))).toEqual(
    [
      "48 device hours",
      "cost 100",
      "20 kWh",
      "7 kg CO2",
      "98.5 % of the time kept with failures and 32 spare ranks",
    ],
  );
});

test("the launch text runs in a shell as it stands", () => {
  expect(launchText(samplePlan().launch)).toBe(
    "export OMP_NUM_THREADS=1\n" +
      "/usr/bin/python3 -m longhaul_trainer \\\n  --lr 0.001 \\\n  --data-path '/tmp/my corpus'",
  );
});
