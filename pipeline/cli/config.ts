import { showConfig } from "../config/show.ts";
import { type SettingsOptions, settings } from "./settings.ts";

export type ConfigOptions = SettingsOptions & { readonly diff?: boolean; readonly default?: boolean };

export function config(options: ConfigOptions): void {
  const { loaded, warnings } = settings(options);
  const view = options.default === true ? "default" : options.diff === true ? "diff" : "all";
  process.stdout.write(showConfig(loaded, view, true));
  for (const warning of warnings) process.stderr.write(`warning: ${warning.name}: ${warning.message}\n`);
}
