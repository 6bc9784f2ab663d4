import type { Subject } from "./querier.ts";

/**
 * The bytes of a `SelectMergeProfileRequest`: profile_typeID = 1, label_selector = 2, start = 3, end = 4.
 * Written by hand because it is the page's only protobuf message; a whole run time for four fields is not worth its weight.
 */
export function encodeMergeProfile(subject: Subject): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  putText(bytes, 1, subject.profileTypeId);
  putText(bytes, 2, subject.selector);
  putInteger(bytes, 3, Math.floor(subject.range.startMs));
  putInteger(bytes, 4, Math.ceil(subject.range.endMs));
  return Uint8Array.from(bytes);
}

function putText(bytes: number[], field: number, text: string): void {
  const utf8 = new TextEncoder().encode(text);
  putVarint(bytes, field * 8 + 2);
  putVarint(bytes, utf8.length);
  for (const byte of utf8) bytes.push(byte);
}

function putInteger(bytes: number[], field: number, value: number): void {
  putVarint(bytes, field * 8);
  putVarint(bytes, value);
}

/** Division instead of shifts: ms since 1970 have more than 32 bits. */
function putVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}
