import { afterEach, expect, test, vi } from "vitest";
import { call } from "./client";

afterEach(() => vi.unstubAllGlobals());

function answer(status: number, body: string) {
  vi.stubGlobal("fetch", async () => new Response(body, { status }));
}

test("a good answer is its JSON", async () => {
  answer(200, '{"runs":[]}');
  await expect(call("/runs")).resolves.toEqual({ runs: [] });
});

test("problem details become a problem with their words", async () => {
  answer(404, '{"title":"Not found","detail":"there is no run x","status":404}');
  await expect(call("/runs/x")).rejects.toMatchObject({
    kind: "not-found",
    title: "Not found",
    detail: "there is no run x",
  });
});

test("a refusal is told from a fault of the service", async () => {
  answer(409, '{"title":"Not possible now","detail":"already approved"}');
  await expect(call("/x")).rejects.toMatchObject({ kind: "refused", detail: "already approved" });
  answer(500, '{"title":"Broken","detail":"no database"}');
  await expect(call("/x")).rejects.toMatchObject({ kind: "broken" });
});

test("an answer that is no JSON is a fault even when its status is good", async () => {
  answer(200, "<html>proxy</html>");
  await expect(call("/x")).rejects.toMatchObject({ kind: "broken", detail: "HTTP status 200" });
});

test("a network without service is unreachable", async () => {
  vi.stubGlobal("fetch", async () => {
    throw new TypeError("Failed to fetch");
  });
  await expect(call("/x")).rejects.toMatchObject({ kind: "unreachable" });
});
