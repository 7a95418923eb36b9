import { useQuery } from "@tanstack/react-query";
import {
  type KeyboardEvent,
  type PointerEvent,
  type RefObject,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { forecastQuery } from "../../api/queries";
import type { Design, Forecast, LossRange, Run } from "../../api/types";
import { CopyButton } from "../../components/CopyButton";
import { LineChart } from "../../components/LineChart";
import { Section } from "../../components/Section";
import { count, loss, rate } from "../../lib/format";
import { bandOf, forecastSeries, plannedDesign, within } from "./buildForecast";

/** A drag asks once it has paused. */
const PAUSE_MILLIS = 150;
const FIRST_WIDTH = 720;
const HEIGHT = 170;
const INSET = { left: 14, right: 14, top: 16, bottom: 20 };
const KEY_STEPS = 100;
/** Share of the present rate. */
const SNAP = 0.12;

/** The rest of the schedule as handles to drag, and what the loss would do. Nothing is changed by it. */
export function Designer({ run }: { run: Run }) {
  const planned = useQuery(forecastQuery(run.id)).data;
  const start = planned === undefined ? undefined : plannedDesign(planned);
  const [wanted, setWanted] = useState<Design | null>(null);
  const asked = usePaused(wanted);
  const designed = useQuery({ ...forecastQuery(run.id, asked ?? undefined), enabled: asked !== null }).data;
  if (planned === undefined || start === undefined || planned.step === undefined) {
    return null;
  }
  const limits = { step: planned.step, total: start.total, rate: start.rate };
  const design = within(wanted ?? start, limits.step, limits.total, limits.rate);
  const change = (part: Partial<Design>) =>
    setWanted(within({ ...design, ...part }, limits.step, limits.total, limits.rate));
  return (
    <Section
      id="design"
      title="Design the rest"
      aside={
        wanted !== null && (
          <button type="button" className="quiet" onClick={() => setWanted(null)}>
            Back to the plan
          </button>
        )
      }
    >
      <p className="note">
        Learning rate of the steps that are left: drag where it begins to fall and where the run ends. Nothing
        is changed by it.
      </p>
      <Schedule planned={planned} design={design} change={change} limits={limits} />
      <Fields design={design} change={change} />
      {planned.planned !== undefined && (
        <Outcome planned={planned} designed={wanted === null ? undefined : designed?.designed} />
      )}
    </Section>
  );
}

function usePaused(wanted: Design | null): Design | null {
  const [asked, setAsked] = useState<Design | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(wanted), PAUSE_MILLIS);
    return () => clearTimeout(timer);
  }, [wanted]);
  return asked;
}

interface Limits {
  step: number;
  total: number;
  rate: number;
}

interface ScheduleProps {
  planned: Forecast;
  design: Design;
  change: (part: Partial<Design>) => void;
  limits: Limits;
}

/** A drag along the steps does not change the rate by a few pixels. */
function snapped(value: number, now: number): number {
  return [now, 0].find((rate) => Math.abs(value - rate) < SNAP * now) ?? value;
}

/** Of an element in pixels, so that what is drawn in it keeps its size. */
function useWidth(element: RefObject<Element | null>): number {
  const [width, setWidth] = useState(FIRST_WIDTH);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setWidth(element.current?.clientWidth || FIRST_WIDTH));
    if (element.current !== null) {
      observer.observe(element.current);
    }
    return () => observer.disconnect();
  }, [element]);
  return width;
}

function Schedule({ planned, design, change, limits }: ScheduleProps) {
  const svg = useRef<SVGSVGElement>(null);
  const width = useWidth(svg);
  const last = Math.max(1.5 * limits.total, design.total);
  const most = 2.1 * limits.rate;
  const plot = { width: width - INSET.left - INSET.right, height: HEIGHT - INSET.top - INSET.bottom };
  const x = (step: number) => INSET.left + (plot.width * (step - limits.step)) / (last - limits.step);
  const y = (value: number) => INSET.top + plot.height * (1 - value / most);
  const at = (event: PointerEvent): { step: number; rate: number } => {
    const box = svg.current?.getBoundingClientRect() ?? new DOMRect();
    return {
      step: limits.step + ((event.clientX - box.left - INSET.left) * (last - limits.step)) / plot.width,
      rate: snapped((1 - (event.clientY - box.top - INSET.top) / plot.height) * most, limits.rate),
    };
  };
  const line = (points: [number, number][]) => points.map(([s, v]) => `${x(s)},${y(v)}`).join(" ");
  const path = planned.planned;
  const bottom = y(0);
  return (
    <svg ref={svg} className="design-chart" height={HEIGHT} aria-label="Learning rate of the rest">
      <line className="axis" x1={INSET.left} x2={width - INSET.right} y1={bottom} y2={bottom} />
      <text x={INSET.left} y={HEIGHT - 5}>
        step {count(limits.step)}
      </text>
      <text x={width - INSET.right} y={HEIGHT - 5} textAnchor="end">
        {count(Math.round(last))}
      </text>
      <line className="horizon" x1={x(limits.total)} x2={x(limits.total)} y1={INSET.top} y2={bottom} />
      <text x={x(limits.total)} y={HEIGHT - 5} textAnchor="middle">
        planned end {count(limits.total)}
      </text>
      {path !== undefined && (
        <polyline
          className="as-planned"
          points={line(path.steps.map((step, i): [number, number] => [step, path.learningRate[i] ?? 0]))}
        />
      )}
      <polyline
        className="designed"
        points={line([
          [limits.step, design.rate],
          [design.decayStart, design.rate],
          [design.total, design.low],
        ])}
      />
      <Handle
        label="End of the run"
        x={x(design.total)}
        y={y(design.low)}
        step={design.total}
        rate={design.low}
        limits={limits}
        at={at}
        move={(to) => change({ total: to.step, low: to.rate })}
      />
      <Handle
        label="Beginning of the decay"
        x={x(design.decayStart)}
        y={y(design.rate)}
        step={design.decayStart}
        rate={design.rate}
        limits={limits}
        at={at}
        move={(to) =>
          change({
            decayStart: to.step,
            rate: to.rate,
            low: design.low < design.rate ? design.low : 0,
          })
        }
      />
    </svg>
  );
}

