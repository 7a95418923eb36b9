import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { curveQuery, forecastQuery } from "../../api/queries";
import type { ForecastPath, Run } from "../../api/types";
import { Head } from "../../components/Head";
import { LineChart, type LineSeries } from "../../components/LineChart";
import { ProblemNotice } from "../../components/Notice";
import { ended } from "../../components/phase";
import { Section } from "../../components/Section";
import { count, duration, loss, rate } from "../../lib/format";
import { setParameters, useParameter } from "../../lib/location";
import {
  buildCurve,
  type CurveData,
  describeCurve,
  type Reading,
  readingAt,
  sampleReadings,
} from "./buildCurve";
import { bandOf, forecastSeries, lengthen } from "./buildForecast";
import type { Chapter } from "./buildStory";
import { MARK_ROOM, Marks } from "./Marks";

/** Attempts differ in colour; the sixth looks like the first again and is told by its number. */
const ATTEMPT_COLORS = 5;
const TABLE_ROWS = 25;
const GROUP = "steps";

export function Curves({ run, story }: { run: Run; story: Chapter[] }) {
  const curve = useQuery(curveQuery(run.id));
  const data = useMemo(() => (curve.data === undefined ? undefined : buildCurve(curve.data)), [curve.data]);
  const forecast = useQuery({ ...forecastQuery(run.id), enabled: !ended(run.phase) }).data?.planned;
  return (
    <Section
      id="curve"
      title="Loss across attempts"
      aside={data !== undefined && data.steps.length > 0 && <Controls />}
    >
      {data !== undefined ? (
        data.steps.length === 0 ? (
          <p className="empty-chart">
            {ended(run.phase) ? "No step was made." : "The curve begins with the first step."}
          </p>
        ) : (
          <Charts run={run} story={story} data={data} forecast={ended(run.phase) ? undefined : forecast} />
        )
      ) : curve.isError ? (
        <ProblemNotice error={curve.error} retry={() => void curve.refetch()} />
      ) : (
        <div className="skeleton" role="status">
          <span className="visually-hidden">Loading the curve</span>
          <div className="skeleton-block" />
        </div>
      )}
    </Section>
  );
}

function Controls() {
  const [forecast, setForecast] = useParameter("forecast");
  const [scale, setScale] = useParameter("scale");
  const [discarded, setDiscarded] = useParameter("discarded");
  const [range] = useRange();
  return (
    <div className="controls">
      {range !== null && (
        <button type="button" className="quiet" onClick={() => setParameters({ from: null, to: null })}>
          Show all steps
        </button>
      )}
      <label>
        <input
          type="checkbox"
          checked={forecast !== "no"}
          onChange={(event) => setForecast(event.target.checked ? null : "no")}
        />
        Prediction
      </label>
      <label>
        <input
          type="checkbox"
          checked={discarded !== "no"}
          onChange={(event) => setDiscarded(event.target.checked ? null : "no")}
        />
        Discarded steps
      </label>
      <label>
        <input
          type="checkbox"
          checked={scale === "log"}
          onChange={(event) => setScale(event.target.checked ? "log" : null)}
        />
        Log scale
      </label>
    </div>
  );
}

function useRange(): [[number, number] | null, (range: [number, number] | null) => void] {
  const [from] = useParameter("from");
  const [to] = useParameter("to");
  const range = useMemo((): [number, number] | null => {
    const [first, last] = [Number(from ?? Number.NaN), Number(to ?? Number.NaN)];
    return first < last ? [first, last] : null;
  }, [from, to]);
  const set = (next: [number, number] | null) =>
    setParameters({
      from: next === null ? null : String(next[0]),
      to: next === null ? null : String(next[1]),
    });
  return [range, set];
}

interface ChartsProps {
  run: Run;
  story: Chapter[];
  data: CurveData;
  forecast: ForecastPath | undefined;
}

function Charts({ run, story, data, forecast }: ChartsProps) {
  const [hovered, setHovered] = useState<number | null>(null);
  const [scale] = useParameter("scale");
  const [discarded] = useParameter("discarded");
  const [range, onRange] = useRange();
  const predicted = run.stepSeconds.predicted;
  const [predicting] = useParameter("forecast");
  const shown = predicting === "no" ? undefined : forecast;
  const lossSteps = useMemo(() => lengthen(data.steps, shown?.steps ?? []), [data, shown]);
  const lossSeries = useMemo(
    () => [
      ...buildLossSeries(data, discarded !== "no"),
      ...(shown === undefined ? [] : forecastSeries(lossSteps, shown, "forecast", "predicted", "--ink-soft")),
    ],
    [data, discarded, shown, lossSteps],
  );
  const rateSeries = useMemo(() => perAttempt(data, "learningRate"), [data]);
  const timeSeries = useMemo(
    () => [...perAttempt(data, "stepSeconds"), ...predictedSeries(data, predicted)],
    [data, predicted],
  );
  const shared = { x: data.steps, range, onRange, group: GROUP, onHover: setHovered };
  const description = describeCurve(data, run);
  return (
    <figure className="curves">
      <Readout reading={readingAt(data, hovered ?? data.steps.length - 1)} latest={hovered === null} />
      <LineChart
        {...shared}
        x={lossSteps}
        description={description}
        height={366}
        headroom={MARK_ROOM}
        xLabel="step"
        yLabel="loss, nats per token"
        yText={(value) => String(Number(value.toPrecision(3)))}
        series={lossSeries}
        bands={shown === undefined ? [] : [bandOf("forecast", "--band")]}
        log={scale === "log"}
        overlay={(geometry) => <Marks story={story} run={run} geometry={geometry} />}
      />
      <div className="small-charts">
        <div>
          <h3>Learning rate</h3>
          <LineChart
            {...shared}
            description={`Learning rate over ${count(data.steps.length)} steps; the table below has the values.`}
            height={132}
            yLabel="learning rate"
            yText={rate}
            series={rateSeries}
          />
        </div>
        <div>
          <h3>
            Step time{predicted !== undefined && <small> dashed: predicted {duration(predicted)}</small>}
          </h3>
          <LineChart
            {...shared}
            description={`Time per step over ${count(data.steps.length)} steps; the table below has the values.`}
            height={132}
            yLabel="seconds"
            yText={(value) => String(Number(value.toPrecision(3)))}
            series={timeSeries}
          />
        </div>
      </div>
      <figcaption>
        <Legend run={run} data={data} forecast={shown} />
        <details>
          <summary>The curve in words and as a table</summary>
          <p>{description}</p>
          <ReadingTable readings={sampleReadings(data, TABLE_ROWS)} />
        </details>
      </figcaption>
    </figure>
  );
}

