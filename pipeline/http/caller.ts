import { type ContextValues, createContextKey } from "@connectrpc/connect";
import { CodedError, FaultKind } from "../base/errors.ts";
import type { TenantId } from "../base/units.ts";

/** Who asks, as far as the answer depends on it. */
export type Caller = {
  /** Sorted, each once; more than one only for reads that join tenants. */
  readonly tenants: readonly TenantId[];
  readonly mayRead: boolean;
  readonly mayWrite: boolean;
  /** Whether label names beyond `[a-zA-Z_][a-zA-Z0-9_]*` may be shown. */
  readonly utf8LabelNames: boolean;
};

/**
 * Where a Connect handler finds its caller: `readTenants(context.values.get(CALLER))`. The default is nobody, so that a
 * handler reached past the door refuses.
 */
export const CALLER = createContextKey<Caller>(
  { tenants: [], mayRead: false, mayWrite: false, utf8LabelNames: false },
  { description: "who asks" },
);

export function callerOf(values: ContextValues): Caller {
  return values.get(CALLER);
}

/** The tenants a caller may read together. Errors: `read_denied` (denied). */
export function readTenants(caller: Caller): readonly TenantId[] {
  if (!caller.mayRead || caller.tenants.length === 0) {
    throw new CodedError("read_denied", FaultKind.Denied, "these credentials may not read: use ones with the right read");
  }
  return caller.tenants;
}

/** The tenant of a read that cannot join. Errors: `tenant_ambiguous` (invalid), `read_denied` (denied). */
export function readTenant(caller: Caller): TenantId {
  return onlyTenant(readTenants(caller));
}

/** The one tenant a caller writes to. Errors: `tenant_ambiguous` (invalid), `write_denied` (denied). */
export function writeTenant(caller: Caller): TenantId {
  if (!caller.mayWrite || caller.tenants.length === 0) {
    throw new CodedError("write_denied", FaultKind.Denied, "these credentials may not write: use ones with the right write");
  }
  return onlyTenant(caller.tenants);
}

function onlyTenant(tenants: readonly TenantId[]): TenantId {
  if (tenants.length !== 1) {
    throw new CodedError("tenant_ambiguous", FaultKind.Invalid, `this call takes exactly one tenant, the header names ${tenants.length}`);
  }
  return tenants[0] as TenantId;
}
