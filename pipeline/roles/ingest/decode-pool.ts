import { Piscina } from "piscina";
import { CodedError, FaultKind } from "../../base/errors.ts";
import type { RunTask } from "../../base/run-task.ts";
import type { DecodeJob, DecodeResult } from "./decode-job.ts";

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
 * Decoding threads. A job is not ended when its sender goes away: it takes milliseconds, and ending it would end its thread.
 * Jobs beyond the threads wait here rather than in the pool, so that other work of shared threads does not wait behind them.
 */
export function createDecodePool({ threads, runTask }: DecodePoolOptions): DecodePool {
  const own = runTask === undefined ? new Piscina({ minThreads: threads, maxThreads: threads }) : undefined;
  const run: RunTask = runTask ?? ((task, options) => own!.run(task, options));
  const task = { filename: new URL("./decode-task.ts", import.meta.url).href, name: "decodeTask" };
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    run: async (job) => {
      if (waiting.length >= WAITING_JOBS_MAX) {
        throw new CodedError("ingest_busy", FaultKind.Limited, "more requests wait to be decoded than are kept: send again in 1 s", {
          facts: { waiting: waiting.length, retryAfterSeconds: 1 },
        });
      }
      if (running >= threads) await new Promise<void>((resolve) => waiting.push(resolve));
      else running++;
      try {
        return (await run(job, { ...task, transferList: jobBuffers(job) })) as DecodeResult;
      } finally {
        // The place passes straight on to who waits longest, or is free.
        const next = waiting.shift();
        if (next === undefined) running--;
        else next();
      }
    },
    close: async () => {
      await own?.close({ force: false });
    },
  };
}

/** Each buffer once: the bodies of one push share one. */
function jobBuffers(job: DecodeJob): ArrayBuffer[] {
  const buffers = new Set<ArrayBufferLike>();
  for (const input of job.inputs) buffers.add(input.kind === "pprof" ? input.raw.buffer : input.body.buffer);
  return [...buffers].filter((buffer) => buffer instanceof ArrayBuffer);
}