interface HandleProps {
  label: string;
  x: number;
  y: number;
  step: number;
  rate: number;
  limits: Limits;
  at: (event: PointerEvent) => { step: number; rate: number };
  move: (to: { step: number; rate: number }) => void;
}

function Handle(props: HandleProps) {
  const { step, rate: value, limits, move } = props;
  const keys: Record<string, [number, number]> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, 1],
    ArrowDown: [0, -1],
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const key = keys[event.key];
    if (key !== undefined) {
      event.preventDefault();
      move({
        step: step + key[0] * Math.max(1, Math.round(limits.total / KEY_STEPS)),
        rate: value + (key[1] * limits.rate) / 20,
      });
    }
  };
  return (
    <circle
      className="handle"
      cx={props.x}
      cy={props.y}
      r={8}
      role="slider"
      tabIndex={0}
      aria-label={props.label}
      aria-valuemin={limits.step}
      aria-valuemax={2 * limits.total}
      aria-valuenow={step}
      aria-valuetext={`step ${count(step)} at ${rate(value)}`}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) {
          move(props.at(event));
        }
      }}
    />
  );
}

function Fields({ design, change }: { design: Design; change: (part: Partial<Design>) => void }) {
  const fields: [keyof Design, string][] = [
    ["rate", "Rate until then"],
    ["decayStart", "Falls from step"],
    ["low", "Last rate"],
    ["total", "Ends at step"],
  ];
  return (
    <div className="design-fields">
      {fields.map(([field, label]) => (
        <label key={field}>
          {label}
          <input
            type="number"
            step="any"
            min={0}
            value={design[field]}
            onChange={(event) => {
              if (Number.isFinite(event.target.valueAsNumber)) {
                change({ [field]: event.target.valueAsNumber });
              }
            }}
          />
        </label>
      ))}
    </div>
  );
}

function Outcome({ planned, designed }: { planned: Forecast; designed: Forecast["designed"] }) {
  const [, setHovered] = useState<number | null>(null);
  const [range, setRange] = useState<[number, number] | null>(null);
  const path = planned.planned;
  if (path === undefined) {
    return null;
  }
  const steps = [...new Set([...path.steps, ...(designed?.steps ?? [])])].sort((a, b) => a - b);
  const series = [
    ...forecastSeries(steps, path, "planned", "as planned", "--ink-soft"),
    ...(designed === undefined ? [] : forecastSeries(steps, designed, "design", "as designed", "--accent")),
  ].map((s) => ({ ...s, values: s.values.map((value, i) => value ?? between(s.values, i)) }));
  return (
    <>
      <LineChart
        description={`Predicted loss of the steps that are left. ${words("As planned", path.final)}${designed === undefined ? "" : ` ${words("As designed", designed.final)}`}`}
        height={190}
        x={steps}
        xLabel="step"
        yLabel="predicted loss"
        yText={(value) => String(Number(value.toPrecision(3)))}
        series={series}
        bands={[
          bandOf("planned", "--band"),
          ...(designed === undefined ? [] : [bandOf("design", "--band-design")]),
        ]}
        range={range}
        onRange={setRange}
        onHover={setHovered}
        group="design"
      />
      <dl className="outcome" aria-live="polite">
        <Figure term={`As planned, step ${count(path.steps.at(-1) ?? 0)}`} value={path.final} />
        {designed !== undefined && (
          <>
            <Figure term={`This design, step ${count(designed.steps.at(-1) ?? 0)}`} value={designed.final} />
            <Figure term="Difference" value={designed.effect} signed />
          </>
        )}
      </dl>
      {designed !== undefined && (
        <p className="launch-words">
          <code>{designed.megatron}</code>
          <CopyButton text={designed.megatron} what="Megatron-LM's arguments" />
        </p>
      )}
    </>
  );
}

/** Two paths have points at steps of their own; in between a path is drawn straight. */
function between(values: (number | null | undefined)[], i: number): number | undefined {
  let [before, after] = [i, i];
  while (before >= 0 && typeof values[before] !== "number") {
    before--;
  }
  while (after < values.length && typeof values[after] !== "number") {
    after++;
  }
  const [low, high] = [values[before], values[after]];
  return typeof low === "number" && typeof high === "number"
    ? low + ((high - low) * (i - before)) / (after - before)
    : undefined;
}

function words(what: string, value: LossRange): string {
  return `${what} it ends at ${loss(value.loss)}, 90 %: ${loss(value.low90)} to ${loss(value.high90)}.`;
}

function Figure({ term, value, signed = false }: { term: string; value: LossRange; signed?: boolean }) {
  const text = (n: number) => (signed && n > 0 ? `+${loss(n)}` : loss(n));
  return (
    <div>
      <dt>{term}</dt>
      <dd>{text(value.loss)}</dd>
      <dd className="note">
        90 %: {text(value.low90)} to {text(value.high90)}
      </dd>
    </div>
  );
}
