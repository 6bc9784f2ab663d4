import { CodedError, FaultKind } from "../../base/errors.ts";
import type { UnixMs } from "../../base/units.ts";
import type { QueueMessage } from "../../queue/queue.ts";

/** What a dead letter says of its message: why it is one, and where it came from. */
export type DeadLetterHead = {
  readonly code: string;
  readonly reason: string;
  readonly stream: string;
  readonly partition: number;
  readonly sequence: number;
  readonly size_bytes: number;
  readonly at_ms: number;
};

/** The head is one line, and far shorter than this. */
export const HEAD_BYTES_MAX = 16 * 1024;
const NEWLINE = 0x0a;

/**
 * The bytes of an object under `dead/`: one line of JSON that says what, where from and why, then the message as it was.
 */
export function deadLetter(message: QueueMessage, fault: CodedError, at: { readonly stream: string; readonly nowMs: UnixMs }): Uint8Array {
  const head: DeadLetterHead = {
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

/** The other way; the first {@link HEAD_BYTES_MAX} bytes are enough for the head. Errors: `dead_letter_corrupt`. */
export function readDeadLetter(bytes: Uint8Array): { readonly head: DeadLetterHead; readonly message: Uint8Array } {
  const end = bytes.indexOf(NEWLINE);
  try {
    if (end < 0) throw new Error("it has no first line");
    const head = JSON.parse(Buffer.from(bytes.subarray(0, end)).toString("utf8")) as DeadLetterHead;
    if (typeof head.code !== "string") throw new Error("its first line names no reason");
    return { head, message: bytes.subarray(end + 1) };
  } catch (cause) {
    throw new CodedError("dead_letter_corrupt", FaultKind.Corrupt, `this is no dead letter: ${(cause as Error).message}`, { cause });
  }
}
