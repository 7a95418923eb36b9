// Drives the page in the system's Chromium against a service that has just finished the demonstration:
// node run.mjs --base-url URL --run ID --screenshots DIR
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values: options } = parseArgs({
  options: { "base-url": { type: "string" }, run: { type: "string" }, screenshots: { type: "string" } },
});
const base = options["base-url"];
const run = options.run;
const screenshots = options.screenshots;
if (!base || !run || !screenshots) {
  console.error("usage: node run.mjs --base-url URL --run ID --screenshots DIR");
  process.exit(2);
}
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find((file) => existsSync(file));
if (!CHROMIUM) {
  console.error("no Chromium: /usr/bin/chromium and /usr/bin/google-chrome do not exist");
  process.exit(2);
}
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const EXAMPLE = new URL("../examples/demo.yaml", import.meta.url);
/** What a busy machine of two cores may take, not what it should. */
const PATIENCE_MILLIS = 15_000;
const LAUNCH_MILLIS = 90_000;

mkdirSync(screenshots, { recursive: true });
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

class Failure extends Error {}

function check(claim, found) {
  if (!claim) {
    throw new Failure(found);
  }
}

/** The API's own answer, against which the page is checked. */
async function api(address, init) {
  const response = await fetch(`${base}/api/v1${address}`, init);
  return response.json();
}

/** A page whose every console error, failed script and request to elsewhere is remembered. */
async function open(address, { theme = "light", width = 1400, before, expectedErrors = [] } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: theme,
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(PATIENCE_MILLIS);
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !expectedErrors.some((expected) => text.includes(expected))) {
      faults.push(`console: ${text}`);
    }
  });
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith("data:")) {
      faults.push(`request to elsewhere: ${request.url()}`);
    }
  });
  await before?.(page);
  await page.goto(base + address);
  return { page, faults, close: () => context.close() };
}

async function accessible(page, where) {
  await page.addScriptTag({ path: AXE });
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter((violation) => ["serious", "critical"].includes(violation.impact));
  check(
    serious.length === 0,
    `${where}: ${serious.map((v) => `${v.id} at ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`).join("; ")}`,
  );
}

/** Pixels of the loss chart in the colour of an attempt, antialiasing aside. */
function pixelsOf(page, attempt) {
  return page.evaluate((number) => {
    const canvas = document.querySelector(".curves canvas");
    const probe = document.createElement("canvas").getContext("2d");
    probe.fillStyle = getComputedStyle(canvas).getPropertyValue(`--attempt-${number}`);
    probe.fillRect(0, 0, 1, 1);
    const wanted = probe.getImageData(0, 0, 1, 1).data;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let i = 0; i < data.length; i += 4) {
      const distance = [0, 1, 2].reduce((sum, c) => sum + Math.abs(data[i + c] - wanted[c]), 0);
      found += data[i + 3] > 200 && distance < 24 ? 1 : 0;
    }
    return found;
  }, attempt);
}

const shot = (page, name, rest = {}) =>
  page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true, ...rest });
/** The part of the run page that docs/images shows. */
const TOP = { clip: { x: 0, y: 0, width: 1400, height: 1010 } };
const chart = (page) => page.locator(".curves .mark").first().waitFor();

/** Drags the decay of a training run's schedule and reads what that does to its final loss. */
async function designed(page) {
  const design = page.getByRole("region", { name: "Design the rest", exact: true });
  await design.waitFor({ timeout: LAUNCH_MILLIS });
  await page.getByText(/predicted with 90 % band/).waitFor();
  const handle = design.getByRole("slider", { name: "Beginning of the decay" });
  const box = await handle.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 - 120, box.y + box.height / 2, { steps: 4 });
  await page.mouse.up();
  const end = design.getByRole("slider", { name: "End of the run" });
  await end.focus();
  for (let i = 0; i < 20; i++) {
    await page.keyboard.press("ArrowDown");
  }
  check((await end.getAttribute("aria-valuetext")).endsWith("at 0"), await end.getAttribute("aria-valuetext"));
  await design.locator("code", { hasText: "--lr-decay-style WSD" }).waitFor();
  const difference = await design.locator(".outcome div", { hasText: "Difference" }).innerText();
  check(/[-+]?\d\.\d+\s+90 %: [-+]?\d\.\d+ to [-+]?\d\.\d+/.test(difference), `the difference: ${difference}`);
  await accessible(page, "designer");
  await design.screenshot({ path: path.join(screenshots, "design-light.png") });
  await shot(page, "run-forecast", TOP);
  await page.getByRole("button", { name: "Use dark colours" }).click();
  await accessible(page, "dark designer");
  await design.screenshot({ path: path.join(screenshots, "design-dark.png") });
  await shot(page, "run-forecast-dark", TOP);
  await page.getByRole("button", { name: "Use light colours" }).click();
}

