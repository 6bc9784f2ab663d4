/*
 * What of an answer counts: paths with their numbers, stacks as people read them, labels. Not the order of equals, the numbering of names or symbols, or the ids
 * that a server invents. Two answers mean the same when these values are equal.
 */

export type RecordedReply = { readonly status: number; readonly body?: unknown; readonly bodyText?: string };

/** Equal for answers that mean the same. `isDiff`: the flame graph has two sides. */
export function meaningOf(reply: RecordedReply, isDiff: boolean): unknown {
  const { status, body } = reply;
  // Of a fault the code counts, not the words.
  if (status >= 400) return { status, code: (body as { code?: string } | undefined)?.code };
  if (typeof body !== "object" || body === null) return { status, body, bodyText: reply.bodyText };
  const answer = body as Answer;
  if (answer.flamegraph !== undefined) return { status, ...flamegraphMeaning(answer.flamegraph, isDiff) };
  const pprof = answer.pprof?.profile ?? (answer.stringTable === undefined ? undefined : (body as WirePprof));
  if (pprof !== undefined) return { status, ...pprofMeaning(pprof) };
  return { status, body: unordered(withoutProfileIds(body)) };
}

type Answer = { flamegraph?: WireGraph; pprof?: { profile?: WirePprof }; stringTable?: unknown };
type WireGraph = { names?: string[]; levels?: { values?: string[] }[]; total?: string };

/** Every node by its path from the root and its numbers, counted. */
function flamegraphMeaning(graph: WireGraph, isDiff: boolean): object {
  const width = isDiff ? 7 : 4;
  const nodes = new Map<string, number>();
  let above: { start: number; end: number; path: string }[] = [{ start: 0, end: Number.POSITIVE_INFINITY, path: "" }];
  for (const level of graph.levels ?? []) {
    const values = (level.values ?? []).map(Number);
    const here: typeof above = [];
    let x = 0;
    for (let i = 0; i < values.length; i += width) {
      const node = values.slice(i, i + width);
      const numbers = isDiff ? [node[1], node[2], node[4], node[5]] : [node[1], node[2]];
      const total = isDiff ? (node[1] as number) + (node[4] as number) : (node[1] as number);
      x += isDiff ? (node[0] as number) + (node[3] as number) : (node[0] as number);
      const start = x;
      const parent = above.find((one) => (one.start <= start && start < one.end) || (one.start === start && total === 0));
      const path = `${parent?.path ?? "no parent"}\n${graph.names?.[node[width - 1] as number]}`;
      const key = `${path}\n${numbers.join(",")}`;
      nodes.set(key, (nodes.get(key) ?? 0) + 1);
      x += total;
      here.push({ start, end: x, path });
    }
    above = here;
  }
  return { nodes: Object.fromEntries([...nodes].sort(byKey)), total: graph.total };
}

type WirePprof = {
  stringTable?: string[];
  sampleType?: { type?: string; unit?: string }[];
  function?: { id: string; name?: string; filename?: string; startLine?: string }[];
  mapping?: { id: string; filename?: string; buildId?: string }[];
  location?: { id: string; mappingId?: string; address?: string; line?: { functionId?: string; line?: string }[] }[];
  sample?: { locationId?: string[]; value: string[] }[];
};

/** Every stack with its symbols spelled out, and the sum of its values. */
function pprofMeaning(profile: WirePprof): object {
  const text = (index: string | undefined): string => profile.stringTable?.[Number(index ?? 0)] ?? "";
  const functions = new Map(profile.function?.map((one) => [one.id, [text(one.name), text(one.filename), one.startLine ?? "0"]]));
  const mappings = new Map(profile.mapping?.map((one) => [one.id, [text(one.filename), text(one.buildId)]]));
  const locations = new Map(
    profile.location?.map((one) => [
      one.id,
      JSON.stringify([
        mappings.get(one.mappingId ?? "0"),
        one.address,
        one.line?.map((line) => [functions.get(line.functionId ?? "0"), line.line]),
      ]),
    ]),
  );
  const stacks = new Map<string, number>();
  for (const { locationId = [], value } of profile.sample ?? []) {
    const key = locationId.map((id) => locations.get(id)).join("\n");
    stacks.set(key, (stacks.get(key) ?? 0) + Number(value[0]));
  }
  return { stacks: Object.fromEntries([...stacks].sort(byKey)), types: profile.sampleType?.map((one) => [text(one.type), text(one.unit)]) };
}

/** Lists as sets: in the order of their JSON. */
function unordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unordered).sort((a, b) => byKey([JSON.stringify(a)], [JSON.stringify(b)]));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, member]) => [key, unordered(member)] as const)
      .sort(byKey),
  );
}

function withoutProfileIds(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, member) => (key === "profileId" ? undefined : member)));
}

function byKey([a]: readonly [string, ...unknown[]], [b]: readonly [string, ...unknown[]]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
