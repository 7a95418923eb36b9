import type { Account, Goodput } from "../../api/types";
import { duration, percent } from "../../lib/format";

export interface AccountRow {
  key: Account;
  label: string;
  meaning: string;
  rankSeconds: number;
  share: number;
  text: string;
}

/** Every moment of every rank is in exactly one account, in the order of the bar. */
const ACCOUNTS: [Account, string, string][] = [
  ["train", "Training", "steps whose update is part of the weights"],
  ["checkpoint", "Checkpoints", "what steps that save took longer"],
  ["slow", "Slow rank", "what steps took longer because of it"],
  ["redo", "Redone or discarded", "steps whose update does not count"],
  ["detect", "Detecting", "from the last step to the decision"],
  ["drain", "Draining", "until the last process was gone"],
  ["schedule", "Scheduling", "planning, advice, waiting for agents"],
  ["initialise", "Initialising", "until the first step"],
  ["idle", "Idle", "between steps"],
];

export function buildAccounts(goodput: Goodput): AccountRow[] {
  return ACCOUNTS.map(([key, label, meaning]) => {
    const rankSeconds = goodput.accounts[key];
    const share = goodput.totalSeconds > 0 ? rankSeconds / goodput.totalSeconds : 0;
    return { key, label, meaning, rankSeconds, share, text: `${duration(rankSeconds)}, ${percent(share)}` };
  });
}
