const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Whole seconds of a duration that the API server has accepted. */
export function durationSeconds(duration: string): number {
  let seconds = 0;
  for (const [, count, , unit] of duration.matchAll(/(\d+(\.\d+)?)(ms|s|m|h|d|w)/g))
    seconds += Number(count) * (SECONDS[unit as string] ?? 0);
  return Math.round(seconds);
}
