import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuildInfo } from "./http/status-routes.ts";
import type { FeatureFlag } from "./http/status-rpcs.ts";

/** The repository, or the folder of the installed package. */
export const ROOT = join(import.meta.dirname, "..");

export async function readBuildInfo(): Promise<BuildInfo> {
  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { version: string };
  return { version, ...(await gitHead()), buildDate: "" };
}

/** Read from the files that git keeps, since git itself may not be there. */
async function gitHead(): Promise<Pick<BuildInfo, "revision" | "branch">> {
  try {
    const head = (await readFile(join(ROOT, ".git/HEAD"), "utf8")).trim();
    const ref = /^ref: (refs\/heads\/(.+))$/.exec(head);
    if (ref === null) return { revision: head, branch: "" };
    const branch = ref[2] as string;
    const revision = await readFile(join(ROOT, ".git", ref[1] as string), "utf8").catch(() => "");
    return { revision: revision.trim(), branch };
  } catch {
    return { revision: "", branch: "" };
  }
}

/** What clients look for before they use it. */
export const FEATURE_FLAGS: readonly FeatureFlag[] = [
  { name: "v2StorageLayer", enabled: true, description: "Profiles are stored once, in object storage." },
  { name: "utf8LabelNames", enabled: true, description: "Label names may be any UTF-8 text." },
  { name: "functionProjections", enabled: true, description: "Function tables and function trees are answered by the server." },
  { name: "pyroscopeRuler", enabled: false, description: "Metrics from profiles are not built." },
  { name: "pyroscopeRulerFunctions", enabled: false, description: "Metrics of single functions are not built." },
];
