/**
 * Whose partition is whose, from nothing but the names of the workers: everyone who knows the same names comes to the same result, and
 * nobody has to ask. Each gets its share, rounded up, and most partitions stay where they are when a worker comes or goes.
 *
 * Source: rendezvous hashing (each partition to the worker with the highest hash of the pair), bounded as in "consistent hashing with bounded loads".
 */
export function assignPartitions(workers: readonly string[], partitions: number): ReadonlyMap<string, readonly number[]> {
  const shareMax = Math.ceil(partitions / Math.max(1, workers.length));
  const owned = new Map<string, number[]>([...workers].sort().map((worker) => [worker, []]));
  for (let partition = 0; partition < partitions; partition++) {
    let best: { readonly list: number[]; readonly weight: number } | undefined;
    for (const [worker, list] of owned) {
      if (list.length >= shareMax) continue;
      const weight = weightOf(worker, partition);
      if (best === undefined || weight > best.weight) best = { list, weight };
    }
    best?.list.push(partition);
  }
  return owned;
}

/** FNV-1a, finished with the mixer of murmur3. */
function weightOf(worker: string, partition: number): number {
  let hash = 0x811c9dc5 ^ Math.imul(partition + 1, 0x9e3779b1);
  for (let at = 0; at < worker.length; at++) hash = Math.imul(hash ^ worker.charCodeAt(at), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
