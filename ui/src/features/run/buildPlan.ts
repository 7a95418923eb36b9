import type { Candidate, Plan, StageMemory } from "../../api/types";

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
}

/** Bytes of a rank of each stage against what it may use; a rank that needs more fills the whole bar. */
export function buildMemory(stages: StageMemory[]): MemoryRow[] {
  return stages.map((stage) => {
    const whole = Math.max(stage.totalBytes, stage.capacityBytes);
    return {
      stage: stage.stage,
      verdict: stage.verdict,
      totalBytes: stage.totalBytes,
      capacityBytes: stage.capacityBytes,
      terms: Object.entries(stage.terms)
        .filter(([, bytes]) => bytes > 0)
        .map(([label, bytes]) => ({ label, bytes, share: bytes / whole })),
    };
  });
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
