/*
 * How pprof writes values: scaled to the unit people use, two decimals at most, percentages with two digits at least.
 */

type Unit = { readonly shown: string; readonly aliases: readonly string[]; readonly factor: number };
type Dimension = { readonly units: readonly Unit[]; readonly base: Unit };

const KIB = 1024;
const bytes: readonly Unit[] = ["B", "kB", "MB", "GB", "TB", "PB"].map((shown, i) => ({
  shown,
  aliases:
    i === 0
      ? ["b", "byte"]
      : [shown.toLowerCase(), `${shown[0]?.toLowerCase()}byte`, `${["kilo", "mega", "giga", "tera", "peta"][i - 1]}byte`],
  factor: KIB ** i,
}));
const seconds: Unit = { shown: "s", aliases: ["s", "sec", "second"], factor: 1e9 };
const times: readonly Unit[] = [
  { shown: "ns", aliases: ["ns", "nanosecond"], factor: 1 },
  { shown: "us", aliases: ["μs", "us", "microsecond"], factor: 1e3 },
  { shown: "ms", aliases: ["ms", "millisecond"], factor: 1e6 },
  seconds,
  { shown: "hrs", aliases: ["hour", "hr"], factor: 3.6e12 },
];
const DIMENSIONS: readonly Dimension[] = [
  { units: bytes, base: bytes[0] as Unit },
  { units: times, base: seconds },
];

/** A value in the base unit of its dimension: seconds of a time, bytes of a size, else as it is. */
export function valueLabel(value: number, unit: string): string {
  for (const { units, base } of DIMENSIONS) {
    const from = findUnit(units, unit);
    if (from !== undefined) return withUnit((value * from.factor) / base.factor, base.shown);
  }
  return withUnit(value, "");
}

/** Of a total, without spaces: `100%`, `24.81%`, `0.15%`. */
export function percentage(value: number, total: number): string {
  const ratio = total === 0 ? 0 : Math.abs(value / total) * 100;
  if (ratio >= 99.95 && ratio <= 100.05) return "100%";
  return ratio >= 1 ? `${twoDecimals(ratio)}%` : `${twoDigits(ratio)}%`;
}

function findUnit(units: readonly Unit[], name: string): Unit | undefined {
  const lower = name.toLowerCase();
  const singular = lower.length > 2 && lower.endsWith("s") ? lower.slice(0, -1) : lower;
  return units.find((unit) => unit.aliases.includes(singular));
}

function withUnit(value: number, unit: string): string {
  const text = twoDecimals(value).replace(/\.00$/, "");
  return text === "0" || text === "-0" ? "0" : text + unit;
}

/** Ties go to the even digit, as in C and Go; JavaScript rounds them up. Only eighths can be ties. */
function twoDecimals(value: number): string {
  const eighths = value * 8;
  if (Number.isInteger(eighths) && Math.abs(eighths % 2) === 1) {
    const hundredths = Math.floor(Math.abs(value) * 100);
    const even = hundredths % 2 === 0 ? hundredths : hundredths + 1;
    return `${value < 0 ? "-" : ""}${Math.floor(even / 100)}.${String(even % 100).padStart(2, "0")}`;
  }
  return value.toFixed(2);
}

/** Two significant digits without trailing zeros, as C's %.2g. */
function twoDigits(value: number): string {
  if (value === 0) return "0";
  const exponent = Number(value.toExponential(1).split("e")[1]);
  if (exponent >= -4) return String(Number(value.toPrecision(2)));
  const [mantissa = "", power = ""] = value.toExponential(1).split("e");
  return `${mantissa.replace(/\.0$/, "")}e-${power.slice(1).padStart(2, "0")}`;
}
