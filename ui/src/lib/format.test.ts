import { expect, test } from "vitest";
import { amount, bytes, duration, loss, percent, plural, rate, sentence, signedLoss } from "./format";

test.each([
  [0.000_35, "0.35 ms"],
  [0.2134, "213 ms"],
  [0.9996, "1.0 s"],
  [9.96, "10 s"],
  [59.96, "1 min"],
  [190, "3 min 10 s"],
  [3600, "1 h"],
  [3 * 86400 + 4 * 3600 + 59, "3 d 4 h"],
])("duration of %d s is %s", (seconds, text) => expect(duration(seconds)).toBe(text));

test.each([
  [999, "999"],
  [9999, "9,999"],
  [26_624, "26.6 k"],
  [1_228_800, "1.23 M"],
  [3e11, "300 G"],
])("amount of %d is %s", (value, text) => expect(amount(value)).toBe(text));

test.each([
  [0, "0 %"],
  [0.000_01, "< 0.1 %"],
  [0.697, "69.7 %"],
  [0.9999, "> 99.9 %"],
  [1, "100 %"],
])("share %d is %s", (share, text) => expect(percent(share)).toBe(text));

test.each([
  [0, "0"],
  [0.001, "1e-3"],
  [0.000_25, "2.5e-4"],
])("rate %d is %s", (value, text) => expect(rate(value)).toBe(text));

test("bytes are decimal", () => {
  expect(bytes(350_000_000)).toBe("350 MB");
  expect(bytes(999)).toBe("999 B");
});

test("losses carry three digits and changes their sign", () => {
  expect(loss(1.80149)).toBe("1.801");
  expect(loss(11.2)).toBe("11.20");
  expect(signedLoss(-0.116)).toBe("−0.116");
  expect(signedLoss(0.02)).toBe("+0.020");
});

test("one is singular", () => {
  expect(plural(1, "run")).toBe("1 run");
  expect(plural(0, "run")).toBe("0 runs");
});

test("a statement becomes a sentence once", () => {
  expect(sentence("rank 1 is slow")).toBe("Rank 1 is slow.");
  expect(sentence("Rank 1 is slow.")).toBe("Rank 1 is slow.");
  expect(sentence("")).toBe("");
});
