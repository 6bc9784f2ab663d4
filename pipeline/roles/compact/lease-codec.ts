/** Who works on which objects. `beat` grows with each renewal. */
export type Lease = { readonly id: string; readonly beat: number; readonly inputs: readonly string[] };

export function encodeLeases(leases: readonly Lease[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ leases }));
}

/** What cannot be read (damage, another release) holds nobody back: at worst work is done twice. */
export function decodeLeases(bytes: Uint8Array): readonly Lease[] {
  if (bytes.byteLength === 0) return [];
  try {
    const { leases } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly leases?: unknown };
    return Array.isArray(leases) ? leases.filter(isLease) : [];
  } catch {
    return [];
  }
}

function isLease(value: unknown): value is Lease {
  const { id, beat, inputs } = (value ?? {}) as Partial<Record<keyof Lease, unknown>>;
  return typeof id === "string" && Number.isSafeInteger(beat) && Array.isArray(inputs) && inputs.every((key) => typeof key === "string");
}
