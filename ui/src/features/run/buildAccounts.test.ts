import { expect, test } from "vitest";
import { sampleRun } from "../../api/sampleRun";
import { buildAccounts } from "./buildAccounts";

test("every account of the service is shown once, and the shares are the whole", () => {
  const { goodput } = sampleRun();
  const rows = buildAccounts(goodput);
  expect(rows.map((row) => row.key).toSorted()).toEqual(Object.keys(goodput.accounts).toSorted());
  expect(rows.reduce((sum, row) => sum + row.share, 0)).toBeCloseTo(1, 12);
  expect(rows[0]).toMatchObject({ key: "train", share: 200 / 380, text: "3 min 20 s, 52.6 %" });
});

test("a run that has just begun divides nothing by nothing", () => {
  const goodput = { ...sampleRun().goodput, totalSeconds: 0 };
  expect(buildAccounts(goodput).every((row) => row.share === 0)).toBe(true);
});
