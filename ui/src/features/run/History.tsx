import { useQuery, useQueryClient } from "@tanstack/react-query";
import { eventsQuery } from "../../api/queries";
import type { Attempt, Checkpoint, Run, RunEvent } from "../../api/types";
import { Head } from "../../components/Head";
import { ProblemNotice } from "../../components/Notice";
import { Section } from "../../components/Section";
import { between, clock, count, dateTime, duration, plural } from "../../lib/format";
import { useParameter } from "../../lib/location";
import { recipeText } from "./buildRecipe";

const EVENTS_PER_PAGE = 25;

export function Attempts({ attempts }: { attempts: Attempt[] }) {
  return (
    <Section id="attempts" title="Attempts">
      {attempts.length === 0 ? (
        <p className="empty-list">The first attempt starts when the plan is made.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
        <div className="scroll wide" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <Head number>#</Head>
                <Head>Steps</Head>
                <Head>Outcome</Head>
                <Head>Recipe</Head>
                <Head number>Step time</Head>
                <Head number>Took</Head>
              </tr>
            </thead>
            <tbody>
              {attempts.map((attempt) => (
                <AttemptRow key={attempt.number} attempt={attempt} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  );
}

function AttemptRow({ attempt }: { attempt: Attempt }) {
  const measured = attempt.measuredStepSeconds;
  return (
    <tr>
      <td className="number">{attempt.number}</td>
      <td className="nowrap">
        {count(attempt.resumeStep)} → {count(attempt.lastStep)}
      </td>
      <td>
        {attempt.outcome === "" ? attempt.stage : attempt.outcome}
        {attempt.cause !== "" && <small>{attempt.cause}</small>}
      </td>
      <td>{recipeText(attempt.recipe)}</td>
      <td className="number">{measured === undefined ? "–" : duration(measured)}</td>
      <td className="number">
        {attempt.endedAt === undefined ? "–" : duration(between(attempt.decidedAt, attempt.endedAt))}
      </td>
    </tr>
  );
}

export function Checkpoints({ run }: { run: Run }) {
  const newestFirst = run.checkpoints.toReversed();
  const verified = newestFirst.find((checkpoint) => checkpoint.state === "verified");
  return (
    <Section
      id="checkpoints"
      title="Checkpoints"
      aside={
        verified && <span className="headline-figure">newest verified: step {count(verified.step)}</span>
      }
    >
      {newestFirst.length === 0 ? (
        <p className="empty-list">
          None yet: every {plural(run.spec.training.checkpointEverySteps, "step")} one is written.
        </p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
        <div className="scroll tall" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <Head number>Step</Head>
                <Head number>Attempt</Head>
                <Head>State</Head>
                <Head number>Written in</Head>
                <Head>At</Head>
              </tr>
            </thead>
            <tbody>
              {newestFirst.map((checkpoint) => (
                <CheckpointRow key={`${checkpoint.attempt} ${checkpoint.step}`} checkpoint={checkpoint} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  );
}

function CheckpointRow({ checkpoint }: { checkpoint: Checkpoint }) {
  return (
    <tr title={checkpoint.path}>
      <td className="number">{count(checkpoint.step)}</td>
      <td className="number">{checkpoint.attempt}</td>
      <td>
        {checkpoint.state}
        {checkpoint.problem !== undefined && <small>{checkpoint.problem}</small>}
      </td>
      <td className="number">{duration(checkpoint.seconds)}</td>
      <td>
        <time dateTime={checkpoint.at} title={dateTime(checkpoint.at)}>
          {clock(checkpoint.at)}
        </time>
      </td>
    </tr>
  );
}

export function Events({ id }: { id: string }) {
  const client = useQueryClient();
  const events = useQuery(eventsQuery(id, client));
  const [shown, show] = useParameter("events");
  return (
    <Section
      id="events"
      title="Events"
      aside={events.data && <span className="headline-figure">{count(events.data.length)}</span>}
    >
      {events.data !== undefined ? (
        <EventList
          events={events.data}
          most={Math.max(EVENTS_PER_PAGE, Number(shown ?? 0) || 0)}
          more={(most) => show(String(most))}
        />
      ) : events.isError ? (
        <ProblemNotice error={events.error} retry={() => void events.refetch()} />
      ) : (
        <div className="skeleton" role="status">
          <span className="visually-hidden">Loading the events</span>
          <div className="skeleton-line" />
          <div className="skeleton-line" />
        </div>
      )}
    </Section>
  );
}

/** The newest first: that is what one came for. */
function EventList({
  events,
  most,
  more,
}: {
  events: RunEvent[];
  most: number;
  more: (most: number) => void;
}) {
  const newest = events.slice(-most).reverse();
  return (
    <>
      <ol className="events">
        {newest.map((event) => (
          <li key={event.sequence}>
            <time dateTime={event.at} title={dateTime(event.at)}>
              {clock(event.at)}
            </time>
            <code>{event.type}</code>
            <span>{event.text}</span>
          </li>
        ))}
      </ol>
      {events.length > newest.length && (
        <button type="button" onClick={() => more(most + 4 * EVENTS_PER_PAGE)}>
          Older events ({count(events.length - newest.length)} more)
        </button>
      )}
    </>
  );
}