function attemptColor(attempt: number): string {
  return `--attempt-${((attempt - 1) % ATTEMPT_COLORS) + 1}`;
}

function buildLossSeries(data: CurveData, discarded: boolean): LineSeries[] {
  return [
    ...data.attempts.flatMap((a): LineSeries[] => {
      const color = attemptColor(a.attempt);
      const kept: LineSeries = {
        key: `kept-${a.attempt}`,
        label: `attempt ${a.attempt}`,
        values: a.kept,
        color,
        look: "line",
      };
      return discarded
        ? [{ ...kept, key: `discarded-${a.attempt}`, values: a.thrownAway, look: "faint" }, kept]
        : [kept];
    }),
    {
      key: "validation",
      label: "validation",
      values: data.validation,
      color: "--validation",
      look: "points",
    },
  ];
}

function perAttempt(data: CurveData, what: "learningRate" | "stepSeconds"): LineSeries[] {
  return data.attempts.map((a) => ({
    key: `${what}-${a.attempt}`,
    label: `attempt ${a.attempt}`,
    values: a[what],
    color: attemptColor(a.attempt),
    look: "line",
  }));
}

function predictedSeries(data: CurveData, seconds: number | undefined): LineSeries[] {
  return seconds === undefined
    ? []
    : [
        {
          key: "predicted",
          label: "predicted",
          values: data.steps.map(() => seconds),
          color: "--ink-soft",
          look: "dashed",
        },
      ];
}

/** The figures under the cursor, in one place, so that the eye need not follow a box. */
function Readout({ reading, latest }: { reading: Reading | undefined; latest: boolean }) {
  if (reading === undefined) {
    return null;
  }
  return (
    <p className="readout">
      <span>
        {latest ? "latest: " : ""}step <b>{count(reading.step)}</b>
      </span>
      <span className="swatch" style={{ background: `var(${attemptColor(reading.attempt)})` }} />
      <span>
        attempt {reading.attempt}
        {!reading.kept && " (discarded)"}
      </span>
      <span>
        loss <b>{reading.loss === null ? "none" : loss(reading.loss)}</b>
      </span>
      {reading.validation !== null && (
        <span>
          validation <b>{loss(reading.validation)}</b>
        </span>
      )}
      {reading.learningRate !== null && <span>learning rate {rate(reading.learningRate)}</span>}
      {reading.stepSeconds !== null && <span>{duration(reading.stepSeconds)}</span>}
    </p>
  );
}

function Legend({ run, data, forecast }: Omit<ChartsProps, "story">) {
  return (
    <ul className="legend">
      {run.attempts.map((a) => (
        <li key={a.number}>
          <span className="swatch" style={{ background: `var(${attemptColor(a.number)})` }} />
          attempt {a.number}, from step {count(a.resumeStep)}
        </li>
      ))}
      <li>
        <span className="swatch swatch-faint" />
        discarded
      </li>
      {data.validation.some((value) => typeof value === "number") && (
        <li>
          <span className="swatch swatch-dot" />
          validation
        </li>
      )}
      {run.attempts.some((a) => a.skippedSteps.length > 0) && (
        <li>
          <span className="swatch swatch-skipped" />
          data skipped
        </li>
      )}
      {forecast !== undefined && (
        <li>
          <span className="swatch swatch-faint" />
          predicted with 90 % band: {loss(forecast.final.loss)} ({loss(forecast.final.low90)} to{" "}
          {loss(forecast.final.high90)}) at step {count(forecast.steps.at(-1) ?? 0)}
        </li>
      )}
      <li className="hint">drag to zoom, double click for all</li>
    </ul>
  );
}

function ReadingTable({ readings }: { readings: Reading[] }) {
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <Head number>Step</Head>
            <Head number>Attempt</Head>
            <Head number>Loss</Head>
            <Head number>Learning rate</Head>
            <Head number>Step time</Head>
          </tr>
        </thead>
        <tbody>
          {readings.map((r) => (
            <tr key={r.step}>
              <td className="number">{count(r.step)}</td>
              <td className="number">
                {r.attempt}
                {!r.kept && " (discarded)"}
              </td>
              <td className="number">{r.loss === null ? "–" : loss(r.loss)}</td>
              <td className="number">{r.learningRate === null ? "–" : rate(r.learningRate)}</td>
              <td className="number">{r.stepSeconds === null ? "–" : duration(r.stepSeconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
