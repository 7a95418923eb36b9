import type { Candidate, Certificate, Plan, StageMemory } from "../../api/types";
import { count, percent, plural } from "../../lib/format";

/** The degrees above one; `one rank` if there is none. */
export function layoutText({ layout }: Candidate): string {
  const axes = (["tensor", "pipeline", "context", "expert", "data"] as const).filter(
    (axis) => layout[axis] > 1,
  );
  return axes.length === 0 ? "one rank" : axes.map((axis) => `${axis} ${layout[axis]}`).join(" × ");
}

export interface WaterfallRow {
  label: string;
  /** Where the bar begins and ends, as shares of the longest time shown. */
  from: number;
  to: number;
  seconds: number;
  kind: "ideal" | "cost" | "total" | "measured";
}

/** Below this share of the step a cost is not worth a row. */
const SMALLEST_SHARE = 0.0005;

/**
 * From the time at peak speed to the step time: what each cost adds. The first cost of a breakdown is the compute,
 * of which the ideal is a part.
 */
export function buildWaterfall(plan: Plan, measuredSeconds: number | undefined): WaterfallRow[] {
  const longest = Math.max(plan.stepSeconds, measuredSeconds ?? 0);
  const ideal = plan.mfu * plan.stepSeconds;
  const rows: WaterfallRow[] = [
    { label: "at peak speed", from: 0, to: ideal / longest, seconds: ideal, kind: "ideal" },
  ];
  let at = ideal;
  Object.entries(plan.breakdown).forEach(([part, seconds], i) => {
    const label = i === 0 ? `${part} below peak speed` : part;
    const added = i === 0 ? seconds - ideal : seconds;
    if (Math.abs(added) >= SMALLEST_SHARE * plan.stepSeconds) {
      rows.push({ label, from: at / longest, to: (at + added) / longest, seconds: added, kind: "cost" });
    }
    at += added;
  });
  rows.push({
    label: "predicted step",
    from: 0,
    to: plan.stepSeconds / longest,
    seconds: plan.stepSeconds,
    kind: "total",
  });
  if (measuredSeconds !== undefined) {
    rows.push({
      label: "measured step (median)",
      from: 0,
      to: measuredSeconds / longest,
      seconds: measuredSeconds,
      kind: "measured",
    });
  }
  return rows;
}

export interface MemoryRow {
  stage: number;
  verdict: StageMemory["verdict"];
  totalBytes: number;
  capacityBytes: number;
  terms: { label: string; bytes: number; share: number }[];
  /** Where what a rank may use ends, and the range that holds the truth, as shares of the bar. */
  capacity: number;
  range: { from: number; to: number } | undefined;
}

/** Bytes of a rank of each stage against what it may use; a rank that may need more fills the whole bar. */
export function buildMemory(stages: StageMemory[]): MemoryRow[] {
  const whole = Math.max(
    ...stages.map((stage) => Math.max(stage.highBytes ?? stage.totalBytes, stage.capacityBytes)),
  );
  return stages.map((stage) => {
    const { lowBytes, highBytes } = stage;
    return {
      stage: stage.stage,
      verdict: stage.verdict,
      totalBytes: stage.totalBytes,
      capacityBytes: stage.capacityBytes,
      terms: Object.entries(stage.terms)
        .filter(([, bytes]) => bytes > 0)
        .map(([label, bytes]) => ({ label, bytes, share: bytes / whole })),
      capacity: stage.capacityBytes / whole,
      range:
        lowBytes === undefined || highBytes === undefined
          ? undefined
          : { from: lowBytes / whole, to: highBytes / whole },
    };
  });
}

/** Where the points of the space went, those that are none left out. */
export function buildProof(certificate: Certificate): { points: number; fate: string }[] {
  return [
    { points: certificate.illegal, fate: "break a rule" },
    { points: certificate.tooLarge, fate: "do not fit in memory" },
    { points: certificate.bounded, fate: "are no better by a bound" },
    { points: certificate.dominated, fate: "compute or move more than memory asks for" },
    { points: certificate.priced, fate: "were priced" },
    { points: certificate.open, fate: "were left when the time was over" },
  ].filter((row) => row.points > 0);
}

export function proofText(certificate: Certificate): string {
  const points = `${plural(certificate.points, "point")} of the space`;
  if (certificate.proven) {
    return `${points}, all decided: nothing is better.`;
  }
  return certificate.gap === undefined
    ? `${points}, not all decided.`
    : `${points}, not all decided: the best is at most ${percent(certificate.gap)} better.`;
}

/** What the run takes, as far as the RunSpec said enough. */
export function buildFigures(plan: Plan): string[] {
  const { failures } = plan;
  return [
    `${count(plan.gpuHours)} device hours`,
    plan.cost === undefined ? "" : `cost ${count(plan.cost)}`,
    plan.energyKWh === undefined ? "" : `${count(plan.energyKWh)} kWh`,
    plan.carbonKg === undefined ? "" : `${count(plan.carbonKg)} kg CO2`,
    failures === undefined
      ? ""
      : `${percent(failures.usefulShare)} of the time kept with failures and ${plural(failures.spareRanks, "spare rank")}`,
  ].filter((figure) => figure !== "");
}

/** Text for a shell: environment, then one option per line. */
export function launchText(launch: Plan["launch"]): string {
  const exports = Object.entries(launch.environment).map(
    ([name, value]) => `export ${name}=${quoted(value)}`,
  );
  const words = launch.command.map(quoted);
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.length - 1;
    if (last < 0 || word.startsWith("--")) {
      lines.push(word);
    } else {
      lines[last] += ` ${word}`;
    }
  }
  return [...exports, lines.join(" \\\n  ")].join("\n");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
