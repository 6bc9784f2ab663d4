import type { MessagePort } from "node:worker_threads";
import { systemClock } from "../../base/clock.ts";
import { CodedError, FaultKind, type FaultRecord, faultRecord, isCoded } from "../../base/errors.ts";
import { Turns } from "../../base/turn.ts";
import type { ObjectDirectory } from "../../block/directory.ts";
import type { StoreLocation } from "../../objects/location.ts";
import { attachStore } from "../../objects/open-store.ts";
import { type MergeRequest, mergeDatasets } from "./merge.ts";

/** port: where the blocks go, each as soon as it is complete. It is closed at the end. */
export type MergeTask = { readonly location: StoreLocation; readonly request: MergeRequest; readonly port: MessagePort };

export type MergeMessage =
  | { readonly kind: "block"; readonly bytes: Uint8Array<ArrayBuffer>; readonly directory: ObjectDirectory }
  | { readonly kind: "end" }
  | { readonly kind: "fault"; readonly fault: FaultRecord };

/** Sample rows that are merged in about a tenth of a second, reading and writing included. */
const QUICK_ROWS_MAX = 100_000;

/** Whether others should not have to wait for the end of a merge. */
export function takesLong({ request }: Pick<MergeTask, "request">): boolean {
  let rows = 0;
  for (const { dataset } of request.inputs) for (const { sampleRows } of dataset.kinds) rows += sampleRows;
  return rows > QUICK_ROWS_MAX;
}

/**
 * The thread entry of {@link mergeDatasets}: reads the inputs itself, so that they need not pass through the main thread, and lets whoever shares
 * the thread go on every few ms.
 */
export default async function merge({ location, request, port }: MergeTask): Promise<void> {
  const store = await attachStore(location);
  const send = (message: MergeMessage, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(message, [...transfer]);
  try {
    const readRange = (key: string, offset: number, size: number): Promise<Uint8Array> => store.getRange(key, offset, size);
    for await (const { bytes, directory } of mergeDatasets(request, readRange, new Turns(systemClock))) {
      const own = new Uint8Array(bytes);
      send({ kind: "block", bytes: own, directory }, [own.buffer]);
    }
    send({ kind: "end" });
  } catch (error) {
    const coded = isCoded(error)
      ? error
      : new CodedError("merge_failed", FaultKind.Corrupt, String(error), { facts: { stack: (error as Error).stack } });
    send({ kind: "fault", fault: faultRecord(coded) });
  } finally {
    port.close();
    await store.close();
  }
}
