import { useEffect, useRef } from "react";
import type { Decision, Incident, RecipeChange } from "../../api/types";
import { Head } from "../../components/Head";
import { Icon } from "../../components/Icon";
import { Section } from "../../components/Section";
import { amount, clock, count, duration, loss, sentence, signedLoss } from "../../lib/format";
import { useParameter } from "../../lib/location";
import { unreachable } from "../../lib/unreachable";
import { recipeDifferences } from "./buildRecipe";
import { type Chapter, stepsText } from "./buildStory";

/** Room left above the chapter that is scrolled to. */
const ABOVE_PIXELS = 8;

/** Incidents and changes of recipe, each with its reasons; the one that is chosen is open. */
export function Story({ story }: { story: Chapter[] }) {
  const [chosen, choose] = useParameter("show");
  return (
    <Section id="story" title="What happened">
      {story.length === 0 ? (
        <p className="empty-list">Nothing so far: no incident, no change of recipe.</p>
      ) : (
        <ol className="story">
          {story.map((chapter) => (
            <ChapterCard
              key={chapter.key}
              chapter={chapter}
              open={chosen === chapter.key}
              toggle={() => choose(chosen === chapter.key ? null : chapter.key)}
            />
          ))}
        </ol>
      )}
    </Section>
  );
}

function ChapterCard({ chapter, open, toggle }: { chapter: Chapter; open: boolean; toggle: () => void }) {
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    const side = item.current?.closest(".side");
    if (open && item.current && side) {
      side.scrollTop = item.current.offsetTop - ABOVE_PIXELS;
      item.current.firstElementChild?.scrollIntoView({ block: "nearest" });
    }
  }, [open]);
  return (
    <li ref={item} className={`chapter ${open ? "chapter-open" : ""}`}>
      <button type="button" className="chapter-head" aria-expanded={open} onClick={toggle}>
        <span className={`badge tone-${chapter.tone}`}>
          <Icon name={chapter.icon} />
        </span>
        <span className="chapter-title">
          <b>{chapter.title}</b>
          <small>
            step {count(chapter.step)}
            {chapter.at !== undefined && ` · ${clock(chapter.at)}`} · {chapter.status}
          </small>
        </span>
      </button>
      {(chapter.type === "incident" || !open) && <Brief chapter={chapter} />}
      {open && <Details chapter={chapter} />}
    </li>
  );
}

function Brief({ chapter }: { chapter: Chapter }) {
  switch (chapter.type) {
    case "incident":
      return (
        <p className="brief">
          {sentence(chapter.incident.summary)}{" "}
          <span className="action">{sentence(chapter.incident.action)}</span>
        </p>
      );
    case "change":
      return (
        <p className="brief">
          {recipeDifferences(chapter.change.from, chapter.change.to)
            .map((d) => `${d.label} ${d.from} → ${d.to}`)
            .join("; ")}
        </p>
      );
    default:
      return unreachable(chapter);
  }
}

function Details({ chapter }: { chapter: Chapter }) {
  switch (chapter.type) {
    case "incident":
      return <IncidentDetails incident={chapter.incident} />;
    case "change":
      return <ChangeDetails change={chapter.change} />;
    default:
      return unreachable(chapter);
  }
}

function IncidentDetails({ incident }: { incident: Incident }) {
  return (
    <div className="details">
      <h3>Evidence</h3>
      <Figures figures={Object.entries(incident.evidence)} />
      <Figures figures={[["certain by", `${(100 * incident.confidence).toFixed(1)} %`]]} />
      {incident.signs.length > 0 && <h3>Signs before it</h3>}
      <ul className="alternatives">
        {incident.signs.map((sign) => (
          <li key={`${sign.at} ${sign.summary}`}>
            {clock(sign.at)} {sign.summary}
          </li>
        ))}
      </ul>
      {incident.earlierDecisions.map((decision) => (
        <DecisionDetails key={decision.at} title={`First: ${decision.does}`} decision={decision} />
      ))}
      <DecisionDetails title="Why this was done" decision={incident.decision} />
      <h3>What it cost</h3>
      <Figures figures={incidentCost(incident)} />
    </div>
  );
}

