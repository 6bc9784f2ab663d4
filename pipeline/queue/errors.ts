import { CodedError, type Facts, FaultKind } from "../base/errors.ts";

/** Every way a queue can be wrong, and what that means. */
const QUEUE_FAULTS = {
  queue_full: FaultKind.Limited,
  queue_unavailable: FaultKind.Unavailable,
  queue_message_too_large: FaultKind.TooLarge,
  /** The stream that is there is not the one that the configuration describes. */
  queue_stream_differs: FaultKind.Invalid,
  /** Somebody has deleted the stream and made a new one, whose sequences begin again. */
  queue_stream_replaced: FaultKind.Fenced,
  /** The stream ends before what was already stored from it: its servers have lost their newest messages. */
  queue_stream_rewound: FaultKind.Fenced,
  /** A message refers to an object that is not in the bucket. */
  inbox_object_missing: FaultKind.Corrupt,
} as const satisfies Record<string, FaultKind>;

export type QueueFaultCode = keyof typeof QUEUE_FAULTS;

export function queueError(
  code: QueueFaultCode,
  message: string,
  options: { readonly cause?: unknown; readonly facts?: Facts } = {},
): CodedError<QueueFaultCode> {
  return new CodedError(code, QUEUE_FAULTS[code], message, options);
}
