/** What went wrong between page and service; `kind` tells which view it deserves. */
export class ApiProblem extends Error {
  constructor(
    readonly kind: "not-found" | "refused" | "unreachable" | "broken",
    readonly title: string,
    readonly detail: string,
  ) {
    super(`${title}: ${detail}`);
  }
}

/** The only place that fetches: JSON in, problem details or a broken network out as an {@link ApiProblem}. */
export async function call<T>(path: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, { ...init, headers: { Accept: "application/json" } });
  } catch {
    throw new ApiProblem(
      "unreachable",
      "The service does not answer",
      "It may be restarting, or the connection to it is gone. Runs go on without it; this page tries again by itself.",
    );
  }
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && body !== null) {
    return body as T;
  }
  throw problem(response, body);
}

function problem(response: Response, body: unknown): ApiProblem {
  const fields = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const text = (name: string, otherwise: string) =>
    typeof fields[name] === "string" ? fields[name] : otherwise;
  const title = text("title", "The service answered what this page does not understand");
  const detail = text("detail", `HTTP status ${response.status}`);
  if (response.status === 404 || response.status === 400) {
    return new ApiProblem("not-found", title, detail);
  }
  return new ApiProblem(response.status < 500 && !response.ok ? "refused" : "broken", title, detail);
}
