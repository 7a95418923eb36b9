import { percent } from "../lib/format";

export interface Segment {
  key: string;
  label: string;
  /** Share of the bar's full width, 0 to 1. */
  share: number;
  text: string;
}

/** Parts of a whole in one bar; the words stand in the table beside it, this is the picture. */
export function StackedBar({ segments, label }: { segments: Segment[]; label: string }) {
  const words = segments.map((segment) => `${segment.label} ${segment.text}`).join(", ");
  return (
    <div className="stacked-bar" role="img" aria-label={`${label}: ${words}`}>
      {segments.map((segment) => (
        <div
          key={segment.key}
          className={`segment segment-${segment.key}`}
          style={{ width: `${segment.share * 100}%` }}
          title={`${segment.label}: ${segment.text} (${percent(segment.share)})`}
        />
      ))}
    </div>
  );
}
