import { CodedError, FaultKind } from "./base/errors.ts";
import type { TenantId } from "./base/units.ts";
import type { Config } from "./config/schema.ts";
import { readTokensFile } from "./config/tokens.ts";
import { type AuthMode, type Grant, tokenHash } from "./http/authenticate.ts";
import { tenantIdFault } from "./http/tenant-header.ts";

/** How callers are told apart. Errors: `tokens_unreadable`, `tokens_invalid` (invalid). */
export function authMode(config: Config): AuthMode {
  switch (config.auth.mode) {
    case "none":
      return { kind: "none" };
    case "header":
      return { kind: "header" };
    case "tokens": {
      const grants = tokenGrants(config.auth.tokens_file);
      return { kind: "tokens", grants: () => grants };
    }
  }
}

function tokenGrants(path: string): ReadonlyMap<string, Grant> {
  const grants = new Map<string, Grant>();
  for (const { token, tokenHash: hash, tenants, mayRead, mayWrite } of readTokensFile(path)) {
    for (const tenant of tenants) {
      const fault = tenantIdFault(tenant);
      if (fault !== undefined) throw new CodedError("tokens_invalid", FaultKind.Invalid, `auth.tokens_file ${path}: ${fault}`);
    }
    const sorted = [...new Set(tenants)].sort() as TenantId[];
    grants.set(hash ?? tokenHash(token as string), { tenants: sorted, mayRead, mayWrite });
  }
  return grants;
}
