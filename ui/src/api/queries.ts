import {
  keepPreviousData,
  type QueryClient,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call } from "./client";
import { follow, type LiveState } from "./live";
import type {
  Curve,
  Design,
  EventPage,
  Forecast,
  NodeList,
  Run,
  RunEvent,
  RunList,
  RunSummary,
} from "./types";

const EVENTS_PER_REQUEST = 1000;
/** A fast run changes several times a second; its curve and accounts are asked for less often. */
const REFRESH_MILLIS = 2000;
/** Machines to avoid change seldom. */
const NODES_MILLIS = 60_000;
/** What happened rather than went on is shown at once, but together with what follows on its heels. */
const FIRST_MILLIS = 200;

export const runsQuery = queryOptions({ queryKey: ["runs"], queryFn: () => call<RunList>("/runs") });

export const nodesQuery = queryOptions({
  queryKey: ["nodes"],
  queryFn: () => call<NodeList>("/nodes"),
  refetchInterval: NODES_MILLIS,
});

export const runQuery = (id: string) =>
  queryOptions({ queryKey: ["run", id], queryFn: () => call<Run>(`/runs/${id}`) });

export const curveQuery = (id: string) =>
  queryOptions({ queryKey: ["curve", id], queryFn: () => call<Curve>(`/runs/${id}/curve`) });

export const forecastQuery = (id: string, design?: Design) =>
  queryOptions({
    queryKey: ["forecast", id, design],
    queryFn: () => {
      const query = new URLSearchParams(
        Object.entries(design ?? {}).map(([name, value]): [string, string] => [name, String(value)]),
      );
      return call<Forecast>(`/runs/${id}/forecast?${query}`);
    },
    placeholderData: keepPreviousData,
  });

export const eventsQuery = (id: string, client: QueryClient) =>
  queryOptions({ queryKey: ["events", id], queryFn: () => laterEvents(id, client) });

/** The events known so far and those after them: history never changes. */
async function laterEvents(id: string, client: QueryClient): Promise<RunEvent[]> {
  let events = client.getQueryData<RunEvent[]>(["events", id]) ?? [];
  for (;;) {
    const after = events.at(-1)?.sequence ?? 0;
    const page = await call<EventPage>(`/runs/${id}/events?after=${after}&limit=${EVENTS_PER_REQUEST}`);
    events = page.events.length === 0 ? events : [...events, ...page.events];
    if (page.events.length < EVENTS_PER_REQUEST) {
      return events;
    }
  }
}

/** Keeps the run list as the service has it. */
export function useLiveRuns(): LiveState {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>({ kind: "connecting" });
  useEffect(
    () =>
      follow(
        "/runs/stream",
        ["runs"],
        (_, data) => client.setQueryData(runsQuery.queryKey, JSON.parse(data) as RunList),
        setState,
      ),
    [client],
  );
  return state;
}

/** Keeps one run, its curve and its events as the service has them. */
export function useLiveRun(id: string): LiveState {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>({ kind: "connecting" });
  useEffect(() => {
    const refresh = refresher((part) => client.invalidateQueries({ queryKey: [part, id] }));
    const stop = follow(
      `/runs/${id}/stream`,
      ["run", "progress"],
      (name, data) => {
        if (name === "run") {
          client.setQueryData(runQuery(id).queryKey, JSON.parse(data) as Run);
          refresh.want("run", "curve", "forecast", "events");
        } else {
          const summary = JSON.parse(data) as RunSummary;
          client.setQueryData(runQuery(id).queryKey, (run) => run && { ...run, ...summary });
          refresh.want("run", "curve", "forecast");
        }
      },
      setState,
    );
    return () => {
      stop();
      refresh.stop();
    };
  }, [client, id]);
  return state;
}

/** Asks for parts once for all that came within a while, and never again before the last answer is there. */
function refresher(ask: (part: string) => Promise<unknown>) {
  const wanted = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  const run = async () => {
    const parts = [...wanted];
    wanted.clear();
    await Promise.all(parts.map(ask));
    timer = undefined;
    if (wanted.size > 0) {
      schedule(REFRESH_MILLIS);
    }
  };
  const schedule = (millis: number) => {
    if (!stopped) {
      timer ??= setTimeout(run, millis);
    }
  };
  return {
    want(...parts: string[]) {
      for (const part of parts) {
        wanted.add(part);
      }
      schedule(parts.includes("events") ? FIRST_MILLIS : REFRESH_MILLIS);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** A request that changes the run; the answer is the run as it is then. */
export function useRunAction(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (path: string) => call<Run>(`/runs/${id}${path}`, { method: "POST" }),
    onSuccess: (run) => client.setQueryData(runQuery(id).queryKey, run),
  });
}
