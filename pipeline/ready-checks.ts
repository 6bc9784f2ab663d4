import type { ReadyCheck } from "./http/readiness.ts";
import { probeWrite } from "./objects/probe.ts";
import type { Parts } from "./parts.ts";
import type { RoleName } from "./roles.ts";

/** What the roles of this process cannot do without: those that write need a bucket that takes writes, those that read one that answers. */
export function readyChecks(parts: Parts, _roles: readonly RoleName[]): readonly ReadyCheck[] {
  return [{ name: "bucket", look: () => probeWrite(parts) }];
}
