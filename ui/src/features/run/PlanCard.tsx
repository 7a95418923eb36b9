import type { Plan, Run } from "../../api/types";
import { CopyButton } from "../../components/CopyButton";
import { ended } from "../../components/phase";
import { Section } from "../../components/Section";
import { bytes, count, duration, percent, plural, sentence } from "../../lib/format";
import {
  buildFigures,
  buildMemory,
  buildProof,
  buildWaterfall,
  launchText,
  layoutText,
  proofText,
} from "./buildPlan";

const VERDICTS = {
  safe: { word: "safe", tone: "good" },
  tight: { word: "tight", tone: "attention" },
  no: { word: "does not fit", tone: "bad" },
} as const;

export function PlanCard({ run }: { run: Run }) {
  const { plan } = run;
  if (plan === undefined) {
    return (
      <Section id="plan" title="Plan">
        <p className="none">{ended(run.phase) ? "There is none." : "It is being made."}</p>
      </Section>
    );
  }
  return (
    <Section
      id="plan"
      title="Plan"
      aside={<span className="headline-figure">{plural(plan.worldSize, "rank")}</span>}
    >
      <p className="plan-layout">
        <b>{layoutText(plan)}</b>, {count(plan.microBatches)} × {count(plan.microBatch)} samples per pipeline
        and step, recompute {plan.recompute}, ZeRO stage {plan.zeroStage}
      </p>
      <p className="why">
        {sentence(plan.reason)} Figures: {plan.calibration.source}. {percent(plan.mfu)} of peak,{" "}
        {count(plan.tokensPerSecond)} tokens per second predicted. {sentence(buildFigures(plan).join(", "))}
      </p>
      <Waterfall plan={plan} measuredSeconds={run.stepSeconds.measuredMedian} />
      <Memory plan={plan} />
      <Others plan={plan} />
      <Launch plan={plan} />
    </Section>
  );
}

function Waterfall({ plan, measuredSeconds }: { plan: Plan; measuredSeconds: number | undefined }) {
  return (
    <>
      <h3>From peak speed to the step time</h3>
      <table className="waterfall">
        <caption className="visually-hidden">What a step's time is spent on</caption>
        <tbody>
          {buildWaterfall(plan, measuredSeconds).map((row) => (
            <tr key={row.label} className={`waterfall-${row.kind}`}>
              <th scope="row">{row.label}</th>
              <td className="bar-cell">
                <div
                  className="bar"
                  style={{ marginLeft: `${row.from * 100}%`, width: `${(row.to - row.from) * 100}%` }}
                />
              </td>
              <td className="number">
                {row.kind === "cost" ? "+ " : ""}
                {duration(row.seconds)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function Memory({ plan }: { plan: Plan }) {
  const rows = buildMemory(plan.memory);
  return (
    <>
      <h3>Memory of a rank, by pipeline stage</h3>
      <table className="memory">
        <caption className="visually-hidden">Memory of a rank by pipeline stage</caption>
        <tbody>
          {rows.map((row) => (
            <tr key={row.stage}>
              <th scope="row">stage {row.stage}</th>
              <td className="bar-cell">
                <div
                  className="stacked-bar memory-bar"
                  role="img"
                  aria-label={row.terms.map((term) => `${term.label} ${bytes(term.bytes)}`).join(", ")}
                >
                  {row.terms.map((term, i) => (
                    <div
                      key={term.label}
                      className={`segment memory-${(i % 8) + 1}`}
                      style={{ width: `${term.share * 100}%` }}
                      title={`${term.label}: ${bytes(term.bytes)}`}
                    />
                  ))}
                  {row.range !== undefined && (
                    <div
                      className="memory-range"
                      style={{
                        left: `${row.range.from * 100}%`,
                        width: `${(row.range.to - row.range.from) * 100}%`,
                      }}
                    />
                  )}
                  <div className="memory-limit" style={{ left: `${row.capacity * 100}%` }} />
                </div>
              </td>
              <td className="number">
                {bytes(row.totalBytes)} of {bytes(row.capacityBytes)}
              </td>
              <td>
                <span className={`chip tone-${VERDICTS[row.verdict].tone}`}>
                  {VERDICTS[row.verdict].word}
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <ul className="legend">
        {rows[0]?.terms.map((term, i) => (
          <li key={term.label}>
            <span className={`swatch memory-${(i % 8) + 1}`} />
            {term.label} {bytes(term.bytes)}
          </li>
        ))}
        <li>
          <span className="swatch memory-limit-swatch" />
          what a rank may use
        </li>
        {rows[0]?.range !== undefined && <li>thin line: the range that holds the truth nine times of ten</li>}
      </ul>
    </>
  );
}

function Others({ plan }: { plan: Plan }) {
  return (
    <div className="two-columns">
      <div>
        <h3>Next best</h3>
        {plan.runnersUp.length === 0 ? (
          <p className="none">No other layout is legal and fits.</p>
        ) : (
          <ul className="alternatives">
            {plan.runnersUp.map((other) => (
              <li key={`${layoutText(other)} ${other.microBatch} ${other.recompute}`}>
                <b>{layoutText(other)}</b>, {duration(other.stepSeconds)}: {other.why}
              </li>
            ))}
          </ul>
        )}
      </div>
      <div>
        <h3>Why nothing is better</h3>
        {plan.certificate !== undefined && (
          <>
            <p>{proofText(plan.certificate)}</p>
            <table className="rejected">
              <caption className="visually-hidden">Where the points of the space went</caption>
              <tbody>
                {buildProof(plan.certificate).map((row) => (
                  <tr key={row.fate}>
                    <td className="number">{count(row.points)}</td>
                    <td>{row.fate}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </>
        )}
        <h3>Rules</h3>
        {plan.rejected.length === 0 ? (
          <p className="none">Every candidate is legal and fits.</p>
        ) : (
          <table className="rejected">
            <caption className="visually-hidden">Rejected candidates by rule</caption>
            <tbody>
              {plan.rejected.map((rejection) => (
                <tr key={rejection.rule}>
                  <td className="number">{count(rejection.count)}</td>
                  <td>
                    {rejection.rule} <span className="example">{rejection.example}</span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </div>
  );
}

function Launch({ plan }: { plan: Plan }) {
  const text = launchText(plan.launch);
  const limits = plan.launch.limits ?? [];
  return (
    <>
      {limits.length > 0 && (
        <>
          <h3>What the framework cannot do</h3>
          <ul>
            {limits.map((limit) => (
              <li key={limit}>{sentence(limit)}</li>
            ))}
          </ul>
        </>
      )}
      <LaunchText plan={plan} text={text} />
    </>
  );
}

function LaunchText({ plan, text }: { plan: Plan; text: string }) {
  return (
    <details>
      <summary>Launch command of a rank ({plan.launch.framework})</summary>
      <CopyButton text={text} what="the launch command" />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>{text}</pre>
      {plan.launch.config !== "" && (
        <>
          <h3>ds_config.json</h3>
          <CopyButton text={plan.launch.config} what="the configuration" />
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
          <pre tabIndex={0}>{plan.launch.config}</pre>
        </>
      )}
    </details>
  );
}
