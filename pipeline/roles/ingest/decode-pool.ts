import { Piscina } from "piscina";
import { CodedError, FaultKind } from "../../base/errors.ts";
import type { RunTask } from "../../base/run-task.ts";
import type { DecodeJob, DecodeOutcome, DecodeResult } from "./decode-job.ts";

/** Where decoding happens: threads in a process, the caller's own thread in tests and simulations. */
export interface DecodePool {
  /** Takes over the buffers of the job's bodies. Errors: `ingest_busy` (limited). */
  run(job: DecodeJob): Promise<DecodeResult>;
  close(): Promise<void>;
}

export type DecodePoolOptions = {
  /** Jobs that are decoded at the same time. */
  readonly threads: number;
  /** Runs a job on a thread; without it the pool has threads of its own. */
  readonly runTask?: RunTask;
};

/** Jobs waiting for a thread, beyond which senders are told to come again: each holds its request's body. */
const WAITING_JOBS_MAX = 1024;

/**
 * Jobs that go to a thread together when more are waiting. Waking a thread and being woken by it costs a tenth of what decoding a
 * profile does; more than these would only make the first of them wait for the last.
 */
const BATCH_JOBS_MAX = 8;

/**
 * Decoding threads. A job is not ended when its sender goes away: it takes milliseconds, and ending it would end its thread.
 * Jobs beyond the threads wait here rather than in the pool, so that other work of shared threads does not wait behind them.
 */
export function createDecodePool({ threads, runTask }: DecodePoolOptions): DecodePool {
  const own = runTask === undefined ? new Piscina({ minThreads: threads, maxThreads: threads }) : undefined;
  const run: RunTask = runTask ?? ((task, options) => own!.run(task, options));
  const task = { filename: new URL("./decode-task.ts", import.meta.url).href, name: "decodeTask" };
  const waiting: WaitingJob[] = [];
  let running = 0;

  /** Gives the free threads their share of what waits. */
  function share(): void {
    while (running < threads && waiting.length > 0) {
      const fairShare = Math.ceil(waiting.length / (threads - running));
      void runBatch(waiting.splice(0, Math.min(fairShare, BATCH_JOBS_MAX)));
    }
  }

  async function runBatch(batch: readonly WaitingJob[]): Promise<void> {
    running++;
    try {
      const jobs = batch.map(({ job }) => job);
      const outcomes = (await run(jobs, { ...task, transferList: bodyBuffers(jobs) })) as readonly DecodeOutcome[];
      for (const [index, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[index] as DecodeOutcome;
        if (outcome.ok) resolve(outcome.result);
        else reject(outcome.defect);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      running--;
      share();
    }
  }

  return {
    run: (job) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= WAITING_JOBS_MAX) {
          reject(
            new CodedError("ingest_busy", FaultKind.Limited, "more requests wait to be decoded than are kept: send again in 1 s", {
              facts: { waiting: waiting.length, retryAfterSeconds: 1 },
            }),
          );
          return;
        }
        waiting.push({ job, resolve, reject });
        share();
      }),
    close: async () => {
      await own?.close({ force: false });
    },
  };
}

type WaitingJob = {
  readonly job: DecodeJob;
  readonly resolve: (result: DecodeResult) => void;
  readonly reject: (reason: unknown) => void;
};

/** Each buffer once: the bodies of one push share one. */
function bodyBuffers(jobs: readonly DecodeJob[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBufferLike>();
  for (const { inputs } of jobs) for (const input of inputs) buffers.add(input.kind === "pprof" ? input.raw.buffer : input.body.buffer);
  return [...buffers].filter((buffer) => buffer instanceof ArrayBuffer);
}
