import type { ReactNode } from "react";
import { ApiProblem } from "../api/client";
import { Icon, type IconName } from "./Icon";

export type NoticeKind = "failed" | "stale" | "empty";

const ICONS: Record<NoticeKind, IconName> = {
  failed: "warning",
  stale: "lost",
  empty: "empty",
};

/** A message that takes the place of, or stands above, what one came to see. */
export function Notice(props: {
  kind: NoticeKind;
  title: string;
  /** 1 where the notice is all there is on the page. */
  heading?: 1 | 2;
  children?: ReactNode;
}) {
  const Heading = props.heading === 1 ? "h1" : "h2";
  return (
    <section className={`notice notice-${props.kind}`} role={props.kind === "empty" ? undefined : "status"}>
      <Icon name={ICONS[props.kind]} />
      <div>
        <Heading>{props.title}</Heading>
        {props.children}
      </div>
    </section>
  );
}

/** What a failed request has to say, with a way on. */
export function ProblemNotice(props: {
  error: Error;
  heading?: 1 | 2;
  retry?: () => void;
  children?: ReactNode;
}) {
  const { error } = props;
  const known = error instanceof ApiProblem;
  return (
    <Notice kind="failed" heading={props.heading ?? 2} title={known ? error.title : "The page failed"}>
      <p>{known ? error.detail : error.message}</p>
      {props.children}
      {props.retry && (!known || error.kind !== "not-found") && (
        <button type="button" onClick={props.retry}>
          Try again now
        </button>
      )}
    </Notice>
  );
}
