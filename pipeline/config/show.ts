import { stringify } from "yaml";
import type { LoadedConfig } from "./load.ts";
import { placedKeys } from "./paths.ts";
import { CONFIG_KEYS, type Config } from "./schema.ts";

/** Which keys to show: all, those that differ from their default, or the defaults themselves. */
export type ConfigView = "all" | "diff" | "default";

/** The configuration as YAML that `--config` takes back; with origins, each line says where its value came from. */
export function showConfig(loaded: Pick<LoadedConfig, "config" | "origins">, view: ConfigView, withOrigins: boolean): string {
  const lines: string[] = [];
  let open: readonly string[] = [];
  for (const { path, name, key } of placedKeys(CONFIG_KEYS)) {
    const value = view === "default" ? key.fallback : valueAt(loaded.config, path);
    if (view === "diff" && JSON.stringify(value) === JSON.stringify(key.fallback)) continue;
    const sections = path.slice(0, -1);
    sections.forEach((section, depth) => {
      if (open[depth] !== section) lines.push(`${"  ".repeat(depth)}${section}:`);
    });
    open = sections;
    const shown = typeof value === "object" ? JSON.stringify(value) : stringify(asScalar(key.shown(value as never), value)).trimEnd();
    const origin = withOrigins && view !== "default" ? ` # ${loaded.origins.get(name) ?? "default"}` : "";
    lines.push(`${"  ".repeat(sections.length)}${path.at(-1)}: ${shown}${origin}`);
  }
  return lines.length === 0 ? "{}\n" : `${lines.join("\n")}\n`;
}

function asScalar(shown: string, value: unknown): unknown {
  return typeof value === "boolean" || String(value) === shown ? value : shown;
}

function valueAt(config: Config, path: readonly string[]): unknown {
  let value: unknown = config;
  for (const step of path) value = (value as Record<string, unknown>)[step];
  return value;
}
