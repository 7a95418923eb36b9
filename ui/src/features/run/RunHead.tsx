import { useRef, useState } from "react";
import type { LiveState } from "../../api/live";
import { useRunAction } from "../../api/queries";
import type { RecipeChange, Run } from "../../api/types";
import { Link } from "../../components/Link";
import { LiveBadge } from "../../components/LiveBadge";
import { PhaseChip } from "../../components/PhaseChip";
import { Progress } from "../../components/Progress";
import { ended, phaseLook } from "../../components/phase";
import { amount, count, dateTime, duration, loss, percent, plural, sentence } from "../../lib/format";
import { setParameters } from "../../lib/location";
import { buildHeadline, proposedChange, waitsForWord } from "./buildHeadline";

/** State, cause, action; then the figures. */
export function RunHead({ run, live }: { run: Run; live: LiveState }) {
  const change = proposedChange(run);
  return (
    <>
      <div className="page-head">
        <div>
          <nav aria-label="Breadcrumb" className="breadcrumb">
            <Link to="/runs">Runs</Link> / <code>{run.id}</code>
          </nav>
          <h1>{run.name}</h1>
        </div>
        <div className="page-head-actions">
          <LiveBadge state={live} />
          {!ended(run.phase) && <StopButton run={run} />}
        </div>
      </div>
      <StateCard run={run} change={change} />
      <Tiles run={run} />
    </>
  );
}

function StateCard({ run, change }: { run: Run; change: RecipeChange | undefined }) {
  const headline = buildHeadline(run);
  return (
    <section className={`state-card card tone-${phaseLook(run.phase).tone}`} aria-label="State of the run">
      <div className="state-line">
        <PhaseChip phase={run.phase} />
        <strong>{headline.state}</strong>
      </div>
      {headline.cause !== "" && (
        <p className="cause">
          {sentence(headline.cause)}
          {headline.action !== "" && (
            <>
              {" "}
              <span className="action">
                {run.phase === "waiting" ? "What to do" : "What is done"}: {sentence(headline.action)}
              </span>
            </>
          )}
        </p>
      )}
      {change !== undefined && <Approval run={run} change={change} />}
      {waitsForWord(run) && <Word run={run} />}
      <Progress done={run.step} total={run.totalSteps} label="Progress of the run" />
      <p className="progress-text">
        {count(run.step)} of {count(run.totalSteps)} steps (
        {percent(run.totalSteps > 0 ? run.step / run.totalSteps : 0)}), {amount(run.tokens)} of{" "}
        {amount(run.spec.training.tokens)} tokens. Created {dateTime(run.createdAt)}.
      </p>
    </section>
  );
}

function Word({ run }: { run: Run }) {
  const action = useRunAction(run.id);
  return (
    <div className="buttons">
      <button
        type="button"
        className="primary"
        disabled={action.isPending}
        onClick={() => action.mutate("/approve")}
      >
        Let it go on
      </button>
      <button type="button" disabled={action.isPending} onClick={() => action.mutate("/reject")}>
        End the run
      </button>
      {action.isError && (
        <p className="refusal" role="alert">
          {action.error.message}
        </p>
      )}
    </div>
  );
}

function Approval({ run, change }: { run: Run; change: RecipeChange }) {
  const action = useRunAction(run.id);
  const path = `/recipe-changes/${encodeURIComponent(change.id)}`;
  return (
    <div className="buttons">
      <button
        type="button"
        className="primary"
        disabled={action.isPending}
        onClick={() => action.mutate(`${path}/approve`)}
      >
        Approve the change
      </button>
      <button type="button" disabled={action.isPending} onClick={() => action.mutate(`${path}/reject`)}>
        Reject it
      </button>
      <button type="button" className="quiet" onClick={() => setParameters({ show: change.id })}>
        Show its reasons
      </button>
      {action.isError && (
        <p className="refusal" role="alert">
          {action.error.message}
        </p>
      )}
    </div>
  );
}

function Tiles({ run }: { run: Run }) {
  const { predicted, measuredMedian } = run.stepSeconds;
  const open = run.incidents.filter((incident) => incident.status === "open").length;
  return (
    <dl className="tiles">
      <div>
        <dt>Loss</dt>
        <dd>{run.loss === undefined ? "–" : loss(run.loss)}</dd>
        <dd className="note">nats per token, last step</dd>
      </div>
      <div>
        <dt>Step time</dt>
        <dd>{measuredMedian === undefined ? "–" : duration(measuredMedian)}</dd>
        <dd className="note">{predictionText(predicted, measuredMedian)}</dd>
      </div>
      <div>
        <dt>Throughput</dt>
        <dd>{run.tokensPerSecond === undefined ? "–" : amount(run.tokensPerSecond)}</dd>
        <dd className="note">tokens per second while training</dd>
      </div>
      <div>
        <dt>ETTR</dt>
        <dd>{percent(run.goodput.ettr)}</dd>
        <dd className="note">of all rank time was kept training</dd>
      </div>
      <div>
        <dt>Incidents</dt>
        <dd>{run.incidents.length}</dd>
        <dd className="note">{open === 0 ? "none open" : `${open} open`}</dd>
      </div>
      <div>
        <dt>Attempts</dt>
        <dd>{run.attempts.length}</dd>
        <dd className="note">{plural(run.spec.policies.maxRestarts, "restart")} allowed</dd>
      </div>
    </dl>
  );
}

function predictionText(predicted: number | undefined, measured: number | undefined): string {
  if (predicted === undefined) {
    return "no plan yet";
  }
  if (measured === undefined) {
    return `predicted ${duration(predicted)}`;
  }
  const excess = Math.round(100 * (measured / predicted - 1));
  const comparison = excess === 0 ? "exactly" : `${Math.abs(excess)} % ${excess < 0 ? "less" : "more"}`;
  return `predicted ${duration(predicted)}: ${comparison}`;
}

function StopButton({ run }: { run: Run }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const action = useRunAction(run.id);
  const [asked, setAsked] = useState(false);
  const stop = () =>
    action.mutate("/stop", {
      onSuccess: () => {
        setAsked(true);
        dialog.current?.close();
      },
    });
  return (
    <>
      <button type="button" className="danger" disabled={asked} onClick={() => dialog.current?.showModal()}>
        {asked ? "Stopping" : "Stop the run"}
      </button>
      <dialog ref={dialog} aria-labelledby="stop-title">
        <h2 id="stop-title">Stop {run.name}?</h2>
        <p>
          Its ranks are asked to write a last checkpoint and end. A stopped run is over: to go on, submit a
          new one. It is at step {count(run.step)} of {count(run.totalSteps)}.
        </p>
        {action.isError && (
          <p className="refusal" role="alert">
            {action.error.message}
          </p>
        )}
        <div className="buttons">
          <button type="button" className="danger" disabled={action.isPending} onClick={stop}>
            Stop the run
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Let it run
          </button>
        </div>
      </dialog>
    </>
  );
}
