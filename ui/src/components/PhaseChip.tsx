import type { Phase } from "../api/types";
import { Icon } from "./Icon";
import { phaseLook } from "./phase";

export function PhaseChip({ phase }: { phase: Phase }) {
  const look = phaseLook(phase);
  return (
    <span className={`chip tone-${look.tone}`}>
      <Icon name={look.icon} />
      {look.word}
    </span>
  );
}
