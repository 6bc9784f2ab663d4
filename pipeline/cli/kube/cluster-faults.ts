import { CodedError, FaultKind, isCoded } from "../../base/errors.ts";

/** `User "eva" cannot list resource "pods" in API group "" in the namespace "shop"`, as API servers refuse. */
const REFUSAL = /cannot (\S+) resource "([^"]+)" in API group "([^"]*)"(?: in the namespace "([^"]+)")?/;

/** A fault of the API server, with what the person at the terminal can do about it. Pure. */
export function explained(error: unknown, where: { readonly context: string; readonly server: string }): unknown {
  if (isCoded(error, "cluster_denied")) {
    const right = missingRight(error);
    if (right !== undefined)
      return new CodedError(error.code, FaultKind.Denied, `you may not ${right}: have an admin of the cluster grant that`, {
        cause: error,
      });
    const message = `context ${where.context}: the cluster does not let you in: log in again, or use another context (${error.rawMessage})`;
    return new CodedError(error.code, FaultKind.Denied, message, { cause: error });
  }
  if (isCoded(error, "cluster_unreachable")) {
    const message = `${where.server}: ${error.rawMessage}; is context ${where.context} the cluster you mean? --context names another`;
    return new CodedError(error.code, FaultKind.Unavailable, message, { cause: error });
  }
  return error;
}

/** `list pods in namespace shop`: what was refused, in the words of a Role; undefined where the fault is none of rights. */
export function missingRight(error: CodedError): string | undefined {
  const [, verb, resource, group = "", namespace] = REFUSAL.exec(error.rawMessage) ?? [];
  if (verb === undefined || resource === undefined) return undefined;
  return `${verb} ${group === "" ? resource : `${resource}.${group}`} ${namespace === undefined ? "in the whole cluster" : `in namespace ${namespace}`}`;
}
