import { expect, test } from "vitest";
import { parseRoute } from "./router";

test.each(["/", "/runs", "/runs/"])("%s is the list", (path) =>
  expect(parseRoute(path)).toEqual({ page: "runs" }),
);

test("a run has its own address", () => expect(parseRoute("/runs/abc")).toEqual({ page: "run", id: "abc" }));

test.each(["/plans", "/runs/a/b"])("%s is unknown and says so", (path) =>
  expect(parseRoute(path)).toEqual({ page: "unknown", path }),
);
