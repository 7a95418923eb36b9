// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sampleChange, sampleIncident, sampleRun } from "../../api/sampleRun";
import { buildStory } from "./buildStory";
import { Story } from "./Story";

beforeEach(() => {
  window.history.replaceState(null, "", "/runs/x");
});
afterEach(cleanup);

test("an incident opens on its reasons, what was not done and what it cost, and the address says so", () => {
  render(<Story story={buildStory(sampleRun())} />);
  expect(screen.queryByText("What was not done")).toBeNull();
  fireEvent.click(screen.getByRole("button", { name: /Process gone, rank 1/ }));
  expect(screen.getByText("9 (SIGKILL)")).toBeTruthy();
  expect(screen.getByText(/no other rank can finish its step/)).toBeTruthy();
  expect(screen.getByText(/Expected cost: 62 GPU-seconds/)).toBeTruthy();
  expect(screen.getByText("99.9 %")).toBeTruthy();
  expect(screen.getByText("tokens redone").nextElementSibling?.textContent).toBe("4,096");
  expect(window.location.search).toBe("?show=attempt-1-exited-rank-1-1");
});

test("an incident that became graver shows its signs and what was decided first", () => {
  const watched = {
    ...sampleIncident().decision,
    at: "2026-11-25T07:00:50Z",
    does: "watch whether it comes back",
  };
  const signs = [{ at: "2026-11-25T07:00:40Z", kind: "early-warning", summary: "the gradient norm grows" }];
  const incident = sampleIncident({ earlierDecisions: [watched], signs });
  render(<Story story={buildStory(sampleRun({ incidents: [incident] }))} />);
  fireEvent.click(screen.getByRole("button", { name: /Process gone, rank 1/ }));
  expect(screen.getByText("First: watch whether it comes back")).toBeTruthy();
  expect(screen.getByText(/the gradient norm grows/)).toBeTruthy();
});

test("a link to a change of recipe opens it with prediction, interval and score", () => {
  window.history.replaceState(null, "", "/runs/x?show=before-attempt-2");
  render(<Story story={buildStory(sampleRun())} />);
  expect(screen.getByText("1.830 (1.790 to 1.870)")).toBeTruthy();
  expect(
    screen.getByText("1.820, inside the interval; −0.130 against the loss predicted without it"),
  ).toBeTruthy();
});

test("a change that is not over has no measurement", () => {
  window.history.replaceState(null, "", "/runs/x?show=before-attempt-2");
  const applied = sampleChange({ status: "applied", score: null });
  render(<Story story={buildStory(sampleRun({ recipeChanges: [applied] }))} />);
  expect(screen.getByText("when the run has ended")).toBeTruthy();
});

test("a quiet run says that nothing happened", () => {
  render(<Story story={[]} />);
  expect(screen.getByText(/Nothing so far/)).toBeTruthy();
});
