import { type Schema, withDefaults } from "../../manifests/schema.ts";
import type { Observed } from "../observed.ts";

/** A world with a new stack of this spec and nothing else, but for what `more` says; `schema`: of ProfilingStack. */
export function observedOf(schema: Schema, spec: object, more: Partial<Observed> = {}): Observed {
  const stack = {
    metadata: { name: "main", namespace: "profiling", uid: "u1", generation: 1 },
    // As it comes over the wire: what is undefined is not there.
    spec: JSON.parse(JSON.stringify({ storage: { s3: { bucket: "profiles" } }, ...spec })),
  };
  return {
    stack: withDefaults(schema, stack) as Observed["stack"],
    secrets: new Map(),
    owned: [],
    kinds: new Set(),
    policies: [],
    nats: { user: "u", password: "p" },
    natsServers: undefined,
    looks: {},
    inFlight: "offered",
    ...more,
  };
}
