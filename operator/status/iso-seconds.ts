import type { UnixMs } from "../../pipeline/base/units.ts";

/** A moment as Kubernetes writes it. */
export function isoSeconds(atMs: UnixMs): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, "Z");
}
