import { expect, test } from "vitest";
import { samplePlan } from "../../api/sampleRun";
import { buildMemory, buildWaterfall, launchText, layoutText } from "./buildPlan";

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
});

test("the launch text runs in a shell as it stands", () => {
  expect(launchText(samplePlan().launch)).toBe(
    "export OMP_NUM_THREADS=1\n" +
      "/usr/bin/python3 -m longhaul_trainer \\\n  --lr 0.001 \\\n  --data-path '/tmp/my corpus'",
  );
});
