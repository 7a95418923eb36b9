import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ApiProblem } from "../../api/client";
import type { LiveState } from "../../api/live";
import { runQuery, useLiveRun } from "../../api/queries";
import type { Run } from "../../api/types";
import { Link } from "../../components/Link";
import { StaleNotice } from "../../components/LiveBadge";
import { ProblemNotice } from "../../components/Notice";
import { ended, phaseLook } from "../../components/phase";
import { useTitle } from "../../lib/useTitle";
import { Accounts } from "./Accounts";
import { buildStory } from "./buildStory";
import { Curves } from "./Curves";
import { Designer } from "./Designer";
import { Attempts, Checkpoints, Events } from "./History";
import { PlanCard } from "./PlanCard";
import { RunHead } from "./RunHead";
import { Story } from "./Story";

export function RunPage({ id }: { id: string }) {
  const run = useQuery(runQuery(id));
  if (run.isError && run.data === undefined) {
    return <NoRun error={run.error} retry={() => void run.refetch()} />;
  }
  return run.data === undefined ? <Loading /> : <Live run={run.data} />;
}

/** Only a run that exists is followed. */
function Live({ run }: { run: Run }) {
  const live = useLiveRun(run.id);
  return <Shown run={run} live={live} />;
}

function Shown({ run, live }: { run: Run; live: LiveState }) {
  useTitle(`${run.name}: ${phaseLook(run.phase).word.toLowerCase()}`);
  const story = useMemo(() => buildStory(run), [run]);
  return (
    <div className="page">
      <StaleNotice state={live} />
      <RunHead run={run} live={live} />
      <div className="main-and-side">
        <Curves run={run} story={story} />
        <div className="side">
          <Story story={story} />
        </div>
      </div>
      {!ended(run.phase) && <Designer run={run} />}
      <div className="halves">
        <Accounts goodput={run.goodput} />
        <PlanCard run={run} />
      </div>
      <Attempts attempts={run.attempts} />
      <div className="halves">
        <Events id={run.id} />
        <Checkpoints run={run} />
      </div>
    </div>
  );
}

function NoRun({ error, retry }: { error: Error; retry: () => void }) {
  useTitle("No such run");
  const notFound = error instanceof ApiProblem && error.kind === "not-found";
  return (
    <div className="page">
      <ProblemNotice error={error} heading={1} retry={retry}>
        <p>
          {notFound && "Perhaps the address was cut short, or the run lives in another service's home. "}
          <Link to="/runs">All runs</Link>
        </p>
      </ProblemNotice>
    </div>
  );
}

function Loading() {
  return (
    <div className="page skeleton" role="status">
      <h1 className="visually-hidden">Loading the run</h1>
      <div className="skeleton-line" />
      <div className="skeleton-block" />
      <div className="skeleton-block" />
    </div>
  );
}
