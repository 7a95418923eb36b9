const SEPARATED = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SIGNIFICANT = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** A count of things that one may want to compare digit by digit: `1,228,800`. */
export function count(value: number): string {
  return SEPARATED.format(value);
}

/** A large count in three digits: `1.23 M`. */
export function amount(value: number): string {
  const units: [number, string][] = [
    [1e12, " T"],
    [1e9, " G"],
    [1e6, " M"],
    [1e4, " k"],
  ];
  const unit = units.find(([size]) => Math.abs(value) >= size);
  if (unit === undefined) {
    return count(value);
  }
  return unit[0] === 1e4
    ? `${SIGNIFICANT.format(value / 1e3)} k`
    : `${SIGNIFICANT.format(value / unit[0])}${unit[1]}`;
}

/** A length of time, two units at most: `213 ms`, `4.2 s`, `3 min 10 s`, `2 d 4 h`. */
export function duration(seconds: number): string {
  if (seconds < 0.9995) {
    return `${SIGNIFICANT.format(seconds * 1000)} ms`;
  }
  if (seconds < 59.95) {
    return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 3600) {
    return two(Math.floor(whole / 60), "min", whole % 60, "s");
  }
  if (whole < 48 * 3600) {
    return two(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  }
  return two(Math.floor(whole / 86400), "d", Math.floor((whole % 86400) / 3600), "h");
}

function two(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** A share of 1 as percent: `71.4 %`; never a rounded 0 or 100 that is not one. */
export function percent(share: number): string {
  if (share > 0 && share < 0.001) {
    return "< 0.1 %";
  }
  if (share < 1 && share > 0.999) {
    return "> 99.9 %";
  }
  return `${(share * 100).toFixed(share === 0 || share === 1 ? 0 : 1)} %`;
}

/** Bytes in decimal units, as memory is sold: `17.2 GB`. */
export function bytes(value: number): string {
  const units: [number, string][] = [
    [1e12, "TB"],
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "kB"],
  ];
  const unit = units.find(([size]) => value >= size);
  return unit === undefined ? `${count(value)} B` : `${SIGNIFICANT.format(value / unit[0])} ${unit[1]}`;
}

/** A loss in nats per token. */
export function loss(value: number): string {
  return value.toFixed(value < 10 ? 3 : 2);
}

/** A change of loss with its sign. */
export function signedLoss(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
}

/** A learning rate or the like: `1e-3`, `2.5e-4`, `0`. */
export function rate(value: number): string {
  return value === 0 ? "0" : value.toExponential(2).replace(/\.?0+e/, "e");
}

/** Time of day of an instant, in the reader's zone. */
export function clock(iso: string): string {
  return new Date(iso).toLocaleTimeString("en-GB");
}

/** Date and time of an instant, in the reader's zone. */
export function dateTime(iso: string): string {
  return new Date(iso).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

/** Seconds from one instant to another. */
export function between(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}

/** `1 attempt`, `2 attempts`. */
export function plural(n: number, one: string): string {
  return `${count(n)} ${one}${n === 1 ? "" : "s"}`;
}

/** A statement with a capital and a full stop. */
export function sentence(text: string): string {
  return text === ""
    ? ""
    : `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
