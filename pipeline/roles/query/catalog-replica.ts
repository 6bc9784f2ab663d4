import type { UnixMs } from "../../base/units.ts";
import type { CatalogChange, CatalogState } from "../../catalog/catalog.ts";
import { COMMIT_ID_SIZE, decodeLogEntry, encodeLogEntry } from "../../catalog/codec.ts";
import { applyChange, EMPTY_STATE, type FoldedState, makeState } from "../../catalog/state.ts";

/*
 * Query threads answer from a copy of the catalog's state. It travels as what changed since the state a thread has, in the bytes of a log
 * entry: objects of the directory are many and small, and structured clone is slow for such.
 */

/** How to get from the state of version `from` (0: nothing) to that of version `to`. */
export type StateUpdate = { readonly from: number; readonly to: number; readonly bytes: Uint8Array };

/** Queue progress is left out: no query asks for it. */
export function encodeUpdate(from: CatalogState | undefined, to: CatalogState): StateUpdate {
  const change = changeBetween(from ?? EMPTY_STATE, to);
  const bytes = encodeLogEntry({
    version: Math.max(to.version, 1),
    commitId: new Uint8Array(COMMIT_ID_SIZE),
    createdMs: 0 as UnixMs,
    change,
  });
  return { from: from?.version ?? 0, to: to.version, bytes };
}

/** The thread's side. Undefined when the update starts from another state than the one at hand: ask for a whole one. */
export function applyUpdate(state: FoldedState | undefined, update: StateUpdate): FoldedState | undefined {
  if (update.from !== (state?.version ?? 0) && update.from !== 0) return undefined;
  const base = update.from === 0 ? EMPTY_STATE : (state ?? EMPTY_STATE);
  return makeState({ ...applyChange(base, decodeLogEntry(update.bytes, "state update").change), version: update.to });
}

function changeBetween(from: CatalogState, to: CatalogState): CatalogChange {
  const known = new Set(from.tombstones.map(({ id }) => id));
  const kept = new Set(to.tombstones.map(({ id }) => id));
  return {
    added: [...to.objects.values()].filter(({ key }) => !from.objects.has(key)),
    retired: [...from.objects.keys()].filter((key) => !to.objects.has(key)),
    consumed: [],
    tombstonesAdded: to.tombstones.filter(({ id }) => !known.has(id)),
    tombstonesDropped: from.tombstones.filter(({ id }) => !kept.has(id)).map(({ id }) => id),
  };
}
