import type { Run } from "../../api/types";
import { Icon } from "../../components/Icon";
import type { Geometry } from "../../components/LineChart";
import { count } from "../../lib/format";
import { useParameter } from "../../lib/location";
import { type Chapter, stackMarks } from "./buildStory";

const MARK_WIDTH = 26;
/** Pixels above the plot for the first row of marks; further rows hang into it. */
export const MARK_ROOM = 34;

/** Incidents and changes of recipe where they happened, and the steps whose data is not used any more. */
export function Marks({ story, run, geometry }: { story: Chapter[]; run: Run; geometry: Geometry }) {
  const [chosen, choose] = useParameter("show");
  const marks = story
    .map((chapter) => ({ chapter, x: geometry.x(chapter.step) }))
    .filter(({ x }) => x >= 0 && x <= geometry.width)
    .sort((a, b) => a.x - b.x);
  const rows = stackMarks(
    marks.map((mark) => mark.x),
    MARK_WIDTH,
  );
  const plot = { left: geometry.left, top: geometry.top, width: geometry.width, height: geometry.height };
  return (
    <>
      <div className="skipped-ranges" style={plot}>
        {skippedRanges(run).map((range) => {
          const left = Math.max(0, geometry.x(range.first - 0.5));
          const right = Math.min(geometry.width, geometry.x(range.last + 0.5));
          return right <= left ? null : (
            <div key={range.first} className="skipped" style={{ left, width: right - left }} />
          );
        })}
      </div>
      <div className="marks" style={plot}>
        {marks.map(({ chapter, x }, i) => (
          <button
            key={chapter.key}
            type="button"
            className={`mark tone-${chapter.tone}`}
            style={{ left: x, top: (rows[i] ?? 0) * MARK_WIDTH - MARK_ROOM }}
            aria-pressed={chosen === chapter.key}
            onClick={() => choose(chosen === chapter.key ? null : chapter.key)}
          >
            <Icon name={chapter.icon} />
            <span
              className="mark-line"
              style={{ height: geometry.height + MARK_ROOM - ((rows[i] ?? 0) + 1) * MARK_WIDTH }}
            />
            <span className="mark-label">
              {chapter.title}, step {count(chapter.step)}
            </span>
          </button>
        ))}
      </div>
    </>
  );
}

/** Each attempt carries on what was skipped before, so the last one has all. */
function skippedRanges(run: Run) {
  return run.attempts.at(-1)?.skippedSteps ?? [];
}
