/**
 * A bucket: the only durable truth. Keys are `/`-separated, built by `paths.ts` alone.
 *
 * Objects are never overwritten: the one way to write is {@link ObjectStore.create}.
 * Errors (CodedError): `object_exists` (conflict), `object_not_found` (not_found), `object_store_full` (unavailable),
 * `object_store_unavailable` (unavailable), `object_key_invalid` (invalid).
 */
export interface ObjectStore {
  /** Where this is, for messages to people. */
  readonly description: string;
  /** Creates the object durably, whole or not at all. Fails with `object_exists` if the key is taken: exactly one of many creators wins. */
  create(key: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** The whole object. */
  get(key: string, signal?: AbortSignal): Promise<Uint8Array>;
  /** Bytes [offset, offset + size); shorter when the object ends before. The result owns its memory (its buffer may be transferred). */
  getRange(key: string, offset: number, size: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** Keys that start with the prefix, in ascending bytewise order, those after `startAfter` when given, with sizes in bytes. */
  list(prefix: string, options?: { readonly startAfter?: string; readonly signal?: AbortSignal }): AsyncIterable<ObjectInfo>;
  /** Deleting an absent object is no error. */
  delete(key: string, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export type ObjectInfo = { readonly key: string; readonly sizeBytes: number };
