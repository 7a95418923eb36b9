/** The page's addresses. */
export type Route = { page: "runs" } | { page: "run"; id: string } | { page: "unknown"; path: string };

export function parseRoute(path: string): Route {
  const parts = path.split("/").filter((part) => part !== "");
  const [first, id] = parts;
  if (parts.length === 0 || (first === "runs" && parts.length === 1)) {
    return { page: "runs" };
  }
  if (first === "runs" && id !== undefined && parts.length === 2) {
    return { page: "run", id };
  }
  return { page: "unknown", path };
}
