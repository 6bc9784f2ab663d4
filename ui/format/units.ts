/**
 * Turns raw profile values into words people read: ns → "1.24 s", bytes → "3.4 MiB", counts → "12.3 k".
 *
 * Shape: a unit is the `sample_unit` of a profile type ("nanoseconds", "bytes", "count", anything else).
 * Units: values are raw, as the server sends them; nothing here changes a value, only its spelling.
 */
export function formatValue(value: number, unit: string): string {
  if (value < 0) return `−${formatValue(-value, unit)}`;
  switch (unit) {
    case "nanoseconds":
      return scaled(value, TIME_STEPS);
    case "microseconds":
      return scaled(value * 1e3, TIME_STEPS);
    case "milliseconds":
      return scaled(value * 1e6, TIME_STEPS);
    case "seconds":
      return scaled(value * 1e9, TIME_STEPS);
    case "bytes":
      return scaled(value, BYTE_STEPS);
    default:
      return scaled(value, COUNT_STEPS);
  }
}

/** All digits of a value with its unit: "12,345,678 ns". What a tooltip shows below the rounded figure. */
export function formatExact(value: number, unit: string): string {
  const digits = Math.abs(value).toLocaleString("en-US", { maximumFractionDigits: 0 });
  const short = EXACT_UNITS[unit] ?? unit;
  return `${value < 0 ? "−" : ""}${digits}${short === "" ? "" : ` ${short}`}`;
}

/** A share in percent with as many digits as are worth reading: "42.3 %", "0.04 %", "< 0.01 %". */
export function formatPercent(share: number): string {
  if (!Number.isFinite(share)) return "–";
  const percent = share * 100;
  if (percent === 0) return "0 %";
  if (percent > 0 && percent < 0.01) return "< 0.01 %";
  return `${percent.toFixed(Math.abs(percent) >= 99.95 ? 0 : Math.abs(percent) >= 0.995 ? 1 : 2)} %`;
}

/** A change of share in percentage points, always signed: "+1.2 pp". */
export function formatPoints(difference: number): string {
  const points = difference * 100;
  if (Math.abs(points) < 0.005) return "±0 pp";
  return `${points > 0 ? "+" : "−"}${Math.abs(points).toFixed(Math.abs(points) >= 10 ? 1 : 2)} pp`;
}

/** A duration in whole, coarse words: "15 min", "1 h 30 min", "2 d". */
export function formatDuration(durationMs: number): string {
  const parts: string[] = [];
  let rest = Math.round(durationMs / 1000);
  for (const [name, seconds] of [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ] as const) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.length === 0 ? "0 s" : parts.slice(0, 2).join(" ");
}

type Step = readonly [from: number, divisor: number, name: string];

const TIME_STEPS: readonly Step[] = [
  [86_400e9, 86_400e9, "d"],
  [3_600e9, 3_600e9, "h"],
  [60e9, 60e9, "min"],
  [1e9, 1e9, "s"],
  [1e6, 1e6, "ms"],
  [1e3, 1e3, "µs"],
  [0, 1, "ns"],
];
const BYTE_STEPS: readonly Step[] = [
  [2 ** 50, 2 ** 50, "PiB"],
  [2 ** 40, 2 ** 40, "TiB"],
  [2 ** 30, 2 ** 30, "GiB"],
  [2 ** 20, 2 ** 20, "MiB"],
  [2 ** 10, 2 ** 10, "KiB"],
  [0, 1, "B"],
];
const COUNT_STEPS: readonly Step[] = [
  [1e12, 1e12, "T"],
  [1e9, 1e9, "G"],
  [1e6, 1e6, "M"],
  [1e4, 1e3, "k"],
  [0, 1, ""],
];
const EXACT_UNITS: Readonly<Record<string, string>> = {
  nanoseconds: "ns",
  microseconds: "µs",
  milliseconds: "ms",
  seconds: "s",
  bytes: "B",
  count: "",
};

function scaled(value: number, steps: readonly Step[]): string {
  for (const [from, divisor, name] of steps) {
    if (value < from) continue;
    return `${threeDigits(value / divisor)}${name === "" ? "" : ` ${name}`}`;
  }
  return threeDigits(value);
}

/** Three significant digits, and never a trailing ".0" on whole numbers. */
function threeDigits(value: number): string {
  if (Number.isInteger(value) && value < 10_000) return String(value);
  if (value >= 999.5) return Math.round(value).toLocaleString("en-US");
  return value >= 1 ? value.toPrecision(3) : value.toFixed(2);
}
