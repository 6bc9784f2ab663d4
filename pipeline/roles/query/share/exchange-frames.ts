import type { FaultRecord } from "../../../base/errors.ts";
import { ByteReader } from "../../../block/column/byte-reader.ts";
import { ByteWriter } from "../../../block/column/byte-writer.ts";

/*
 * What two queriers say to each other about one part. Asker: ask, ack, cancel. Peer: accepted or busy, alive, then chunks or a fault.
 */

export type AskFrame = { readonly kind: "ask"; readonly leftMs: number; readonly part: Uint8Array };
export type AskerFrame = { readonly kind: "ack"; readonly chunks: number } | { readonly kind: "cancel" };
export type PeerFrame =
  /** `control` is where the peer listens from now on. */
  | { readonly kind: "accepted"; readonly control: string }
  | { readonly kind: "busy" }
  /** Still working. */
  | { readonly kind: "alive" }
  | { readonly kind: "chunk"; readonly index: number; readonly isLast: boolean; readonly bytes: Uint8Array }
  | { readonly kind: "fault"; readonly fault: FaultRecord };
export type Frame = AskFrame | AskerFrame | PeerFrame;

/** Zero is no kind. */
const CODE = { ask: 1, ack: 2, cancel: 3, accepted: 4, busy: 5, alive: 6, chunk: 7, fault: 8 } as const satisfies Record<
  Frame["kind"],
  number
>;

/** What a chunk carries besides its bytes, at most. */
export const CHUNK_FRAME_BYTES = 16;

export function encodeFrame(frame: Frame): Uint8Array {
  const writer = new ByteWriter(64);
  writer.byte(CODE[frame.kind]);
  switch (frame.kind) {
    case "ask":
      // 0 is no bound, and not the same as no time left.
      writer.varint(Number.isFinite(frame.leftMs) ? Math.max(1, Math.round(frame.leftMs)) : 0);
      writer.raw(frame.part);
      break;
    case "ack":
      writer.varint(frame.chunks);
      break;
    case "accepted":
      writer.text(frame.control);
      break;
    case "chunk":
      writer.varint(frame.index);
      writer.byte(frame.isLast ? 1 : 0);
      writer.raw(frame.bytes);
      break;
    case "fault":
      writer.text(JSON.stringify(frame.fault));
      break;
    default:
      break;
  }
  return writer.take();
}

/** Undefined for what is no frame of ours: anybody can publish to a subject. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  try {
    return frameIn(new ByteReader(bytes));
  } catch {
    return undefined;
  }
}

function frameIn(reader: ByteReader): Frame | undefined {
  switch (reader.byte()) {
    case CODE.ask:
      return { kind: "ask", leftMs: reader.varint(), part: reader.raw(reader.remaining) };
    case CODE.ack:
      return { kind: "ack", chunks: reader.varint() };
    case CODE.cancel:
      return { kind: "cancel" };
    case CODE.accepted:
      return { kind: "accepted", control: reader.text() };
    case CODE.busy:
      return { kind: "busy" };
    case CODE.alive:
      return { kind: "alive" };
    case CODE.chunk:
      return { kind: "chunk", index: reader.varint(), isLast: reader.byte() === 1, bytes: reader.raw(reader.remaining) };
    case CODE.fault:
      return { kind: "fault", fault: JSON.parse(reader.text()) as FaultRecord };
    default:
      return undefined;
  }
}
