import type { Recipe } from "../../api/types";
import { count, rate } from "../../lib/format";

export interface RecipeDifference {
  label: string;
  from: string;
  to: string;
}

const FIELDS: [keyof Recipe, string, (recipe: Recipe) => string][] = [
  ["schedule", "schedule", (r) => (r.schedule === "wsd" ? "warm-up, stable, decay" : r.schedule)],
  ["learningRate", "peak learning rate", (r) => rate(r.learningRate)],
  ["minLearningRate", "last learning rate", (r) => rate(r.minLearningRate)],
  ["warmupSteps", "warm-up steps", (r) => count(r.warmupSteps)],
  ["decaySteps", "decay ends at step", (r) => count(r.decaySteps)],
  ["wsdDecaySteps", "length of the decay in steps", (r) => count(r.wsdDecaySteps)],
  ["globalBatch", "samples per step", (r) => count(r.globalBatch)],
  ["weightDecay", "weight decay", (r) => String(r.weightDecay)],
  ["gradientClip", "gradient clip", (r) => String(r.gradientClip)],
];

/** What a change of recipe changes, in the trainer's terms. */
export function recipeDifferences(from: Recipe, to: Recipe): RecipeDifference[] {
  return FIELDS.filter(([field]) => from[field] !== to[field]).map(([, label, text]) => ({
    label,
    from: text(from),
    to: text(to),
  }));
}

/** A recipe on one line. */
export function recipeText(recipe: Recipe): string {
  const [, , schedule] = FIELDS[0] as (typeof FIELDS)[number];
  return `${schedule(recipe)}, peak ${rate(recipe.learningRate)}, ${count(recipe.globalBatch)} samples per step`;
}
