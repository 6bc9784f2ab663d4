import type { MergedStacks } from "../merged-stacks.ts";
import { baseName, type CallGraph, callGraph, frameComponents, type GraphEdge, type GraphNode, sortEdges } from "./call-graph.ts";
import { percentage, valueLabel } from "./measurement.ts";
import { profileTypeParts } from "./pprof.ts";

export type DotOptions = { readonly profileTypeId: string; readonly endMs: number; readonly nodesMax: number };

/** The call graph in Graphviz' language, as `go tool pprof -dot` writes it; "" when nothing was selected. */
export function dotText(stacks: MergedStacks, options: DotOptions): string {
  if (stacks.values.length === 0) return "";
  const { type, unit } = profileTypeParts(options.profileTypeId);
  const graph = callGraph(stacks, options.nodesMax);
  const show = (value: number): string => valueLabel(value, unit);
  const binary = firstMapping(stacks);
  const title = baseName(binary.file);
  const ids = new Map(graph.nodes.map((node, i) => [node, i + 1]));
  const flatMax = graph.nodes.reduce((max, node) => Math.max(max, node.flat), 0);
  return [
    `digraph "${title === "" ? "unnamed" : title}" {`,
    'node [style=filled fillcolor="#f8f8f8"]',
    legend(title, legendLines(graph, { ...binary, type, endMs: options.endMs, show })),
    ...graph.nodes.map((node) => nodeLine(node, { id: ids.get(node) as number, flatMax, total: graph.total, show })),
    ...sortEdges(graph.nodes.flatMap((node) => [...node.out.values()])).map((edge) =>
      edgeLine(edge, { from: ids.get(edge.from) as number, to: ids.get(edge.to) as number, total: graph.total, show }),
    ),
    "}\n",
  ].join("\n");
}

type Show = (value: number) => string;

function firstMapping({ mappings, strings }: MergedStacks): { readonly file: string; readonly buildId: string } {
  const text = (index: number | undefined): string => {
    if (index === undefined || index === 0) return "";
    return Buffer.from(strings.bytes.subarray(strings.ends[index - 1], strings.ends[index])).toString("utf8");
  };
  return { file: text(mappings.fileName[0]), buildId: text(mappings.buildId[0]) };
}

function legendLines(graph: CallGraph, about: { file: string; buildId: string; type: string; endMs: number; show: Show }): string[] {
  const shown = graph.nodes.reduce((sum, node) => sum + node.flat, 0);
  const lines: string[] = [];
  if (about.file !== "") lines.push(`File: ${baseName(about.file)}`);
  if (about.buildId !== "") lines.push(`Build ID: ${about.buildId}`);
  if (about.type !== "") lines.push(`Type: ${about.type}`);
  lines.push(`Time: ${timeText(about.endMs)}`);
  lines.push(`Showing nodes accounting for ${about.show(shown)}, ${percentage(shown, graph.total)} of ${about.show(graph.total)} total`);
  if (graph.total !== 0 && graph.nodes.length > 0 && graph.nodes.length < graph.nodesBefore) {
    lines.push(`Showing top ${graph.nodes.length} nodes out of ${graph.nodesBefore}`);
  }
  lines.push("\nSee https://git.io/JfYMW for how to read the graph");
  return lines;
}

function legend(title: string, lines: readonly string[]): string {
  const tooltip = title === "" ? "" : ` tooltip="${title}"`;
  return `subgraph cluster_L { "${escapeDot(lines[0] ?? "")}" [shape=box fontsize=16 label="${lines.map(escapeDot).join("\\l")}\\l"${tooltip}] }`;
}

function nodeLine(node: GraphNode, at: { id: number; flatMax: number; total: number; show: Show }): string {
  const { flat, cumulative } = node;
  const flatText = at.show(flat);
  let label = multilineLabel(node) + (flat === 0 ? "0" : `${flatText} (${percentage(flat, at.total)})`);
  let cumulativeText = flatText;
  if (cumulative !== flat) {
    cumulativeText = at.show(cumulative);
    label += `${flat === 0 ? " " : "\\n"}of ${cumulativeText} (${percentage(cumulative, at.total)})`;
  }
  // From 8 to 24 points, growing with the root so that differences among large nodes show.
  const fontSize = 8 + (flat === 0 || at.flatMax === 0 ? 0 : Math.ceil(16 * Math.sqrt(flat / at.flatMax)));
  const share = cumulative / at.total;
  return `N${at.id} [label="${label}" id="node${at.id}" fontsize=${fontSize} shape=box tooltip="${escapeDot(node.label)} (${cumulativeText})" color="${color(share, LINE)}" fillcolor="${color(share, FILL)}"]`;
}

