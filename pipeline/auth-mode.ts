import { CodedError, FaultKind } from "./base/errors.ts";
import type { TenantId } from "./base/units.ts";
import type { Reloader } from "./config/reloader.ts";
import type { Config } from "./config/schema.ts";
import { readTokensFile } from "./config/tokens.ts";
import { type AuthMode, type Grant, tokenHash } from "./http/authenticate.ts";
import { tenantIdFault } from "./http/tenant-header.ts";

/** How callers are told apart; tokens follow their file. Errors: `tokens_unreadable`, `tokens_invalid` (invalid). */
export function authMode(config: Config, reloader: Reloader): AuthMode {
  switch (config.auth.mode) {
    case "none":
      return { kind: "none" };
    case "header":
      return { kind: "header" };
    case "tokens": {
      const { tokens_file } = config.auth;
      const grants = reloader.watch("auth.tokens_file", [tokens_file], () => tokenGrants(tokens_file));
      return { kind: "tokens", grants: () => grants.current };
    }
  }
}

function tokenGrants(path: string): ReadonlyMap<string, Grant> {
  const grants = new Map<string, Grant>();
  for (const { token, tokenHash: hash, tenants, ...rights } of readTokensFile(path)) {
    for (const tenant of tenants) {
      const fault = tenantIdFault(tenant);
      if (fault !== undefined) throw new CodedError("tokens_invalid", FaultKind.Invalid, `auth.tokens_file ${path}: ${fault}`);
    }
    const sorted = [...new Set(tenants)].sort() as TenantId[];
    const { mayRead, mayWrite, mayOperate } = rights;
    grants.set(hash ?? tokenHash(token as string), { tenants: sorted, mayRead, mayWrite, mayOperate });
  }
  return grants;
}