function DecisionDetails({ title, decision }: { title: string; decision: Decision }) {
  return (
    <>
      <h3>{title}</h3>
      <p>
        {sentence(decision.rule)}
        {expected(decision.gpuSeconds)}
      </p>
      <Figures figures={Object.entries(decision.inputs)} />
      <h3>What was not done</h3>
      <ul className="alternatives">
        {decision.alternatives.map((alternative) => (
          <li key={alternative.action}>
            <b>{alternative.action}</b>: {alternative.why}
          </li>
        ))}
      </ul>
    </>
  );
}

function expected(gpuSeconds: number | undefined): string {
  return gpuSeconds === undefined || gpuSeconds === 0
    ? ""
    : ` Expected cost: ${amount(gpuSeconds)} GPU-seconds.`;
}

function incidentCost(incident: Incident): [string, string][] {
  if (incident.rollbackStep === undefined) {
    return [["attempt", "went on, nothing to redo"]];
  }
  const skipped = stepsText(incident.skippedSteps);
  return [
    ["back to step", count(incident.rollbackStep)],
    ["tokens discarded", amount(incident.lostTokens)],
    ["tokens redone", amount(incident.redoneTokens)],
    ...(skipped === "" ? [] : [["data skipped", skipped] satisfies [string, string]]),
    ...(incident.lostSeconds > 0
      ? [["until training again", duration(incident.lostSeconds)] satisfies [string, string]]
      : []),
  ];
}

function ChangeDetails({ change }: { change: RecipeChange }) {
  return (
    <div className="details">
      <p>{change.explanation}</p>
      <table>
        <caption className="visually-hidden">What changes</caption>
        <thead>
          <tr>
            <Head>Setting</Head>
            <Head>From</Head>
            <Head>To</Head>
          </tr>
        </thead>
        <tbody>
          {recipeDifferences(change.from, change.to).map((d) => (
            <tr key={d.label}>
              <th scope="row">{d.label}</th>
              <td>{d.from}</td>
              <td>{d.to}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h3>Effect on the final loss</h3>
      <Effect change={change} />
      <p className="law">Law: {change.law}</p>
    </div>
  );
}

/** Prediction, interval and measurement on one line of losses. */
function Effect({ change }: { change: RecipeChange }) {
  const measured = change.score?.measuredFinalLoss;
  const values = [
    change.low90,
    change.high90,
    change.predictedFinalLossUnchanged,
    ...(measured === undefined ? [] : [measured]),
  ];
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const at = (value: number) => `${6 + (88 * (value - low)) / span}%`;
  return (
    <>
      <div className="interval" aria-hidden="true">
        <div
          className="interval-band"
          style={{ left: at(change.low90), width: `${(88 * (change.high90 - change.low90)) / span}%` }}
        />
        <div
          className="interval-tick interval-unchanged"
          style={{ left: at(change.predictedFinalLossUnchanged) }}
        />
        <div className="interval-tick interval-predicted" style={{ left: at(change.predictedFinalLoss) }} />
        {measured !== undefined && <div className="interval-dot" style={{ left: at(measured) }} />}
      </div>
      <Figures
        figures={[
          ["without the change (grey)", loss(change.predictedFinalLossUnchanged)],
          [
            "with it, 90 % interval (band)",
            `${loss(change.predictedFinalLoss)} (${loss(change.low90)} to ${loss(change.high90)})`,
          ],
          [
            "predicted effect, 90 %",
            `${signedLoss(change.effectLow90)} to ${signedLoss(change.effectHigh90)}`,
          ],
          [
            "measured (dot)",
            change.score === null
              ? "when the run has ended"
              : `${loss(change.score.measuredFinalLoss)}, ${change.score.inInterval ? "inside" : "outside"} the interval; ${signedLoss(change.score.measuredEffect)} against the loss predicted without it`,
          ],
        ]}
      />
    </>
  );
}

function Figures({ figures }: { figures: [string, string][] }) {
  return (
    <dl className="figures">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
