import { describe, expect, it } from "vitest";
import { isCoded } from "../../base/errors.ts";
import type { RunTask } from "../../base/run-task.ts";
import type { TenantId, UnixMs } from "../../base/units.ts";
import type { DecodeJob, DecodeOutcome, DecodeResult } from "./decode-job.ts";
import { createDecodePool } from "./decode-pool.ts";
import { DEFAULT_LIMITS } from "./limits.ts";

describe("the decode pool", () => {
  it("runs a job at once while a thread is free, and what waits together", async () => {
    const threads = new ManualThreads();
    const pool = createDecodePool({ threads: 1, runTask: threads.run });
    const results = Array.from({ length: 12 }, (_, index) => pool.run(job(index)));
    expect(threads.batches()).toEqual([[0]]);
    await threads.finish();
    expect(threads.batches()).toEqual([[1, 2, 3, 4, 5, 6, 7, 8]]);
    await threads.finish();
    expect(threads.batches()).toEqual([[9, 10, 11]]);
    await threads.finish();
    expect((await Promise.all(results)).map(({ profiles }) => profiles)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it("fails the job that a defect hit, and no other of its batch", async () => {
    const threads = new ManualThreads();
    const pool = createDecodePool({ threads: 1, runTask: threads.run });
    const settled = Promise.allSettled([0, 1, 2, 3].map((index) => pool.run(job(index))));
    await threads.finish();
    await threads.finish(2);
    expect((await settled).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
  });

  it("fails a batch whose thread dies, and goes on", async () => {
    const threads = new ManualThreads();
    const pool = createDecodePool({ threads: 1, runTask: threads.run });
    const settled = Promise.allSettled([0, 1].map((index) => pool.run(job(index))));
    await threads.die();
    await threads.finish();
    expect((await settled).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  });

  it("tells the sender to come again when 1024 jobs wait", async () => {
    const pool = createDecodePool({ threads: 1, runTask: new ManualThreads().run });
    for (let index = 0; index < 1025; index++) void pool.run(job(index));
    const fault = await pool.run(job(0)).catch((error: unknown) => error);
    expect(isCoded(fault, "ingest_busy") && fault.facts["retryAfterSeconds"]).toBe(1);
  });
});

/** Threads that finish when the test says so. */
class ManualThreads {
  readonly #open: { jobs: readonly DecodeJob[]; resolve: (outcomes: readonly DecodeOutcome[]) => void; reject: (error: Error) => void }[] =
    [];

  readonly run: RunTask = (jobs) =>
    new Promise((resolve, reject) => this.#open.push({ jobs: jobs as readonly DecodeJob[], resolve, reject }));

  batches(): number[][] {
    return this.#open.map(({ jobs }) => jobs.map(({ nowMs }) => nowMs));
  }

  /** Each job gives as many profiles as its number; the one of the number `defect` fails. */
  async finish(defect?: number): Promise<void> {
    const batch = this.#open.shift()!;
    const outcome = (nowMs: number): DecodeOutcome =>
      nowMs === defect ? { ok: false, defect: new Error("defect") } : { ok: true, result: result(nowMs) };
    batch.resolve(batch.jobs.map(({ nowMs }) => outcome(nowMs)));
    await settle();
  }

  async die(): Promise<void> {
    this.#open.shift()!.reject(new Error("thread died"));
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

function job(index: number): DecodeJob {
  return { tenant: "t" as TenantId, nowMs: index as UnixMs, limits: DEFAULT_LIMITS, idSeed: new Uint8Array(16), inputs: [] };
}

function result(profiles: number): DecodeResult {
  return { messages: [], profiles, faults: [], discards: [], uncompressedBytes: 0, missingSamples: 0 };
}
