import type { Clock } from "./base/clock.ts";
import type { Running } from "./base/lifecycle.ts";
import type { Log } from "./base/log.ts";
import type { Ingest } from "./roles/ingest/ingest-door.ts";

export type SelfProfileDeps = { readonly ingest: Ingest; readonly clock: Clock; readonly log: Log; readonly intervalMs: number };

export function startSelfProfile(_deps: SelfProfileDeps): Running {
  return { stop: async () => {} };
}
