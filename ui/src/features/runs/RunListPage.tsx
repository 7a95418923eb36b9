import { useQuery } from "@tanstack/react-query";
import { nodesQuery, runsQuery, useLiveRuns } from "../../api/queries";
import { CopyButton } from "../../components/CopyButton";
import { Head } from "../../components/Head";
import { Link } from "../../components/Link";
import { LiveBadge, StaleNotice } from "../../components/LiveBadge";
import { Notice, ProblemNotice } from "../../components/Notice";
import { PhaseChip } from "../../components/PhaseChip";
import { Progress } from "../../components/Progress";
import { count, dateTime, duration, loss, percent, plural } from "../../lib/format";
import { useTitle } from "../../lib/useTitle";
import { buildRunRows, type RunRow } from "./buildRunRows";

export function RunListPage() {
  const runs = useQuery(runsQuery);
  const live = useLiveRuns();
  useTitle("Runs");
  return (
    <div className="page">
      <div className="page-head">
        <h1>Runs</h1>
        <LiveBadge state={live} />
      </div>
      <StaleNotice state={live} />
      {runs.data !== undefined ? (
        <Rows rows={buildRunRows(runs.data.runs, new Date().toISOString())} />
      ) : runs.isError ? (
        <ProblemNotice error={runs.error} retry={() => void runs.refetch()} />
      ) : (
        <ListSkeleton />
      )}
      <AvoidedNodes />
    </div>
  );
}

/** Machines that no attempt is placed on; nothing where all may be used. */
function AvoidedNodes() {
  const avoided = useQuery(nodesQuery).data?.nodes.filter((node) => node.avoidedUntil !== undefined) ?? [];
  return (
    avoided.length > 0 && (
      <p className="progress-text">
        Machines avoided:{" "}
        {avoided.map((node, index) => (
          <span key={node.name}>
            {index > 0 && "; "}
            <code>{node.name}</code> until {dateTime(node.avoidedUntil ?? "")}, {node.reason}
          </span>
        ))}
      </p>
    )
  );
}

function Rows({ rows }: { rows: RunRow[] }) {
  if (rows.length === 0) {
    return <NoRuns />;
  }
  return (
    <table className="run-table card">
      <thead>
        <tr>
          <Head>Run</Head>
          <Head>State</Head>
          <Head>Progress</Head>
          <Head number>
            Loss <small>nats/token</small>
          </Head>
          <Head number>Step time</Head>
          <Head number>Attempts</Head>
          <Head number>Age</Head>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={row.id} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ row }: { row: RunRow }) {
  return (
    <tr>
      <th scope="row">
        <Link to={`/runs/${row.id}`}>{row.name}</Link>
        <small title={dateTime(row.createdAt)}>{row.id.slice(0, 8)}</small>
      </th>
      <td className="run-state">
        <PhaseChip phase={row.phase} />
        {row.openIncidents > 0 && <small>{plural(row.openIncidents, "open incident")}</small>}
        {row.reason !== "" && <small className="clamp">{row.reason}</small>}
      </td>
      <td className="run-progress">
        <Progress done={row.step} total={row.totalSteps} label={`Progress of ${row.name}`} />
        <small>
          {count(row.step)} of {count(row.totalSteps)} steps
          {row.totalSteps > 0 && ` · ${percent(row.step / row.totalSteps)}`}
          {row.secondsLeft !== undefined && ` · about ${duration(row.secondsLeft)} left`}
        </small>
      </td>
      <td className="number" data-label="Loss">
        {row.loss === undefined ? "–" : loss(row.loss)}
      </td>
      <td className="number" data-label="Step time">
        {row.stepSeconds === undefined ? "–" : duration(row.stepSeconds)}
      </td>
      <td className="number" data-label="Attempts">
        {row.attempts}
      </td>
      <td className="number" data-label="Age">
        {duration(row.age)}
      </td>
    </tr>
  );
}

function NoRuns() {
  return (
    <Notice kind="empty" title="No runs yet">
      <p>Submit a RunSpec, or watch a small model being hurt and healed on this machine:</p>
      {["./longhaul demo", "./longhaul run submit examples/demo.yaml"].map((command) => (
        <p key={command} className="command">
          <code>{command}</code>
          <CopyButton text={command} what={command} />
        </p>
      ))}
    </Notice>
  );
}

function ListSkeleton() {
  return (
    <div className="card skeleton" role="status">
      <span className="visually-hidden">Loading the runs</span>
      {[0, 1, 2].map((line) => (
        <div key={line} className="skeleton-line" />
      ))}
    </div>
  );
}
