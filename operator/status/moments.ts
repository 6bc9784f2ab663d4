import type { UnixMs } from "../../pipeline/base/units.ts";

/** A moment as the API writes it. */
export function isoSeconds(atMs: UnixMs): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Since when a condition is what it is; undefined where it is so only now. */
export function sinceOf(
  known: { readonly status: string; readonly lastTransitionTime: string } | undefined,
  status: string,
): string | undefined {
  return known?.status === status ? known.lastTransitionTime : undefined;
}
