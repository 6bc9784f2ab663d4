import { mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { buildAgent } from "../../hack/agent/build.ts";
import { type Agent, startAgent } from "../harness/agent.ts";
import { ask } from "../harness/client.ts";
import { type Behaviour, type FaultyProxy, startFaultyProxy } from "../harness/faulty-proxy.ts";
import { type Server, startServer } from "../harness/server.ts";
import { reasonNotToRun } from "./programs.ts";
import { start, stopAll } from "./running.ts";

/*
 * Goal: whatever happens between the agent and the server, every sample is delivered, or dropped and counted, and sampling goes on.
 * Method: a real agent and a real server with a proxy between them that fails on request. Intervals and pauses are short, so that an outage of some
 * seconds is what one of minutes is by default. After each fault the agent's own numbers must add up.
 */

const RATE_HZ = 49;
const QUICK = [
  "--rate",
  String(RATE_HZ),
  "--interval",
  "1s",
  "--timeout",
  "1500ms",
  "--backoff-min",
  "100ms",
  "--backoff-max",
  "1s",
  "--cpu-max",
  "0",
];

/** Long enough for whole intervals of a second to lie within; an outage of minutes is asked for: BRAZIER_AGENT_OUTAGE_SECONDS=120. */
const OUTAGE_MS = Number(process.env["BRAZIER_AGENT_OUTAGE_SECONDS"] ?? 5) * 1_000;

const unable = reasonNotToRun();
if (unable !== undefined) console.warn(`skipped: the agent and faults on its way: ${unable}`);

/** What became of the samples, from the agent's metrics. */
type Books = {
  readonly taken: number;
  readonly offered: number;
  readonly restored: number;
  readonly delivered: number;
  readonly waiting: number;
  readonly dropped: ReadonlyMap<string, number>;
  readonly requests: ReadonlyMap<string, number>;
};

async function booksOf(agent: Agent): Promise<Books> {
  const metrics = await agent.metrics();
  const one = (name: string): number => metrics.get(`brazier_agent_${name}`) ?? 0;
  const by = (name: string, label: string): ReadonlyMap<string, number> => {
    const values = new Map<string, number>();
    for (const [key, value] of metrics) {
      const match = new RegExp(`^brazier_agent_${name}\\{${label}="([^"]*)"\\}$`).exec(key);
      if (match !== null) values.set(match[1] as string, value);
    }
    return values;
  };
  return {
    taken: one("samples_taken_total"),
    offered: one("samples_offered_total"),
    restored: one("restored_samples_total"),
    delivered: one("delivered_samples_total"),
    waiting: one("waiting_samples"),
    dropped: by("dropped_samples_total", "reason"),
    requests: by("requests_total", "outcome"),
  };
}

const sum = (values: ReadonlyMap<string, number>): number => [...values.values()].reduce((total, value) => total + value, 0);

/** Waits until the books show something, and gives them. */
async function books(agent: Agent, what: string, holds: (books: Books) => boolean): Promise<Books> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const now = await booksOf(agent);
    if (holds(now)) return now;
    if (performance.now() > deadline)
      throw new Error(`never: ${what}: ${JSON.stringify({ ...now, dropped: [...now.dropped] })}\n${agent.logs()}`);
    await pause(50);
  }
}

/** Offered and restored are delivered, dropped or waiting. The numbers are read one after the other, so that a profile may be on its way between them. */
const balanced = (now: Books): boolean => now.offered + now.restored === now.delivered + sum(now.dropped) + now.waiting;

/** Nanoseconds of CPU that the server has between two times, of the services that match. */
async function storedCpu(url: string, fromMs: number, toMs: number, selector = "{}"): Promise<number> {
  const answer = await ask<{ series?: readonly { points?: readonly { value?: number }[] }[] }>(url, "SelectSeries", {
    profile_typeID: "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
    label_selector: selector,
    start: Math.floor(fromMs),
    end: Math.ceil(toMs),
    step: 1,
  });
  return (answer.series ?? []).flatMap((series) => series.points ?? []).reduce((total, point) => total + (point.value ?? 0), 0);
}

/** Samples that the server has under a label of one test: each stands for the same time on a CPU, because the rate is never lowered here. */
async function storedSamples(url: string, selector: string): Promise<number> {
  const nanoseconds = await storedCpu(url, Date.now() - 600_000, Date.now() + 60_000, selector);
  return Math.round((nanoseconds * RATE_HZ) / 1e9);
}

