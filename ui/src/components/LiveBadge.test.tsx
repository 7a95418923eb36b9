// @vitest-environment jsdom
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { StaleNotice } from "./LiveBadge";

afterEach(cleanup);

test("figures that may be old are marked with the time they are from", () => {
  const since = new Date(2026, 10, 25, 3, 14, 15).getTime();
  render(<StaleNotice state={{ kind: "lost", since, retryInSeconds: 8 }} />);
  expect(screen.getByRole("status").textContent).toContain("this is what was known at 03:14:15");
});

test("a live page has no notice", () => {
  const { container } = render(<StaleNotice state={{ kind: "live" }} />);
  expect(container.textContent).toBe("");
});
