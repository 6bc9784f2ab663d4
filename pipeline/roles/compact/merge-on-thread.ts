import { MessageChannel } from "node:worker_threads";
import { CodedError, FaultKind, faultFromRecord } from "../../base/errors.ts";
import type { RunTask } from "../../base/run-task.ts";
import type { ObjectBytes } from "../../block/writer.ts";
import type { StoreLocation } from "../../objects/location.ts";
import type { Merge } from "./compaction-plan.ts";
import type { MergeMessage, MergeTask } from "./merge-task.ts";

/** Runs merges on a thread over a bucket. When the signal is aborted the blocks still to come are dropped. */
export function mergeOnThread(runTask: RunTask, location: StoreLocation): Merge {
  const filename = new URL("merge-task.ts", import.meta.url).href;
  return async function* (request, signal): AsyncGenerator<ObjectBytes> {
    const { port1, port2 } = new MessageChannel();
    const inbox: MergeMessage[] = [];
    let wake = (): void => {};
    const lost: { error?: unknown } = {};
    port1.on("message", (message: MergeMessage) => {
      inbox.push(message);
      wake();
    });
    const onAbort = (): void => wake();
    signal.addEventListener("abort", onAbort);
    const task: MergeTask = { location, request, port: port2 };
    const run = runTask(task, { filename, transferList: [port2] }).catch((error: unknown) => {
      lost.error = error;
      wake();
    });
    try {
      for (;;) {
        const message = inbox.shift();
        if (message === undefined) {
          if (lost.error !== undefined)
            throw new CodedError("merge_thread_lost", FaultKind.Unavailable, `the merge thread was lost: ${String(lost.error)}`, {
              cause: lost.error,
            });
          if (signal.aborted) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        if (message.kind === "end") return;
        if (message.kind === "fault") throw faultFromRecord(message.fault);
        yield { bytes: message.bytes, directory: message.directory };
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      port1.close();
      await run;
    }
  };
}