describe.skipIf(unable !== undefined)("the agent and faults on its way", () => {
  const folder = mkdtempSync(join(tmpdir(), "brazier-agent-faults-"));
  let server: Server;
  let proxy: FaultyProxy;
  let agent: Agent;

  beforeAll(async () => {
    buildAgent();
    // Something to see on a machine that is idle.
    start(["sh", "-c", "while :; do :; done"]);
    server = await startServer();
    proxy = await startFaultyProxy(server.url);
    agent = await startAgent({ url: proxy.url, args: QUICK });
    await books(agent, "a first delivery", (now) => now.delivered > 0);
  }, 280_000);

  afterEach(() => proxy?.behave({ kind: "pass" }));

  afterAll(async () => {
    await agent?.kill();
    stopAll();
    await proxy?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const FAULTS: readonly { readonly name: string; readonly outcome: string; readonly behaviour: Behaviour }[] = [
    { name: "cuts connections", outcome: "connection", behaviour: { kind: "cut" } },
    { name: "never answers", outcome: "timeout", behaviour: { kind: "silent" } },
    { name: "is slower than the time-out", outcome: "timeout", behaviour: { kind: "slow", delayMs: 3_000 } },
    { name: "answers 500", outcome: "http_500", behaviour: { kind: "answer", status: 500, body: "oops" } },
    { name: "answers 503", outcome: "http_503", behaviour: { kind: "answer", status: 503, headers: { "retry-after": "1" } } },
    { name: "answers 429", outcome: "limited", behaviour: { kind: "answer", status: 429, headers: { "retry-after": "1" } } },
    { name: "answers 401", outcome: "http_401", behaviour: { kind: "answer", status: 401 } },
    {
      name: "answers 200 with a login page",
      outcome: "garbage",
      behaviour: { kind: "answer", status: 200, headers: { "content-type": "text/html" }, body: "<html>please log in</html>" },
    },
    { name: "loses its answers", outcome: "connection", behaviour: { kind: "lose-answer" } },
  ];

  for (const { name, outcome, behaviour } of FAULTS) {
    it(`keeps every sample while the server ${name}, and delivers them after`, async () => {
      const before = await booksOf(agent);
      proxy.behave(behaviour);
      const during = await books(
        agent,
        `two failures "${outcome}"`,
        (now) => (now.requests.get(outcome) ?? 0) >= (before.requests.get(outcome) ?? 0) + 2,
      );
      // Sampling has no part in it.
      await books(agent, "more samples taken", (now) => now.taken > during.taken && now.waiting > during.waiting && balanced(now));
      proxy.behave({ kind: "pass" });
      const after = await books(
        agent,
        "everything delivered",
        (now) => now.waiting === 0 && now.delivered > during.delivered && balanced(now),
      );
      expect(sum(after.dropped)).toBe(sum(before.dropped));
    });
  }

  it("drops and counts what the server refuses", async () => {
    const before = await booksOf(agent);
    proxy.behave({
      kind: "answer",
      status: 400,
      headers: { "content-type": "application/json" },
      body: '{"code":"invalid_argument","message":"no"}',
    });
    const after = await books(
      agent,
      "dropped profiles",
      (now) => (now.dropped.get("refused") ?? 0) > (before.dropped.get("refused") ?? 0) && balanced(now),
    );
    expect(after.delivered).toBeGreaterThanOrEqual(before.delivered);
    proxy.behave({ kind: "pass" });
    await books(agent, "delivery again", (now) => now.delivered > after.delivered && balanced(now));
  });

  it("delivers the profiles of an outage under the time when they were taken", async () => {
    await books(agent, "nothing waiting", (now) => now.waiting === 0);
    proxy.behave({ kind: "cut" });
    const downMs = Date.now();
    await pause(OUTAGE_MS);
    const upMs = Date.now();
    proxy.behave({ kind: "pass" });
    await books(agent, "everything delivered", (now) => now.waiting === 0 && balanced(now));
    expect(await storedCpu(server.url, downMs + 1_000, upMs - 1_000)).toBeGreaterThan(0);
  });

  it("has each sample stored once when answers are lost and requests repeated", async () => {
    const lossy = await startAgent({ url: proxy.url, args: [...QUICK, "--labels", "books=lossy"] });
    proxy.behave({ kind: "lose-answer" });
    await books(lossy, "three lost answers", (now) => (now.requests.get("connection") ?? 0) >= 3);
    proxy.behave({ kind: "pass" });
    await books(lossy, "everything delivered", (now) => now.waiting === 0 && balanced(now));
    await lossy.stop();
    expect(await storedSamples(server.url, '{books="lossy"}')).toBe(lastBooks(lossy).samples_delivered);
  });

  it("has each sample stored once that was waiting in a spool when the agent was killed", async () => {
    const spool = join(folder, "spool-books");
    const args = [...QUICK, "--spool-dir", spool, "--labels", "books=killed"];
    const first = await startAgent({ url: proxy.url, args });
    await books(first, "a delivery", (now) => now.delivered > 0);
    proxy.behave({ kind: "cut" });
    await books(first, "a failure", (now) => (now.requests.get("connection") ?? 0) >= 1);
    await waitFor("five files in the spool", () => files(spool).length >= 5);
    const { delivered } = await booksOf(first);
    await first.kill();
    const left = files(spool).reduce((total, name) => total + samplesOf(name), 0);
    proxy.behave({ kind: "pass" });
    const second = await startAgent({ url: proxy.url, args });
    await books(second, "the spool delivered", (now) => now.restored === left && now.waiting === 0 && balanced(now));
    await second.stop();
    const { samples_delivered } = lastBooks(second);
    expect(samples_delivered).toBeGreaterThanOrEqual(left);
    expect(await storedSamples(server.url, '{books="killed"}')).toBe(delivered + samples_delivered);
  });

  it("sends what it has when it is stopped", async () => {
    await agent.stop();
    const last = lastBooks(agent);
    expect(last.samples_waiting).toBe(0);
    expect(last.samples_delivered).toBeGreaterThan(0);
  });

  it("survives kill -9 with its spool, a damaged file counted", async () => {
    const spool = join(folder, "spool");
    proxy.behave({ kind: "cut" });
    const first = await startAgent({ url: proxy.url, args: [...QUICK, "--spool-dir", spool] });
    await books(first, "profiles waiting", (now) => now.waiting > 0 && balanced(now));
    await waitFor("five files in the spool", () => files(spool).length >= 5);
    await first.kill();
    const left = files(spool);
    const damaged = left[0] as string;
    truncateSync(join(spool, damaged), 20);
    const restored = left.reduce((total, name) => total + samplesOf(name), 0);

    proxy.behave({ kind: "pass" });
    const second = await startAgent({ url: proxy.url, args: [...QUICK, "--spool-dir", spool] });
    try {
      const now = await books(second, "the spool delivered", (now) => now.delivered >= restored - samplesOf(damaged) && balanced(now));
      expect(now.restored).toBe(restored);
      expect(now.dropped).toEqual(new Map([["spool_damaged", samplesOf(damaged)]]));
      await waitFor("no file of the first run", () => left.every((name) => !files(spool).includes(name)));
    } finally {
      await second.stop();
    }
  });

  it("delivers by OTLP, and answers that reject are counted", async () => {
    const otlp = await startAgent({ url: proxy.url, args: [...QUICK, "--protocol", "otlp", "--labels", "way=otlp"] });
    try {
      await books(otlp, "delivery", (now) => now.delivered > 0 && now.waiting === 0 && balanced(now));
      const answer = await ask<{ names?: readonly string[] }>(server.url, "LabelValues", {
        name: "service_name",
        matchers: ['{way="otlp"}'],
        start: Date.now() - 600_000,
        end: Date.now() + 1_000,
      });
      expect(answer.names?.length).toBeGreaterThan(0);
      // partial_success { rejected_profiles: 1, error_message: "no" }
      const rejected = Buffer.from([0x0a, 0x06, 0x08, 0x01, 0x12, 0x02, 0x6e, 0x6f]).toString("latin1");
      proxy.behave({ kind: "answer", status: 200, headers: { "content-type": "application/x-protobuf" }, body: rejected });
      await books(otlp, "rejected profiles", (now) => (now.dropped.get("refused") ?? 0) > 0 && balanced(now));
    } finally {
      await otlp.stop();
    }
  });

  it("drops the oldest and counts them when the queue is full", async () => {
    proxy.behave({ kind: "cut" });
    const small = await startAgent({ url: proxy.url, args: [...QUICK, "--queue-max", "64KiB"] });
    try {
      await books(small, "a full queue", (now) => (now.dropped.get("queue_full") ?? 0) > 0 && balanced(now));
      proxy.behave({ kind: "pass" });
      await books(small, "delivery", (now) => now.waiting === 0 && now.delivered > 0 && balanced(now));
    } finally {
      await small.stop();
    }
  });
});

const files = (spool: string): readonly string[] =>
  readdirSync(spool)
    .filter((name) => name.endsWith(".profile"))
    .sort();

/** The name says how many samples a file holds. */
const samplesOf = (name: string): number => Number(/-(\d+)\.profile$/.exec(name)?.[1]);

/** What an agent that was stopped says of its samples at the end. */
function lastBooks(agent: Agent): { readonly samples_waiting: number; readonly samples_delivered: number } {
  const last = agent
    .logs()
    .trim()
    .split("\n")
    .map(parsed)
    .find((line) => line["msg"] === "stopped");
  if (last === undefined) throw new Error(`the agent did not say that it stopped\n${agent.logs()}`);
  return { samples_waiting: Number(last["samples_waiting"]), samples_delivered: Number(last["samples_delivered"]) };
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return {};
  }
}

async function waitFor(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`never: ${what}`);
    await pause(50);
  }
}
