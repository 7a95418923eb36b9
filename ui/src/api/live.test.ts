import { expect, test } from "vitest";
import { type Browser, follow, type LiveState } from "./live";

/** A browser whose time and streams the test moves. */
class FakeBrowser implements Browser {
  time = 0;
  streams: FakeStream[] = [];
  private timers: { at: number; action: () => void }[] = [];

  open() {
    const stream = new FakeStream();
    this.streams.push(stream);
    return stream;
  }

  after(millis: number, action: () => void) {
    const timer = { at: this.time + millis, action };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  now() {
    return this.time;
  }

  pass(millis: number) {
    const end = this.time + millis;
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) {
        break;
      }
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = next.at;
      next.action();
    }
    this.time = end;
  }
}

class FakeStream {
  closed = false;
  private listeners = new Map<string, (event: Event) => void>();

  addEventListener(name: string, listener: unknown) {
    this.listeners.set(name, listener as (event: Event) => void);
  }

  close() {
    this.closed = true;
  }

  say(name: string, data = "") {
    this.listeners.get(name)?.(new MessageEvent(name, { data }));
  }
}

function start() {
  const browser = new FakeBrowser();
  const states: LiveState[] = [];
  const events: string[] = [];
  const stop = follow(
    "/runs/stream",
    ["runs"],
    (name, data) => events.push(`${name} ${data}`),
    (s) => states.push(s),
    browser,
  );
  return { browser, states, events, stop };
}

test("is live from the first event on and passes events through, but not signs of life", () => {
  const { browser, states, events } = start();
  expect(states).toEqual([{ kind: "connecting" }]);
  browser.streams[0]?.say("runs", "1");
  browser.streams[0]?.say("alive");
  expect(events).toEqual(["runs 1"]);
  expect(states.at(-1)).toEqual({ kind: "live" });
});

test("a broken stream is opened again, ever more slowly, and says since when it is lost", () => {
  const { browser, states } = start();
  browser.streams[0]?.say("runs");
  browser.pass(5000);
  browser.streams[0]?.say("error");
  expect(states.at(-1)).toEqual({ kind: "lost", since: 5000, retryInSeconds: 1 });
  browser.pass(1000);
  expect(browser.streams).toHaveLength(2);
  browser.streams[1]?.say("error");
  expect(states.at(-1)).toEqual({ kind: "lost", since: 5000, retryInSeconds: 2 });
  browser.pass(1999);
  expect(browser.streams).toHaveLength(2);
  browser.pass(1);
  browser.streams[2]?.say("runs");
  expect(states.at(-1)).toEqual({ kind: "live" });
});

test("silence is a lost stream although nobody reported an error", () => {
  const { browser, states } = start();
  browser.streams[0]?.say("runs");
  for (let i = 0; i < 5; i++) {
    browser.pass(10_000);
    browser.streams[0]?.say("alive");
  }
  expect(states.at(-1)).toEqual({ kind: "live" });
  browser.pass(30_000);
  expect(states.at(-1)).toMatchObject({ kind: "lost" });
  expect(browser.streams[0]?.closed).toBe(true);
});

test("nothing is opened after the page was left", () => {
  const { browser, stop } = start();
  browser.streams[0]?.say("error");
  stop();
  browser.pass(60_000);
  expect(browser.streams).toHaveLength(1);
});
