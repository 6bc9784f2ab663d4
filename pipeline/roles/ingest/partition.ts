/**
 * The partition of a service: its profiles meet in the same segments. Equal on every machine and in every version, since profiles
 * of one series must not move while they wait in the queue.
 *
 * Source: FNV-1a over UTF-16 units, finished with the mixer of murmur3, as FNV alone leaves the low bits of similar names alike.
 */
export function partitionOf(tenant: string, service: string, partitions: number): number {
  let hash = fnv1a(0x811c9dc5, tenant);
  hash = fnv1a(Math.imul(hash ^ 0xff, 0x01000193), service);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return (hash >>> 0) % partitions;
}

function fnv1a(seed: number, text: string): number {
  let hash = seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}
