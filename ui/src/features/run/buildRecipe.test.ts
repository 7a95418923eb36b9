import { expect, test } from "vitest";
import { sampleRecipe } from "../../api/sampleRun";
import { recipeDifferences } from "./buildRecipe";

test("only what changes is shown, in the trainer's terms", () => {
  const to = sampleRecipe({ schedule: "wsd", learningRate: 5e-4, wsdDecaySteps: 4 });
  expect(recipeDifferences(sampleRecipe(), to)).toEqual([
    { label: "schedule", from: "constant", to: "warm-up, stable, decay" },
    { label: "peak learning rate", from: "1e-3", to: "5e-4" },
    { label: "length of the decay in steps", from: "0", to: "4" },
  ]);
  expect(recipeDifferences(to, to)).toEqual([]);
});
