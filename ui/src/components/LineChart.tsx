import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import uPlot from "uplot";
import { useTheme } from "../lib/theme";

export interface LineSeries {
  key: string;
  label: string;
  values: (number | null | undefined)[];
  /** Name of a custom property of the style sheet. */
  color: string;
  look: "line" | "faint" | "dashed" | "points" | "edge";
}

/** The ground between two series of look `edge`. */
export interface Band {
  low: string;
  high: string;
  color: string;
}

export interface Geometry {
  /** Pixels from the left edge of the chart to the plot, and the plot's size. */
  left: number;
  top: number;
  width: number;
  height: number;
  /** Where on the plot a value of the x axis lies, in pixels. */
  x: (value: number) => number;
}

interface Props {
  /** The chart in words, for those who do not see it. */
  description: string;
  height: number;
  x: number[];
  /** Left out where a chart above names the axis. */
  xLabel?: string;
  yLabel: string;
  yText: (value: number) => string;
  series: LineSeries[];
  bands?: Band[];
  log?: boolean;
  /** What of the x axis is shown; null is all of it. */
  range: [number, number] | null;
  onRange: (range: [number, number] | null) => void;
  onHover: (index: number | null) => void;
  /** Charts of one group share the cursor. */
  group: string;
  /** Pixels above the plot that belong to the overlay. */
  headroom?: number;
  /** Drawn over the plot. */
  overlay?: (geometry: Geometry) => ReactNode;
}

/** Curves over a shared x axis: drag to zoom, double click for everything again. */
export function LineChart(props: Props) {
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(null);
  const latest = useRef(props);
  const [geometry, setGeometry] = useState<Geometry | null>(null);
  const theme = useTheme();
  const shape = props.series.map((s) => `${s.key} ${s.color} ${s.look}`).join();
  const { x, series, range, log = false } = props;

  useLayoutEffect(() => {
    latest.current = props;
  });

  // A chart's series, scales and colours are fixed when it is made.
  // biome-ignore lint/correctness/useExhaustiveDependencies: made anew when shape, scale or colours change; everything else is read through `latest`
  useEffect(() => {
    const element = host.current;
    if (element === null) {
      return;
    }
    const made = new uPlot(options(latest, element, setGeometry), aligned(latest.current), element);
    chart.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: latest.current.height }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, [shape, log, theme]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the values are read through `latest`
  useEffect(() => {
    chart.current?.setData(aligned(latest.current));
  }, [x, series, range?.[0], range?.[1]]);

  return (
    <div className="line-chart" style={{ height: props.height }}>
      <div ref={host} role="img" aria-label={props.description} />
      {geometry !== null && props.overlay?.(geometry)}
    </div>
  );
}

function aligned(props: Props): uPlot.AlignedData {
  return [props.x, ...props.series.map((s) => s.values)];
}

function options(
  latest: { readonly current: Props },
  element: HTMLElement,
  onGeometry: (geometry: Geometry) => void,
): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const font = `12px ${style.fontFamily}`;
  const axis: uPlot.Axis = {
    stroke: color("--ink-soft"),
    font,
    labelFont: font,
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  const { log, group, height, xLabel, headroom = 8 } = latest.current;
  const measure = (u: uPlot) =>
    onGeometry({
      left: u.bbox.left / uPlot.pxRatio,
      top: u.bbox.top / uPlot.pxRatio,
      width: u.bbox.width / uPlot.pxRatio,
      height: u.bbox.height / uPlot.pxRatio,
      x: (value) => u.valToPos(value, "x"),
    });
  return {
    width: element.clientWidth,
    height,
    padding: [headroom, 12, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { size: 7 },
      drag: { x: true, y: false, setScale: false },
      sync: { key: group },
      bind: {
        dblclick: () => () => {
          latest.current.onRange(null);
          return null;
        },
      },
    },
    scales: {
      x: { time: false, range: (_, min, max) => latest.current.range ?? [min, max] },
      y: log ? { distr: 3, log: 2 } : { range: (_, min, max) => padded(min, max) },
    },
    axes: [
      { ...axis, size: 26, space: 70, ...(xLabel === undefined ? {} : { label: xLabel, labelSize: 18 }) },
      {
        ...axis,
        size: 62,
        label: latest.current.yLabel,
        labelSize: 18,
        space: 34,
        values: (_, splits) => splits.map((value) => (value === null ? "" : latest.current.yText(value))),
      },
    ],
    series: [{}, ...latest.current.series.map((s) => line(s, color(s.color)))],
    bands: (latest.current.bands ?? []).map((band) => ({
      series: [place(latest.current.series, band.high), place(latest.current.series, band.low)],
      fill: color(band.color),
    })),
    hooks: {
      draw: [measure],
      setCursor: [(u) => latest.current.onHover(u.cursor.idx ?? null)],
      setSelect: [
        (u) => {
          const { left, width } = u.select;
          if (width > 4) {
            const from = Math.floor(u.posToVal(left, "x"));
            latest.current.onRange([from, Math.max(from + 1, Math.ceil(u.posToVal(left + width, "x")))]);
          }
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

/** The x axis is the first. */
function place(series: LineSeries[], key: string): number {
  return series.findIndex((s) => s.key === key) + 1;
}

function padded(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) {
    return [0, 1];
  }
  const pad = (max - min) * 0.06 || Math.abs(max) * 0.1 || 1;
  return [min >= 0 ? Math.max(0, min - pad) : min - pad, max + pad];
}

function line(series: LineSeries, color: string): uPlot.Series {
  switch (series.look) {
    case "line":
      return { stroke: color, width: 1.75, points: { show: false } };
    case "faint":
      return { stroke: color, width: 1.5, alpha: 0.6, points: { show: false } };
    case "dashed":
      return { stroke: color, width: 1.25, dash: [6, 4], points: { show: false } };
    case "edge":
      return { width: 0, points: { show: false } };
    case "points":
      return {
        stroke: color,
        paths: () => null,
        points: { show: true, size: 7, width: 1.5, fill: color },
      };
  }
}
