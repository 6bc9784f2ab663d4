import type { CodedError } from "../../base/errors.ts";
import type { UnixMs } from "../../base/units.ts";
import type { QueueMessage } from "../../queue/queue.ts";

/**
 * The bytes of an object under `dead/`: one line of JSON that says what, where from and why, then the message as it was.
 */
export function deadLetter(message: QueueMessage, fault: CodedError, at: { readonly stream: string; readonly nowMs: UnixMs }): Uint8Array {
  const head = {
    code: fault.code,
    reason: fault.rawMessage,
    stream: at.stream,
    partition: message.partition,
    sequence: message.sequence,
    size_bytes: message.bytes.byteLength,
    at_ms: at.nowMs,
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), message.bytes]);
}
