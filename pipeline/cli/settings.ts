import { CodedError, FaultKind } from "../base/errors.ts";
import { checkConfig } from "../config/check.ts";
import { type ConfigFault, type LoadedConfig, loadConfig } from "../config/load.ts";

export type SettingsOptions = {
  readonly config?: string;
  readonly data?: string;
  readonly role?: string;
  readonly port?: string;
  readonly set?: readonly string[];
  /** commander gives true unless --no-self-profile was there. */
  readonly selfProfile?: boolean;
};

/**
 * The configuration from flags, environment and file, checked as a whole.
 * Errors: `flag_invalid`, `config_unreadable`, `config_invalid` (invalid).
 */
export function settings(options: SettingsOptions): { readonly loaded: LoadedConfig; readonly warnings: readonly ConfigFault[] } {
  const flags: Record<string, string> = {};
  for (const pair of options.set ?? []) {
    const equals = pair.indexOf("=");
    if (equals <= 0) throw new CodedError("flag_invalid", FaultKind.Invalid, `--set takes KEY=VALUE, not '${pair}'`);
    flags[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  if (options.role !== undefined) flags["role"] = options.role;
  if (options.data !== undefined) flags["data_dir"] = options.data;
  if (options.port !== undefined) flags["http.port"] = options.port;
  if (options.selfProfile === false) flags["self_profile.enabled"] = "false";
  const environment = process.env;
  const loaded = loadConfig({ flags, environment, file: options.config ?? environment["BRAZIER_CONFIG"] });
  const { errors, warnings } = checkConfig(loaded.config);
  if (errors.length > 0) {
    const lines = errors.map((fault) => `  ${fault.name}: ${fault.message}`).join("\n");
    throw new CodedError("config_invalid", FaultKind.Invalid, `the configuration does not fit together:\n${lines}`, { facts: { errors } });
  }
  return { loaded, warnings: [...loaded.warnings, ...warnings] };
}
