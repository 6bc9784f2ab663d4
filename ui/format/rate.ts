import { isSnapshot, type ProfileType } from "./profile-type.ts";
import { formatValue } from "./units.ts";

/** How the points of a timeline are scaled and spelt for one profile type. */
export interface Measure {
  /** What the axis shows, for a legend: "cores", "bytes/s", "average per profile". */
  readonly caption: string;
  /** Bytes: round values are powers of two. */
  readonly isBinary: boolean;
  /** Raw points are sums per step; this gives what is drawn. */
  scale(sum: number, stepSeconds: number): number;
  format(scaled: number): string;
}

/**
 * CPU ns per second are cores; other amounts become a rate per second; states are averages already (see `isSnapshot`)
 * and stay as they are.
 */
export function measureOf(type: ProfileType): Measure {
  const isBinary = type.sampleUnit === "bytes";
  if (isSnapshot(type)) {
    return { caption: "average per profile", isBinary, scale: (sum) => sum, format: (value) => formatValue(value, type.sampleUnit) };
  }
  if (type.sampleUnit === "nanoseconds") {
    const caption = type.sampleType === "cpu" ? "cores" : "seconds per second";
    return { caption, isBinary, scale: (sum, stepSeconds) => sum / 1e9 / stepSeconds, format: formatPlain };
  }
  const perSecond = isBinary ? "bytes/s" : `${type.sampleType.replaceAll("_", " ")}/s`;
  return {
    caption: perSecond,
    isBinary,
    scale: (sum, stepSeconds) => sum / stepSeconds,
    format: (value) => (isBinary ? `${formatValue(value, "bytes")}/s` : `${formatPlain(value)}/s`),
  };
}

/** Small numbers keep digits that differ, large ones get k, M, G. */
function formatPlain(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1000) return formatValue(value, "count");
  return Number(value.toPrecision(3)).toString();
}
