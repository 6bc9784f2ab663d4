import { CodedError, FaultKind } from "../../../base/errors.ts";
import type { Label } from "../../../profile/labels.ts";
import type { PushSeries } from "../ingest-door.ts";

/*
 * PushRequest, read by hand: this is the path of nearly every profile, and all it needs is where the profiles begin and end.
 * Source: pipeline/api/push/v1/push.proto.
 */

const WIRE_VARINT = 0;
const WIRE_64 = 1;
const WIRE_LENGTH = 2;
const WIRE_32 = 5;

/**
 * Reads a PushRequest. The profiles are views on `bytes`, nothing is copied; annotations and unknown fields are skipped.
 *
 * Errors: `push_malformed` (invalid), with the offset of what is no protobuf message.
 */
export function readPushRequest(bytes: Buffer): readonly PushSeries[] {
  const series: PushSeries[] = [];
  eachField(bytes, 0, bytes.length, (field, start, end) => {
    if (field === 1) series.push(readSeries(bytes, start, end));
  });
  return series;
}

function readSeries(bytes: Buffer, start: number, end: number): PushSeries {
  const labels: Label[] = [];
  const samples: { raw: Uint8Array; id: string }[] = [];
  eachField(bytes, start, end, (field, from, to) => {
    if (field === 1) labels.push(readLabel(bytes, from, to));
    else if (field === 2) samples.push(readSample(bytes, from, to));
  });
  return { labels, samples };
}

function readLabel(bytes: Buffer, start: number, end: number): Label {
  let name = "";
  let value = "";
  eachField(bytes, start, end, (field, from, to) => {
    if (field === 1) name = bytes.toString("utf8", from, to);
    else if (field === 2) value = bytes.toString("utf8", from, to);
  });
  return { name, value };
}

function readSample(bytes: Buffer, start: number, end: number): { raw: Uint8Array; id: string } {
  let raw: Uint8Array = new Uint8Array(0);
  let id = "";
  eachField(bytes, start, end, (field, from, to) => {
    if (field === 1) raw = bytes.subarray(from, to);
    else if (field === 2) id = bytes.toString("utf8", from, to);
  });
  return { raw, id };
}

/** Calls back for every length-delimited field; the message has no others that matter. */
function eachField(bytes: Buffer, start: number, end: number, onField: (field: number, start: number, end: number) => void): void {
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 64; shift += 7) {
      if (at >= end) throw malformed(at);
      const byte = bytes[at++] as number;
      // Beyond 2^53 the value is no length of anything here, and its exact digits do not matter.
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed(at);
  };
  while (at < end) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    if (field === 0) throw malformed(at);
    switch (tag % 8) {
      case WIRE_LENGTH: {
        const length = varint();
        if (length > end - at) throw malformed(at);
        const from = at;
        at += length;
        onField(field, from, at);
        break;
      }
      case WIRE_VARINT:
        varint();
        break;
      case WIRE_64:
        at += 8;
        break;
      case WIRE_32:
        at += 4;
        break;
      default:
        throw malformed(at);
    }
    if (at > end) throw malformed(at);
  }
}

function malformed(offset: number): CodedError {
  return new CodedError("push_malformed", FaultKind.Invalid, `the body is no PushRequest: byte ${offset} does not fit the message`, {
    facts: { offset_bytes: offset },
  });
}
