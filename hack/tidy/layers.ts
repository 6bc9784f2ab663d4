import type { FileImport } from "./imports.ts";
import { isTest, type TidyFault } from "./repository.ts";

/**
 * Imports point down this list; folders in one row may use each other. docs/ARCHITECTURE.md draws it.
 * `roles` is a row of its own kind: a role never imports another role.
 */
export const LAYERS: readonly (readonly string[])[] = [
  ["main", "cli", "self-profile", "tracing"],
  ["roles"],
  ["http"],
  ["api"],
  ["catalog", "queue", "objects"],
  ["block"],
  ["symbols"],
  ["profile"],
  ["nats"],
  ["config"],
  ["base"],
];

/**
 * The operator is a part of its own that shares the foundation: errors, clock, log, metrics. And the command line starts it, as it starts
 * everything.
 */
const MEETINGS: readonly { readonly from: string; readonly to: string }[] = [
  { from: "operator/", to: "pipeline/base/" },
  { from: "pipeline/cli/", to: "operator/" },
];

export function checkLayers(imports: readonly FileImport[]): readonly TidyFault[] {
  return imports.flatMap((edge) => {
    const problem = wrongDirection(edge);
    return problem === undefined ? [] : [{ path: edge.from, line: edge.line, ...problem }];
  });
}

function wrongDirection(edge: FileImport): { problem: string; remedy: string } | undefined {
  if (isTest(edge.from)) return undefined;
  const from = areaOf(edge.from);
  const to = areaOf(edge.to);
  if (from === undefined || to === undefined) return undefined;
  if (from.top !== to.top) {
    if (from.top === "hack" || from.top === "bin") return undefined;
    if (MEETINGS.some((meeting) => edge.from.startsWith(meeting.from) && edge.to.startsWith(meeting.to))) return undefined;
    return { problem: `${from.top}/ imports ${edge.to}`, remedy: "the parts of the repository meet over the wire only" };
  }
  if (from.top !== "pipeline") return undefined;
  const fromLayer = layerOf(from.folder);
  const toLayer = layerOf(to.folder);
  if (fromLayer === undefined || toLayer === undefined) {
    const unknown = fromLayer === undefined ? from.folder : to.folder;
    return { problem: `pipeline/${unknown} has no layer`, remedy: "give it a row in hack/tidy/layers.ts and in docs/ARCHITECTURE.md" };
  }
  if (from.role !== undefined && to.role !== undefined && from.role !== to.role) {
    return {
      problem: `role ${from.role} imports role ${to.role} (${edge.to})`,
      remedy: "pass what it needs in as a dependency, or move it below roles/",
    };
  }
  if (toLayer < fromLayer) {
    return {
      problem: `pipeline/${from.folder} imports upward: ${edge.to}`,
      remedy: "declare the interface below and let the upper part implement it",
    };
  }
  return undefined;
}

type Area = { readonly top: string; readonly folder: string; readonly role: string | undefined };

function areaOf(path: string): Area | undefined {
  const parts = path.split("/");
  const [top, second] = parts;
  if (top === undefined || second === undefined) return undefined;
  if (!["pipeline", "ui", "agent", "operator", "hack", "bin"].includes(top)) return undefined;
  // Files directly in pipeline/ (main.ts, roles.ts) are the top layer.
  const folder = parts.length === 2 ? "main" : second;
  return { top, folder, role: folder === "roles" && parts.length > 3 ? parts[2] : undefined };
}

function layerOf(folder: string): number | undefined {
  const layer = LAYERS.findIndex((row) => row.includes(folder));
  return layer < 0 ? undefined : layer;
}
