import type { AnyKey, KeyTree } from "./key.ts";

/** A key with its place: `limits.body_max` in the file, `BRAZIER_LIMITS_BODY_MAX` in the environment. */
export type PlacedKey = { readonly path: readonly string[]; readonly name: string; readonly variable: string; readonly key: AnyKey };

export const VARIABLE_PREFIX = "BRAZIER_";

/** All keys of a tree, in its order. */
export function placedKeys(tree: KeyTree, at: readonly string[] = []): readonly PlacedKey[] {
  return Object.entries(tree).flatMap(([name, entry]) => {
    const path = [...at, name];
    if (!isKey(entry)) return placedKeys(entry, path);
    return [{ path, name: path.join("."), variable: VARIABLE_PREFIX + path.join("_").toUpperCase(), key: entry }];
  });
}

export function isKey(entry: AnyKey | KeyTree): entry is AnyKey {
  return entry.kind === "key";
}

/** The known name nearest to a mistyped one, or undefined when none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  // Two letters swapped count as two; beyond a third of the letters it is another word.
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  // Right name, wrong place: `port` for `http.port`.
  return best ?? known.find((candidate) => candidate.endsWith(`.${name}`));
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const swap = (row[j - 1] as number) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[right.length] as number;
}
