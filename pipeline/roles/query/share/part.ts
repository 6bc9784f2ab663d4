import { crc32 } from "node:zlib";
import { CodedError, FaultKind } from "../../../base/errors.ts";
import { ByteReader } from "../../../block/column/byte-reader.ts";
import { ByteWriter } from "../../../block/column/byte-writer.ts";
import type { CatalogState, LiveObject, Tombstone } from "../../../catalog/catalog.ts";
import { touches } from "../../../catalog/tombstones.ts";
import { applyUpdate, encodeUpdate } from "../catalog-replica.ts";
import type { PlannedDataset } from "../plan.ts";
import type { EngineCall } from "./engine-call.ts";

/**
 * A part of a call: the call itself, and a catalog that knows the datasets of the part and nothing else. So a peer answers it as it would any
 * question, whatever version of the catalog it has seen itself.
 */
export type Part = {
  readonly call: EngineCall;
  readonly state: CatalogState;
  /** No row is in two of its datasets: the asker has looked. */
  readonly isDistinct: boolean;
  /** Bytes it may read, at most; 0 is no bound. */
  readonly bytesMax: number;
};

/** Queriers of different releases work side by side for minutes: they do not share work. */
const PROTOCOL_VERSION = 1;

/** The catalog cut down to some datasets. */
export function stateOf(datasets: readonly PlannedDataset[], tombstones: readonly Tombstone[]): CatalogState {
  const objects = new Map<string, LiveObject>();
  for (const { object, entry } of datasets) {
    const known = objects.get(object.key);
    objects.set(object.key, { ...object, datasets: known === undefined ? [entry] : [...known.datasets, entry] });
  }
  const relevant = tombstones.filter((one) => datasets.some(({ object, entry }) => touches(one, object, entry)));
  return { version: 1, objects, tombstones: relevant, consumedSequence: () => 0 };
}

export function encodePart({ call, state, isDistinct, bytesMax }: Part): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(PROTOCOL_VERSION);
  writer.byte(isDistinct ? 1 : 0);
  // What is left may be nothing, which is not the same as no bound.
  writer.varint(Number.isFinite(bytesMax) ? Math.max(1, bytesMax) : 0);
  writer.text(JSON.stringify(call));
  writer.raw(encodeUpdate(undefined, state).bytes);
  return writer.take();
}

/** Errors: `query_part_unknown` (unavailable: the asker answers it itself), `catalog_entry_corrupt`. */
export function decodePart(bytes: Uint8Array): Part {
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version !== PROTOCOL_VERSION) {
    throw new CodedError(
      "query_part_unknown",
      FaultKind.Unavailable,
      `a part of a query in version ${version} of the protocol between queriers, this one speaks ${PROTOCOL_VERSION}: run one release everywhere`,
    );
  }
  const isDistinct = reader.byte() === 1;
  const bytesMax = reader.varint();
  const call = JSON.parse(reader.text()) as EngineCall;
  const state = applyUpdate(undefined, { from: 0, to: 1, bytes: reader.raw(reader.remaining) });
  if (state === undefined) throw reader.corrupt("a part without a catalog");
  return { call, state, isDistinct, bytesMax };
}

/** What a peer says: an answer as {@link encodeAnswer} wrote it, and the bytes that were read for it. */
export type PartAnswer = { readonly bytesRead: number; readonly answer: Uint8Array };

export function encodePartAnswer({ bytesRead, answer }: PartAnswer): Uint8Array {
  const writer = new ByteWriter(answer.length + 16);
  writer.uint32(crc32(answer));
  writer.varint(bytesRead);
  writer.raw(answer);
  return writer.take();
}

/** Undefined when the bytes are not those that the peer sent. */
export function decodePartAnswer(bytes: Uint8Array): PartAnswer | undefined {
  if (bytes.length < 5) return undefined;
  const reader = new ByteReader(bytes);
  const checksum = reader.uint32();
  const bytesRead = reader.varint();
  const answer = reader.raw(reader.remaining);
  return crc32(answer) === checksum ? { bytesRead, answer } : undefined;
}
