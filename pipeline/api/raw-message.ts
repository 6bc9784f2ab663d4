import { create, type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { CodedError, FaultKind } from "../base/errors.ts";

/**
 * Wraps the protobuf bytes of a complete message so that writing it as protobuf gives exactly these bytes again, without
 * decoding them: the message has no known field, and the bytes are its unknown ones, which protobuf-es writes verbatim.
 *
 * For answers over Connect proto and gRPC. For JSON use {@link decodedMessage}, since JSON does not show unknown fields.
 */
export function rawMessage<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  const message = create(schema);
  if (bytes.length === 0) return message;
  // An unknown field is written as its tag followed by `data`: everything after the first tag rides on the first field.
  const { tag, size } = readTag(bytes);
  message.$unknown = [{ no: tag >>> 3, wireType: tag & 7, data: bytes.subarray(size) }];
  return message;
}

/** Decodes the bytes of a complete message, for answers in JSON. */
export function decodedMessage<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  return fromBinary(schema, bytes);
}

function readTag(bytes: Uint8Array): { readonly tag: number; readonly size: number } {
  let tag = 0;
  // A tag is a 32-bit varint: at most five bytes.
  for (let i = 0; i < 5 && i < bytes.length; i++) {
    const byte = bytes[i] as number;
    tag = (tag | ((byte & 0x7f) << (i * 7))) >>> 0;
    if (byte < 0x80) {
      if (tag >>> 3 === 0) break;
      return { tag, size: i + 1 };
    }
  }
  throw new CodedError("raw_message_corrupt", FaultKind.Corrupt, "raw message: does not begin with a field's tag");
}
