import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { CodedError, FaultKind } from "../base/errors.ts";
import type { TenantId } from "../base/units.ts";
import { acceptsUtf8LabelNames } from "./accept.ts";
import type { Caller } from "./caller.ts";
import { ANONYMOUS_TENANT, TENANT_HEADER, tenantsOfHeader } from "./tenant-header.ts";

/**
 * Says who a request comes from.
 * Errors: `tenant_missing`, `credentials_missing`, `credentials_unknown` (unauthenticated), `tenant_denied` (denied), `tenant_invalid`,
 * `accept_malformed` (invalid).
 */
export type Authenticate = (headers: IncomingHttpHeaders) => Caller;

/** What a bearer token, or the password of basic credentials, opens. */
export type Grant = {
  readonly tenants: readonly TenantId[];
  readonly mayRead: boolean;
  readonly mayWrite: boolean;
  /** Sees the process itself: metrics, settings, profiles of it. */
  readonly mayOperate: boolean;
};

/** Grants by the SHA-256 of their token, in hex: the tokens themselves are not kept. */
export type Grants = ReadonlyMap<string, Grant>;

export type AuthMode =
  /** One tenant, `anonymous`; the tenant header is ignored. */
  | { readonly kind: "none" }
  /** The tenant header is trusted: for use behind a gateway that sets it. */
  | { readonly kind: "header" }
  /** Tokens map to tenants; the tenant header may choose among those of the token. */
  | { readonly kind: "tokens"; readonly grants: () => Grants };

export function createAuthenticate(mode: AuthMode): Authenticate {
  const utf8 = (headers: IncomingHttpHeaders): boolean => acceptsUtf8LabelNames(headers.accept);
  switch (mode.kind) {
    case "none":
      return (headers) => ({ tenants: [ANONYMOUS_TENANT], mayRead: true, mayWrite: true, utf8LabelNames: utf8(headers) });
    case "header":
      return (headers) => ({
        tenants: tenantsOfHeader(headerText(headers, TENANT_HEADER)),
        mayRead: true,
        mayWrite: true,
        utf8LabelNames: utf8(headers),
      });
    case "tokens":
      return (headers) => {
        const grant = grantOf(headers.authorization, mode.grants());
        const { mayRead, mayWrite } = grant;
        return { tenants: chosenTenants(grant, headers), mayRead, mayWrite, utf8LabelNames: utf8(headers) };
      };
  }
}

export function tokenHash(token: string): string {
  return createHash("sha256").update(token, "utf8").digest("hex");
}

/** Errors: `credentials_missing`, `credentials_unknown` (unauthenticated). */
export function grantOf(authorization: string | undefined, grants: Grants): Grant {
  const token = tokenOf(authorization);
  if (token === undefined) {
    throw new CodedError(
      "credentials_missing",
      FaultKind.Unauthenticated,
      "send a token: Authorization: Bearer TOKEN, or basic credentials with it as password",
    );
  }
  const hash = tokenHash(token);
  const grant = grants.get(hash);
  if (grant === undefined) throw new CodedError("credentials_unknown", FaultKind.Unauthenticated, "this token opens nothing here");
  return grant;
}

function tokenOf(authorization: string | undefined): string | undefined {
  const [, scheme, value] = /^(\w+)\s+(\S+)\s*$/.exec(authorization ?? "") ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme.toLowerCase() !== "basic") return undefined;
  const decoded = Buffer.from(value, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  const password = colon < 0 ? "" : decoded.slice(colon + 1);
  return password === "" ? undefined : password;
}

function chosenTenants(grant: Grant, headers: IncomingHttpHeaders): readonly TenantId[] {
  const header = headerText(headers, TENANT_HEADER);
  if (header === undefined || header === "") return grant.tenants;
  const chosen = tenantsOfHeader(header);
  const foreign = chosen.find((tenant) => !grant.tenants.includes(tenant));
  if (foreign !== undefined) {
    throw new CodedError("tenant_denied", FaultKind.Denied, `this token does not open tenant '${foreign}'`, { facts: { tenant: foreign } });
  }
  return chosen;
}

function headerText(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join("|") : value;
}
