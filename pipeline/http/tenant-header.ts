import { CodedError, FaultKind } from "../base/errors.ts";
import type { TenantId } from "../base/units.ts";

/** The tenant of everything when tenants are not told apart. */
export const ANONYMOUS_TENANT = "anonymous" as TenantId;

export const TENANT_HEADER = "x-scope-orgid";

const TENANT_ID_LENGTH_MAX = 150;
const TENANT_ID = /^[0-9A-Za-z!_.*'()-]+$/;

/**
 * The tenants of an `X-Scope-OrgID` header: ids joined by `|`, each once, sorted.
 *
 * Errors: `tenant_missing` (unauthenticated) without a header or with an empty one; `tenant_invalid` (invalid) for an id that is longer than
 * 150 characters, has others than `[0-9A-Za-z!_.*'()-]`, or is `.` or `..` (ids are parts of object keys).
 */
export function tenantsOfHeader(header: string | undefined): readonly TenantId[] {
  if (header === undefined || header === "") {
    throw new CodedError("tenant_missing", FaultKind.Unauthenticated, "no org id: send the tenant in the header X-Scope-OrgID");
  }
  const ids = new Set<string>();
  for (const id of header.split("|")) ids.add(checkedTenantId(id));
  return [...ids].sort() as TenantId[];
}

/** Errors as {@link tenantsOfHeader}. */
export function checkedTenantId(id: string): TenantId {
  const fault = tenantIdFault(id);
  if (fault !== undefined) throw new CodedError("tenant_invalid", FaultKind.Invalid, fault, { facts: { tenant: id.slice(0, 200) } });
  return id as TenantId;
}

/** What is wrong with a tenant id, or undefined. */
export function tenantIdFault(id: string): string | undefined {
  if (id === "") return "tenant id is empty";
  if (id.length > TENANT_ID_LENGTH_MAX) return `tenant id is longer than ${TENANT_ID_LENGTH_MAX} characters`;
  if (!TENANT_ID.test(id)) return `tenant id '${id}' may only have the characters 0-9 A-Z a-z ! - _ . * ' ( )`;
  if (id === "." || id === "..") return `tenant id '${id}' is not allowed`;
  return undefined;
}
