import type { Phase } from "../api/types";
import { unreachable } from "../lib/unreachable";
import type { IconName } from "./Icon";

export type Tone = "good" | "working" | "attention" | "bad" | "neutral";

/** How a phase is written, coloured and drawn; never by colour alone. */
export function phaseLook(phase: Phase): { word: string; tone: Tone; icon: IconName } {
  switch (phase) {
    case "planning":
      return { word: "Planning", tone: "working", icon: "working" };
    case "launching":
      return { word: "Launching", tone: "working", icon: "working" };
    case "training":
      return { word: "Training", tone: "good", icon: "play" };
    case "draining":
      return { word: "Draining", tone: "working", icon: "working" };
    case "recovering":
      return { word: "Recovering", tone: "working", icon: "working" };
    case "adapting":
      return { word: "Adapting", tone: "working", icon: "change" };
    case "waiting":
      return { word: "Waiting for you", tone: "attention", icon: "hand" };
    case "completed":
      return { word: "Completed", tone: "good", icon: "check" };
    case "failed":
      return { word: "Failed", tone: "bad", icon: "exited" };
    case "stopped":
      return { word: "Stopped", tone: "neutral", icon: "stop" };
    default:
      return unreachable(phase);
  }
}

/** Whether nothing will happen to the run any more. */
export function ended(phase: Phase): boolean {
  return phase === "completed" || phase === "failed" || phase === "stopped";
}
