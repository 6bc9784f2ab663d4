import { STACKS } from "../../../operator/kube/kinds.ts";
import type { KubeObject } from "../../../operator/kube/object.ts";
import type { Stack } from "../../../operator/observe/observed.ts";
import { CodedError, FaultKind, isCoded } from "../../base/errors.ts";
import type { Connection } from "./connection.ts";

/**
 * The stack of that name in the connection's namespace; without a name, the only one there.
 *
 * Errors: `kinds_missing`, `stack_unknown` (not found), `stack_ambiguous` (invalid).
 */
export async function findStack({ cluster, namespace }: Connection, name: string | undefined): Promise<Stack> {
  const here = await list(namespace);
  const fitting = name === undefined ? here : here.filter(({ metadata }) => metadata.name === name);
  const [stack, ...more] = fitting;
  if (stack !== undefined && more.length === 0) return stack as unknown as Stack;
  if (stack !== undefined) {
    const names = fitting.map(({ metadata }) => metadata.name).join(", ");
    throw new CodedError("stack_ambiguous", FaultKind.Invalid, `namespace ${namespace} has several stacks: name one of ${names}`);
  }
  // Only for the hint: who may not look everywhere goes without.
  const everywhere = await list(undefined).catch(() => []);
  throw new CodedError("stack_unknown", FaultKind.NotFound, unknown(namespace, name, everywhere));

  async function list(place: string | undefined): Promise<readonly KubeObject[]> {
    try {
      return (await cluster.list(STACKS, { namespace: place })).items;
    } catch (error) {
      if (!isCoded(error, "cluster_not_found")) throw error;
      const message = "the cluster does not know the kind ProfilingStack: install the operator (docs/kubernetes.md says how)";
      throw new CodedError("kinds_missing", FaultKind.NotFound, message, { cause: error });
    }
  }
}

function unknown(namespace: string, name: string | undefined, everywhere: readonly KubeObject[]): string {
  const absent = `namespace ${namespace} has no ProfilingStack${name === undefined ? "" : ` ${name}`}`;
  if (everywhere.length === 0) return `${absent}: apply one, or say where it is with --namespace`;
  const known = everywhere.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(", ");
  return `${absent}; there is ${known}: say which with its name and --namespace`;
}
