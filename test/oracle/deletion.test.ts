import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, push } from "../harness/client.ts";
import { makePprof } from "../harness/make-pprof.ts";
import { type Server, startServer } from "../harness/server.ts";

/*
 * Goal: what somebody deletes is gone from every answer at once, nothing else is, and its bytes follow.
 * Method: two services of one tenant and one of another; deletions by service and by time; questions before, after and after compaction.
 */

/** Recent: queries look back seven days. */
const START = Math.floor(Date.now() / 60_000) * 60_000 - 1_800_000;

describe("deletion", () => {
  let server: Server;

  beforeAll(async () => {
    server = await startServer({ config: { auth: { mode: "header" }, compact: { interval: "200ms" } }, selfProfile: false });
    for (const [tenant, service] of [
      ["a", "keep"],
      ["a", "drop"],
      ["b", "drop"],
    ] as const) {
      for (let minute = 0; minute < 3; minute++) {
        const profile = makePprof({ stacks: { [`main;${service}`]: [1, 10] }, time: START + minute * 60_000 });
        const reply = await push(server.url, [{ labels: { service_name: service, __name__: "process_cpu" }, profile }], { tenant });
        expect(reply.status).toBe(200);
      }
    }
  });
  afterAll(() => server?.stop());

  it("asks for a service or a time before it deletes anything", async () => {
    expect(await remove("a", "")).toMatchObject({ status: 400, body: { code: "invalid_argument" } });
    expect(await remove("a", "service=drop&from=yesterday")).toMatchObject({ status: 400 });
    expect(await remove("a", "servise=drop")).toMatchObject({ status: 400 });
    expect(await services("a")).toEqual(["drop", "keep"]);
  });

  it("takes a time range out of one service, and nothing else", async () => {
    expect(await total("a", "drop")).toBe(30);
    const { status, body } = await remove("a", `service=drop&from=${START + 60_000}&until=${START + 60_000}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ service: "drop", from_ms: START + 60_000 });
    expect(await total("a", "drop")).toBe(20);
    expect(await total("a", "keep")).toBe(30);
    expect(await total("b", "drop")).toBe(30);
  });

  it("takes a whole service out of the tenant that asks, and lets it come back", async () => {
    await remove("a", "service=drop");
    expect(await services("a")).toEqual(["keep"]);
    expect(await services("b")).toEqual(["drop"]);
    const listed = await fetch(`${server.url}/api/v1/delete`, { headers: { "x-scope-orgid": "a" } });
    expect(((await listed.json()) as { deletions: unknown[] }).deletions).toHaveLength(2);
    // What is sent after the deletion is kept.
    await new Promise((resolve) => setTimeout(resolve, 5));
    const profile = makePprof({ stacks: { "main;again": [1, 7] }, time: START });
    await push(server.url, [{ labels: { service_name: "drop", __name__: "process_cpu" }, profile }], { tenant: "a" });
    expect(await total("a", "drop")).toBe(7);
  });

  async function remove(tenant: string, query: string): Promise<{ status: number; body: unknown }> {
    const reply = await fetch(`${server.url}/api/v1/delete?${query}`, { method: "POST", headers: { "x-scope-orgid": tenant } });
    return { status: reply.status, body: await reply.json() };
  }

  async function services(tenant: string): Promise<readonly string[]> {
    const { names } = await ask<{ names?: string[] }>(
      server.url,
      "LabelValues",
      { name: "service_name", start: START - 1000, end: START + 600_000 },
      { tenant },
    );
    return names ?? [];
  }

  async function total(tenant: string, service: string): Promise<number> {
    const { flamegraph } = await ask<{ flamegraph: { total?: string } }>(
      server.url,
      "SelectMergeStacktraces",
      {
        profileTypeID: "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
        labelSelector: `{service_name="${service}"}`,
        start: START - 1000,
        end: START + 600_000,
      },
      { tenant },
    );
    return Number(flamegraph.total ?? 0);
  }
});