function edgeLine(edge: GraphEdge, at: { from: number; to: number; total: number; show: Show }): string {
  const weightText = at.show(edge.weight);
  let attributes = `label=" ${weightText}${edge.inline ? "\\n (inline)" : ""}"`;
  if (at.total !== 0) {
    const weight = 1 + Math.min(100, share(edge.weight, 100, at.total));
    if (weight > 1) attributes += ` weight=${weight}`;
    const width = 1 + Math.min(5, share(edge.weight, 5, at.total));
    if (width > 1) attributes += ` penwidth=${width}`;
    attributes += ` color="${color(edge.weight / at.total, LINE)}"`;
  }
  const tooltip = `"${escapeDot(edge.from.label)} ${edge.residual ? "..." : "->"} ${escapeDot(edge.to.label)} (${weightText})"`;
  attributes += ` tooltip=${tooltip} labeltooltip=${tooltip}`;
  if (edge.residual) attributes += ' style="dotted"';
  return `N${at.from} -> N${at.to} [${attributes}]`;
}

/** floor(value * parts / total) of whole numbers, exact. */
function share(value: number, parts: number, total: number): number {
  return Number((BigInt(value) * BigInt(parts)) / BigInt(total));
}

type Palette = { readonly saturation: number; readonly value: number };
const LINE: Palette = { saturation: 1, value: 0.7 };
const FILL: Palette = { saturation: 0.1, value: 0.93 };

/** Grey for a share near 0, red for 1. Below a fifth it pales, or small nodes would be yellow. */
function color(share: number, { saturation, value }: Palette): string {
  const score = Math.max(-1, Math.min(1, share));
  const strength = saturation * Math.min(1, Math.abs(score) / 0.2);
  const shifted = score > 0 ? score ** (1 - 0.7) : 0;
  const channels = [value, value * (1 - strength * shifted), value * (1 - strength)];
  return `#${channels
    .map((channel) =>
      Math.trunc(channel * 255)
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
}

function multilineLabel(node: GraphNode): string {
  const { frame } = node;
  const name = escapeDot(shortName(frame.name)).replaceAll("::", "\\n").replaceAll("[...]", "[…]").replaceAll(".", "\\n");
  const parts = frameComponents({ ...frame, name, file: frame.file === "" ? "" : baseName(frame.file) });
  return `${parts.join("\\n")}\\n`;
}

/** Without packages, namespaces and arguments: what a node has room for. */
export function shortName(name: string): string {
  const bare = name.replace(/^\(anonymous namespace\)::/, "").replace(/^(.*?)\/v(?:[2-9]|[1-9][0-9]+)([./].*)$/, "$1$2");
  for (const shape of [GO_NAME, JAVA_NAME, CPP_NAME]) {
    const match = shape.exec(bare)?.[1];
    if (match !== undefined) return match;
  }
  return bare;
}

const GO_NAME = /^(?:[\w.-]+\/)+([^.]+\..+)/;
const JAVA_NAME = /^(?:[a-z]\w*\.)*([A-Z][\w$]*\.(?:<init>|[a-z][\w$]*(?:\$\d+)?))(?:\(|$)/;
const CPP_NAME = /^(?:[_a-zA-Z]\w*::)+(_*[A-Z]\w*::~?[_a-zA-Z]\w*(?:<.*>)?)/;

function escapeDot(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\l");
}

/** `Nov 22, 2026 at 11:20pm (UTC)` */
function timeText(timeMs: number): string {
  const time = new Date(timeMs);
  const month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][time.getUTCMonth()];
  const hour = time.getUTCHours();
  const minute = String(time.getUTCMinutes()).padStart(2, "0");
  return `${month} ${time.getUTCDate()}, ${time.getUTCFullYear()} at ${hour % 12 === 0 ? 12 : hour % 12}:${minute}${hour < 12 ? "am" : "pm"} (UTC)`;
}
