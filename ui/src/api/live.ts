/** Whether the page shows what is, or what was when the stream broke off. */
export type LiveState =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "lost"; since: number; retryInSeconds: number };

/** The service says `alive` every 10 s; a stream that is silent for longer than this is dead, whatever the socket says. */
const SILENCE_MILLIS = 30_000;
const FIRST_RETRY_SECONDS = 1;
const LAST_RETRY_SECONDS = 15;

/** What a stream needs from the browser; tests bring their own. */
export interface Browser {
  open(url: string): Pick<EventSource, "addEventListener" | "close">;
  after(millis: number, action: () => void): () => void;
  now(): number;
}

const BROWSER: Browser = {
  open: (url) => new EventSource(url),
  after: (millis, action) => {
    const timer = setTimeout(action, millis);
    return () => clearTimeout(timer);
  },
  now: () => Date.now(),
};

/**
 * Follows a stream of server-sent events until the returned function is called, opening it again for as long as it
 * takes. EventSource alone gives up when a restarting service answers with an error, and never notices silence.
 */
export function follow(
  path: string,
  names: readonly string[],
  onEvent: (name: string, data: string) => void,
  onState: (state: LiveState) => void,
  browser: Browser = BROWSER,
): () => void {
  let since: number | undefined;
  let retrySeconds = FIRST_RETRY_SECONDS;
  let source: ReturnType<Browser["open"]> | undefined;
  let cancel = () => {};

  const listenFor = () => {
    cancel();
    cancel = browser.after(SILENCE_MILLIS, lose);
  };
  const heard = (name: string, data: string) => {
    listenFor();
    since = undefined;
    retrySeconds = FIRST_RETRY_SECONDS;
    onState({ kind: "live" });
    if (name !== "alive") {
      onEvent(name, data);
    }
  };
  const lose = () => {
    source?.close();
    cancel();
    since ??= browser.now();
    onState({ kind: "lost", since, retryInSeconds: retrySeconds });
    cancel = browser.after(retrySeconds * 1000, open);
    retrySeconds = Math.min(2 * retrySeconds, LAST_RETRY_SECONDS);
  };
  const open = () => {
    source = browser.open(`/api/v1${path}`);
    for (const name of [...names, "alive"]) {
      source.addEventListener(name, (event) => heard(name, (event as MessageEvent<string>).data));
    }
    source.addEventListener("error", lose);
    listenFor();
  };

  onState({ kind: "connecting" });
  open();
  return () => {
    cancel();
    source?.close();
  };
}
