import { randomFillSync } from "node:crypto";

/** Randomness arrives as an argument, so that a simulation repeats from its seed. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Fills the array and returns it. */
  fill(bytes: Uint8Array): Uint8Array;
}

/** Ids take a few bytes at a time, and asking for few costs as much as asking for many. */
const pool = new Uint8Array(4096);
let poolUsed = pool.length;

export const systemRandom: Random = {
  next: () => Math.random(),
  fill: (bytes) => {
    if (bytes.length > pool.length / 16) return randomFillSync(bytes);
    if (poolUsed + bytes.length > pool.length) {
      randomFillSync(pool);
      poolUsed = 0;
    }
    bytes.set(pool.subarray(poolUsed, (poolUsed += bytes.length)));
    return bytes;
  },
};

/** Deterministic: mulberry32. Not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const nextUint32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  return {
    next: () => nextUint32() / 4294967296,
    fill: (bytes) => {
      for (let i = 0; i < bytes.length; i++) bytes[i] = nextUint32() & 0xff;
      return bytes;
    },
  };
}
