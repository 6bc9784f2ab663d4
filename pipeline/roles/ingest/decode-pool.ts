import { Piscina } from "piscina";
import { CodedError, FaultKind } from "../../base/errors.ts";
import type { DecodeJob, DecodeResult } from "./decode-job.ts";

/** Where decoding happens: threads in a process, the caller's own thread in tests and simulations. */
export interface DecodePool {
  /** Takes over the buffers of the job's bodies. Errors: `ingest_busy` (limited). */
  run(job: DecodeJob): Promise<DecodeResult>;
  close(): Promise<void>;
}

export type DecodePoolOptions = {
  readonly threads: number;
};

/** Jobs waiting for a thread, beyond which senders are told to come again: each holds its request's body. */
const WAITING_JOBS_MAX = 1024;

/**
 * Decoding threads. A job is not ended when its sender goes away: it takes milliseconds, and ending it would end its thread.
 */
export function createDecodePool({ threads }: DecodePoolOptions): DecodePool {
  const pool = new Piscina<DecodeJob, DecodeResult>({
    filename: new URL("./decode-task.ts", import.meta.url).href,
    name: "decodeTask",
    minThreads: threads,
    maxThreads: threads,
    maxQueue: WAITING_JOBS_MAX,
  });
  return {
    run: async (job) => {
      if (pool.queueSize >= WAITING_JOBS_MAX) {
        throw new CodedError("ingest_busy", FaultKind.Limited, "more requests wait to be decoded than are kept: send again in 1 s", {
          facts: { waiting: pool.queueSize, retryAfterSeconds: 1 },
        });
      }
      return pool.run(job, { transferList: jobBuffers(job) });
    },
    close: () => pool.close({ force: false }),
  };
}

/** Each buffer once: the bodies of one push share one. */
function jobBuffers(job: DecodeJob): ArrayBuffer[] {
  const buffers = new Set<ArrayBufferLike>();
  for (const input of job.inputs) buffers.add(input.kind === "pprof" ? input.raw.buffer : input.body.buffer);
  return [...buffers].filter((buffer) => buffer instanceof ArrayBuffer);
}
