import assert from "node:assert/strict";
import type { Clock } from "../../pipeline/base/clock.ts";
import { type Bytes, HOUR_MS, type TenantId, type UnixMs } from "../../pipeline/base/units.ts";
import type { CatalogState } from "../../pipeline/catalog/catalog.ts";
import type { ObjectStore } from "../../pipeline/objects/object-store.ts";
import { profileTypeId } from "../../pipeline/profile/profile-type.ts";
import { CPU_KIND } from "../../pipeline/profile/testing/test-queued-profile.ts";
import { BlockEngine } from "../../pipeline/roles/query/engine.ts";
import { EVERY_STACK } from "../../pipeline/roles/query/engine-interface.ts";
import { SectionCache } from "../../pipeline/roles/query/section-cache.ts";
import { SERVICES, START_MS } from "./scenario.ts";

export type Asking = { readonly state: CatalogState; readonly store: ObjectStore; readonly clock: Clock; readonly tenant: string };

/** All profiles of a tenant as the real planner and engine find them: ids with their values. Each is answered once. */
export async function askForRows({ state, store, clock, tenant }: Asking): Promise<ReadonlyMap<string, number>> {
  const engine = new BlockEngine({
    state,
    readRange: (key, offset, size) => store.getRange(key, offset, size),
    cache: new SectionCache(1 as Bytes),
    clock,
    limits: { datasetsMax: 0, bytesMax: 0, durationMsMax: 0 },
  });
  const rows = await engine.rows(
    {
      tenants: [tenant as TenantId],
      matchers: [],
      startMs: (START_MS - HOUR_MS) as UnixMs,
      endMs: (START_MS + 24 * HOUR_MS) as UnixMs,
      profileTypeId: profileTypeId(CPU_KIND, 0),
    },
    EVERY_STACK,
  );
  const services = new Set(rows.series.map((labels) => labels.find(({ name }) => name === "service_name")!.value));
  for (const service of services) assert.ok((SERVICES as readonly string[]).includes(service));
  const answered = new Map<string, number>();
  for (let i = 0; i < rows.count; i++) answered.set(Buffer.from(rows.ids.subarray(i * 16, i * 16 + 16)).toString("hex"), rows.value[i]!);
  assert.equal(answered.size, rows.count, "no profile is answered twice");
  return answered;
}