const truth = await api(`/runs/${run}`);

const tests = {
  async "the address of the service leads to the list, which shows the run"() {
    const view = await open("/");
    const row = view.page.getByRole("row").filter({ has: view.page.locator(`a[href="/runs/${run}"]`) });
    await row.waitFor();
    const text = await row.innerText();
    check(text.includes("Completed"), `the row says: ${text}`);
    check(text.includes(`${truth.totalSteps} of ${truth.totalSteps} steps`), `the row says: ${text}`);
    await view.page.getByText("Live", { exact: true }).waitFor();
    await accessible(view.page, "list");
    await shot(view.page, "list-light");
    await row.getByRole("link").click();
    await view.page.getByRole("heading", { level: 1, name: truth.name }).waitFor();
    check(new URL(view.page.url()).pathname === `/runs/${run}`, `the link leads to ${view.page.url()}`);
    await view.page.goBack();
    await row.waitFor();
    return view;
  },

  async "the page is asked for anew each time, the parts it names are kept"() {
    for (const address of ["/", "/runs", `/runs/${run}`]) {
      const page = await fetch(base + address);
      check(page.headers.get("Cache-Control") === "no-cache", `${address}: ${page.headers.get("Cache-Control")}`);
      const parts = [...(await page.text()).matchAll(/"(\/assets\/[^"]+)"/g)].map((match) => match[1]);
      check(parts.length >= 2, `${address} names ${parts}`);
      for (const part of parts) {
        const { headers } = await fetch(base + part);
        check(headers.get("Cache-Control").includes("immutable"), `${part}: ${headers.get("Cache-Control")}`);
      }
    }
  },

  async "every attempt has its curve, and every incident and change of recipe its mark"() {
    const view = await open(`/runs/${run}`);
    await chart(view.page);
    for (const { number } of truth.attempts) {
      const pixels = await pixelsOf(view.page, number);
      check(pixels > 50, `attempt ${number} has ${pixels} pixels on the chart`);
    }
    const labels = await view.page.locator(".mark-label").allInnerTexts();
    check(labels.length === truth.incidents.length + truth.recipeChanges.length, `marks: ${labels.join("; ")}`);
    for (const wanted of [/^Loss spike/, /^Process gone, rank \d/, /^Slow rank, rank \d/, /^Change of recipe/]) {
      check(labels.some((label) => wanted.test(label)), `no mark ${wanted} among: ${labels.join("; ")}`);
    }
    await shot(view.page, "run-light", TOP);
    await shot(view.page, "run-whole");
    await accessible(view.page, "run");
    return view;
  },

  async "a mark opens its incident: evidence, decision, what was not done, cost"() {
    const view = await open(`/runs/${run}`);
    await chart(view.page);
    for (const incident of truth.incidents.filter((i) => ["spike", "exited", "slow-rank"].includes(i.kind))) {
      const title = { spike: "Loss spike", exited: "Process gone", "slow-rank": "Slow rank" }[incident.kind];
      const step = incident.step ?? truth.attempts[incident.attempt - 1].lastStep;
      await view.page.locator(".mark", { hasText: new RegExp(`^${title}.*step ${step}$`) }).first().press("Enter");
      const text = await view.page.locator(".chapter-open").innerText();
      const expected = [
        ...Object.values(incident.evidence).map((value) => value.split("\n")[0]),
        ...incident.decision.alternatives.map((alternative) => alternative.why),
        ...(incident.rollbackStep === undefined ? [] : ["back to step", String(incident.rollbackStep)]),
      ];
      for (const part of expected) {
        check(text.toLowerCase().includes(part.toLowerCase()), `${incident.kind} lacks "${part}": ${text}`);
      }
      check(new URL(view.page.url()).searchParams.get("show") === incident.id, `address ${view.page.url()}`);
    }
    await accessible(view.page, "run with an open incident");
    await shot(view.page, "run-incident");
    return view;
  },

  async "a change of recipe shows what changed, prediction with interval, and score"() {
    const [change] = truth.recipeChanges;
    const view = await open(`/runs/${run}?show=${change.id}`);
    const chapter = view.page.locator(".chapter-open");
    await chapter.waitFor();
    const text = await chapter.innerText();
    const score = change.score.inInterval ? "inside the interval" : "outside the interval";
    for (const part of [change.explanation, change.law, change.low90.toFixed(3), change.high90.toFixed(3), score]) {
      check(text.includes(part), `the change lacks "${part}": ${text}`);
    }
    return view;
  },

  async "the goodput accounts add up to the run's rank time"() {
    const view = await open(`/runs/${run}`);
    await view.page.locator(".accounts").waitFor();
    const shown = await view.page
      .locator(".accounts tr[data-account]")
      .evaluateAll((rows) => rows.map((row) => [row.dataset.account, Number(row.dataset.seconds)]));
    const { total, ...accounts } = Object.fromEntries(shown);
    const sum = Object.values(accounts).reduce((a, b) => a + b, 0);
    check(Object.keys(accounts).length === 9, `accounts: ${Object.keys(accounts)}`);
    check(Math.abs(sum - total) < 1e-6 * total, `sum ${sum}, total ${total}`);
    const widths = await view.page
      .locator(".card:has(.accounts) .stacked-bar .segment")
      .evaluateAll((segments) => segments.reduce((all, s) => all + Number.parseFloat(s.style.width), 0));
    check(Math.abs(widths - 100) < 1e-3, `the bar is ${widths} % full`);
    return view;
  },

  async "plan, launch command, attempts, checkpoints and events are there"() {
    const view = await open(`/runs/${run}`);
    const plan = view.page.getByRole("region", { name: "Plan", exact: true });
    await plan.waitFor();
    check((await plan.innerText()).includes(`data ${truth.plan.layout.data}`), await plan.innerText());
    await plan.getByText(/^Launch command/).click();
    check((await plan.locator("pre").first().innerText()).includes("longhaul_trainer"), "no launch command");
    const attempts = view.page.getByRole("region", { name: "Attempts", exact: true }).locator("tbody tr");
    check((await attempts.count()) === truth.attempts.length, `${await attempts.count()} attempts`);
    const checkpoints = view.page.getByRole("region", { name: "Checkpoints", exact: true }).locator("tbody tr");
    check((await checkpoints.count()) === truth.checkpoints.length, `${await checkpoints.count()} checkpoints`);
    const { events } = await api(`/runs/${run}/events?limit=1000`);
    const shown = view.page.getByRole("region", { name: "Events", exact: true });
    await shown.getByText(events.at(-1).text).first().waitFor();
    while (await shown.getByRole("button", { name: /Older/ }).isVisible()) {
      await shown.getByRole("button", { name: /Older/ }).click();
    }
    check((await shown.locator("li").count()) === events.length, `${await shown.locator("li").count()} events`);
    return view;
  },

  async "zoom, scale and discarded steps live in the address, and the curve can be read as a table"() {
    const view = await open(`/runs/${run}?from=100&to=200`);
    await view.page.getByRole("button", { name: "Show all steps" }).click();
    await view.page.getByLabel("Log scale").check();
    await view.page.getByLabel("Discarded steps").uncheck();
    check(new URL(view.page.url()).search === "?scale=log&discarded=no", view.page.url());
    await view.page.reload();
    check(await view.page.getByLabel("Log scale").isChecked(), "the reloaded page has a linear scale");
    const box = await view.page.locator(".u-over").first().boundingBox();
    await view.page.mouse.move(box.x + 0.5 * box.width, box.y + 0.5 * box.height);
    await view.page.mouse.down();
    await view.page.mouse.move(box.x + 0.75 * box.width, box.y + 0.5 * box.height, { steps: 4 });
    await view.page.mouse.up();
    await view.page.getByRole("button", { name: "Show all steps" }).waitFor();
    const from = Number(new URL(view.page.url()).searchParams.get("from"));
    check(Math.abs(from - truth.totalSteps / 2) < 0.02 * truth.totalSteps, `zoomed from step ${from}`);
    await view.page.getByText("The curve in words and as a table").click();
    const last = await view.page.locator(".curves tbody tr").last().innerText();
    check(last.startsWith(String(truth.totalSteps)), `the last row of the table: ${last}`);
    return view;
  },

  async "dark is as readable as light, follows the system, and a choice is kept"() {
    const view = await open(`/runs/${run}`, { theme: "dark" });
    await chart(view.page);
    const theme = () => view.page.evaluate(() => document.documentElement.dataset.theme);
    check((await theme()) === "dark", `a dark system gets ${await theme()}`);
    check((await pixelsOf(view.page, 1)) > 50, "the dark chart has no curve in the dark colour");
    await accessible(view.page, "dark run");
    await shot(view.page, "run-dark", TOP);
    await view.page.getByRole("button", { name: "Use light colours" }).click();
    check((await pixelsOf(view.page, 1)) > 50, "the chart keeps the dark colours");
    await view.page.reload();
    await chart(view.page);
    check((await theme()) === "light", `after a reload the theme is ${await theme()}`);
    await view.page.goto(`${base}/runs`);
    await view.page.getByRole("button", { name: "Use dark colours" }).click();
    await view.page.getByRole("row").nth(1).waitFor();
    await accessible(view.page, "dark list");
    await shot(view.page, "list-dark");
    return view;
  },

  async "a narrow window has no sideways scroll"() {
    const view = await open(`/runs/${run}`, { width: 800 });
    await chart(view.page);
    for (const width of [800, 390]) {
      await view.page.setViewportSize({ width, height: 900 });
      await view.page.waitForFunction(
        () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
      );
      await shot(view.page, `run-${width}`);
    }
    return view;
  },

  async "an address without a run, and one without a page, say so and lead on"() {
    const expectedErrors = ["404", "400"];
    for (const id of ["00000000-0000-0000-0000-000000000000", "not-an-id"]) {
      const view = await open(`/runs/${id}`, { expectedErrors });
      await view.page.locator(".notice h1").waitFor();
      const text = await view.page.locator("main").innerText();
      check(text.includes(id) && text.includes("All runs"), `the page says: ${text}`);
      await accessible(view.page, "error page");
      await shot(view.page, "no-such-run");
      check(view.faults.length === 0, view.faults.join("\n"));
      await view.close();
    }
  },

  async "a broken stream is announced above what was known, and mends by itself"() {
    const stream = /\/stream$/;
    const view = await open(`/runs/${run}`, {
      before: (page) => page.route(stream, (route) => route.abort()),
      expectedErrors: ["net::ERR_FAILED"],
    });
    await view.page.getByRole("heading", { name: /^Not live/ }).waitFor();
    await chart(view.page);
    await shot(view.page, "stale");
    await view.page.unroute(stream);
    await view.page.getByText("Live", { exact: true }).waitFor();
    check((await view.page.getByRole("heading", { name: /^Not live/ }).count()) === 0, "the notice stays");
    return view;
  },

  async "a new run appears in an open list by itself, and its page follows it until it is stopped there"() {
    const view = await open("/runs");
    await view.page.getByText("Live", { exact: true }).waitFor();
    const spec = readFileSync(EXAMPLE, "utf8")
      .replace(/^name: .*$/m, "name: live-update")
      .replace(/^training:$/m, `training:\n  data: '${truth.spec.training.data}'`);
    const created = await api("/runs", { method: "POST", body: spec });
    check(created.id, JSON.stringify(created));
    await view.page.locator(`a[href="/runs/${created.id}"]`).click();
    await view.page.getByRole("button", { name: "Stop the run" }).click();
    const dialog = view.page.getByRole("dialog");
    await dialog.waitFor();
    await accessible(view.page, "dialog");
    await dialog.getByRole("button", { name: "Let it run" }).click();
    await view.page.locator(".state-card .chip", { hasText: "Training" }).waitFor({ timeout: LAUNCH_MILLIS });
    await view.page.locator(".curves canvas").first().waitFor();
    await designed(view.page);
    await view.page.getByRole("button", { name: "Stop the run" }).click();
    await dialog.getByRole("button", { name: "Stop the run" }).click();
    await view.page.locator(".state-card .chip", { hasText: "Stopped" }).waitFor({ timeout: LAUNCH_MILLIS });
    check((await view.page.getByRole("button", { name: "Stop the run" }).count()) === 0, "the button stays");
    return view;
  },
};

const counts = { passed: 0, failed: 0 };
for (const [name, test] of Object.entries(tests)) {
  const from = performance.now();
  try {
    const view = await test();
    check(!view?.faults.length, view?.faults.join("\n"));
    await view?.close();
    counts.passed++;
    console.log(`ok      ${name} (${((performance.now() - from) / 1000).toFixed(1)} s)`);
  } catch (failure) {
    counts.failed++;
    console.log(`FAILED  ${name}\n${failure instanceof Failure ? failure.message : failure.stack}`);
    for (const page of browser.contexts().flatMap((context) => context.pages())) {
      await shot(page, `failed-${counts.failed}`).catch(() => {});
      await page.context().close();
    }
  }
}
await browser.close();
console.log(`${counts.passed} passed, ${counts.failed} failed, 0 skipped`);
process.exit(counts.failed === 0 ? 0 : 1);
