import type { Profile } from "../api/gen/google/v1/profile_pb.ts";
import { CodedError, FaultKind } from "../base/errors.ts";
import { parseDurationMs } from "../config/key.ts";
import { type ClientOptions, createClients } from "./client.ts";

export type TopOptions = ClientOptions & {
  readonly type?: string;
  readonly since: string;
  readonly selector?: string;
  readonly limit: string;
  readonly cum?: boolean;
  readonly json?: boolean;
  /** How the user starts this program, for advice. */
  readonly calledAs?: string;
};

type Range = { readonly start: bigint; readonly end: bigint };
export type TopRow = { readonly name: string; readonly flat: number; readonly cum: number };

/** Prints the services, or the functions of one. Errors: `flag_invalid`, `service_unknown`, those of the server. */
export async function top(service: string | undefined, options: TopOptions): Promise<void> {
  const sinceMs = parseDurationMs(options.since);
  if (sinceMs === undefined)
    throw new CodedError("flag_invalid", FaultKind.Invalid, `--since takes a duration such as 15m or 1h, not '${options.since}'`);
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1)
    throw new CodedError("flag_invalid", FaultKind.Invalid, `--limit takes a number from 1, not '${options.limit}'`);
  const nowMs = Date.now();
  const range = { start: BigInt(nowMs - sinceMs), end: BigInt(nowMs + 1) };
  if (service === undefined) await showServices(options, range);
  else await showFunctions(service, options, range, limit);
}

async function typesByService(options: TopOptions, range: Range): Promise<ReadonlyMap<string, readonly string[]>> {
  const { querier } = createClients(options);
  const { labelsSet } = await querier.series({ ...range, matchers: [], labelNames: ["service_name", "__profile_type__"] });
  const types = new Map<string, string[]>();
  for (const { labels } of labelsSet) {
    const of = (name: string): string => labels.find((label) => label.name === name)?.value ?? "";
    const known = types.get(of("service_name")) ?? [];
    types.set(of("service_name"), [...known, of("__profile_type__")].sort());
  }
  return types;
}

async function showServices(options: TopOptions, range: Range): Promise<void> {
  const types = await typesByService(options, range);
  if (options.json === true) return void process.stdout.write(`${JSON.stringify(Object.fromEntries(types), null, 2)}\n`);
  if (types.size === 0)
    return void process.stdout.write(`no profiles in the last ${options.since}: send some with \`npx brazier push FILE\`\n`);
  for (const [service, ids] of [...types].sort()) process.stdout.write(`${service}\n${ids.map((id) => `  ${id}\n`).join("")}`);
  process.stdout.write(`\n${options.calledAs ?? "npx brazier"} top SERVICE shows the hottest functions of one\n`);
}

async function showFunctions(service: string, options: TopOptions, range: Range, limit: number): Promise<void> {
  const type = options.type ?? preferredType(await typesByService(options, range), service, options.since);
  const own = `service_name=${JSON.stringify(service)}`;
  const more = (options.selector ?? "").trim().replace(/^\{/, "").replace(/\}$/, "").trim();
  const labelSelector = `{${own}${more === "" ? "" : `,${more}`}}`;
  const profile = await createClients(options).querier.selectMergeProfile({ ...range, profileTypeID: type, labelSelector });
  const { total, rows } = functionRows(profile);
  const key = options.cum === true ? "cum" : "flat";
  const sorted = rows.toSorted((a, b) => b[key] - a[key] || (a.name < b.name ? -1 : 1)).slice(0, limit);
  if (options.json === true) return void process.stdout.write(`${JSON.stringify({ type, total, functions: sorted }, null, 2)}\n`);
  const unit = type.split(":")[2] ?? "";
  process.stdout.write(`${type}, last ${options.since}: ${inUnit(total, unit)} in all, ${sorted.length} of ${rows.length} functions\n\n`);
  process.stdout.write(`${"flat".padStart(10)} ${"%".padStart(6)} ${"cum".padStart(10)} ${"%".padStart(6)}  function\n`);
  for (const { name, flat, cum } of sorted) {
    const cells = [inUnit(flat, unit).padStart(10), percent(flat, total), inUnit(cum, unit).padStart(10), percent(cum, total)];
    process.stdout.write(`${cells.join(" ")}  ${name}\n`);
  }
}

/** CPU if there is any: it is what people mean by hot. */
function preferredType(services: ReadonlyMap<string, readonly string[]>, service: string, since: string): string {
  const types = services.get(service);
  if (types === undefined) {
    const known = [...services.keys()].sort().join(", ");
    throw new CodedError(
      "service_unknown",
      FaultKind.NotFound,
      `service ${service} sent nothing in the last ${since}; there is: ${known === "" ? "nothing" : known}`,
    );
  }
  const preferred = [/^process_cpu:cpu:/, /:cpu:nanoseconds:/, /^wall:wall:/, /inuse_space/];
  return preferred.map((pattern) => types.find((type) => pattern.test(type))).find((type) => type !== undefined) ?? (types[0] as string);
}

/**
 * Flat and cumulative value per function name of the first sample type. A function that occurs several times in a stacktrace counts once
 * in its cumulative value.
 */
export function functionRows(profile: Profile): { readonly total: number; readonly rows: readonly TopRow[] } {
  const text = (index: bigint): string => profile.stringTable[Number(index)] ?? "";
  const names = new Map(profile.function.map((fn) => [fn.id, text(fn.name)]));
  const mappings = new Map(profile.mapping.map((mapping) => [mapping.id, text(mapping.filename)]));
  const frames = new Map(
    profile.location.map((location) => {
      const lines = location.line.map((line) => names.get(line.functionId) ?? "");
      const binary = (mappings.get(location.mappingId) ?? "").split("/").at(-1);
      return [location.id, lines.length > 0 ? lines : [`${binary}!0x${location.address.toString(16)}`]];
    }),
  );
  const flat = new Map<string, number>();
  const cum = new Map<string, number>();
  let total = 0;
  for (const sample of profile.sample) {
    const value = Number(sample.value[0] ?? 0n);
    total += value;
    const stack = sample.locationId.flatMap((id) => frames.get(id) ?? []);
    if (stack[0] !== undefined) flat.set(stack[0], (flat.get(stack[0]) ?? 0) + value);
    for (const name of new Set(stack)) cum.set(name, (cum.get(name) ?? 0) + value);
  }
  return { total, rows: [...cum].map(([name, value]) => ({ name, flat: flat.get(name) ?? 0, cum: value })) };
}

function percent(value: number, total: number): string {
  return `${total === 0 ? "0.0" : ((100 * value) / total).toFixed(1)}%`.padStart(6);
}

function inUnit(value: number, unit: string): string {
  const scales: Readonly<Record<string, readonly (readonly [number, string])[]>> = {
    nanoseconds: [
      [1e9, "s"],
      [1e6, "ms"],
      [1e3, "µs"],
    ],
    bytes: [
      [1024 ** 3, "GiB"],
      [1024 ** 2, "MiB"],
      [1024, "KiB"],
    ],
  };
  for (const [scale, symbol] of scales[unit] ?? []) if (value >= scale) return `${(value / scale).toFixed(2)}${symbol}`;
  return String(value);
}
