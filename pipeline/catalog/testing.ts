import type { UnixMs } from "../base/units.ts";
import type { CatalogChange, LiveObject, Tombstone } from "./catalog.ts";

/* Values for tests of everything that stands on the catalog. */

export const NO_CHANGE: CatalogChange = { added: [], retired: [], consumed: [], tombstonesAdded: [], tombstonesDropped: [] };

export function change(parts: Partial<CatalogChange>): CatalogChange {
  return { ...NO_CHANGE, ...parts };
}

export type ObjectParts = Partial<Omit<LiveObject, "datasets">> & {
  readonly tenant?: string;
  readonly services?: readonly string[];
  readonly minTimeNs?: bigint;
  readonly maxTimeNs?: bigint;
};

/** An object of small datasets, one per service. */
export function liveObject(key: string, parts: ObjectParts = {}): LiveObject {
  const { tenant = "anonymous", services = ["shop"], minTimeNs = 1_000n, maxTimeNs = 2_000n, ...rest } = parts;
  const kind = {
    name: "process_cpu",
    periodType: { type: "cpu", unit: "nanoseconds" },
    sampleTypes: [{ type: "cpu", unit: "nanoseconds" }],
  };
  const datasets = services.map((service) => ({
    tenant,
    service,
    minTimeNs,
    maxTimeNs,
    seriesCount: 1,
    kinds: [{ kind, profileRows: 1, sampleRows: 2, totals: [100] }],
    sections: [{ kind: 1 as const, kindIndex: 0, offset: 0, sizeBytes: 10, rawBytes: 20, crc32: 0xdeadbeef }],
  }));
  return { sizeBytes: 1000, level: 0, createdMs: 1_700_000_000_000 as UnixMs, ...rest, key, datasets };
}

export function tombstone(id: string, parts: Partial<Tombstone> = {}): Tombstone {
  return {
    id,
    tenant: "anonymous",
    service: undefined,
    minTimeNs: 0n,
    maxTimeNs: 10_000n,
    createdMs: 1_700_000_000_000 as UnixMs,
    ...parts,
  };
}
