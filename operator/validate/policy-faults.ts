import type { Policy } from "../observe/observed.ts";

/** Why a policy cannot be followed, where, and what to change. */
export type PolicyFault = {
  readonly path: string;
  readonly reason: "SelectorInvalid" | "LabelReserved";
  readonly message: string;
};

const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const PREFIX_LENGTH_MAX = 253;

/** Labels by which a profile is known to be of this pod and no other. Who may write a policy in one namespace must not speak for another one. */
const RESERVED: ReadonlySet<string> = new Set(["namespace", "pod", "container", "node", "workload", "workload_kind"]);

/**
 * What is wrong with a policy's form and the API server does not see. Agents read the policies of all namespaces from one file: one that they
 * cannot read would keep every other one from being followed, so none with a fault gets there. Pure.
 */
export function policyFaults({ spec }: Pick<Policy, "spec">): readonly PolicyFault[] {
  return [...selectorFaults(spec.selector?.matchLabels ?? {}), ...labelFaults(spec.labels ?? {})];
}

function selectorFaults(labels: Readonly<Record<string, string>>): readonly PolicyFault[] {
  const fault = (name: string, message: string): PolicyFault => {
    const path = `spec.selector.matchLabels[${JSON.stringify(name)}]`;
    return { path, reason: "SelectorInvalid", message: `${path}: ${message}` };
  };
  return Object.entries(labels).flatMap(([name, value]) => [
    ...(isLabelName(name) ? [] : [fault(name, "no label of a pod can have that name: correct it, as in app.kubernetes.io/name")]),
    ...(value === "" || NAME.test(value)
      ? []
      : [fault(name, `no label of a pod can have the value ${JSON.stringify(value)}: letters, digits, '-', '_' and '.', up to 63`)]),
  ]);
}

function isLabelName(text: string): boolean {
  const parts = text.split("/");
  const name = parts.at(-1) ?? "";
  if (parts.length > 2 || !NAME.test(name)) return false;
  const [prefix] = parts;
  return parts.length === 1 || (prefix !== undefined && prefix.length <= PREFIX_LENGTH_MAX && PREFIX.test(prefix));
}

function labelFaults(labels: Readonly<Record<string, string>>): readonly PolicyFault[] {
  return Object.keys(labels).flatMap((name): readonly PolicyFault[] => {
    const path = `spec.labels[${JSON.stringify(name)}]`;
    const refused = (message: string): readonly PolicyFault[] => [{ path, reason: "LabelReserved", message: `${path}: ${message}` }];
    if (name === "service_name") return refused("say the service with spec.serviceName");
    if (name === "" || name.startsWith("__")) return refused("names that begin with __ are Brazier's own: take another one");
    if (RESERVED.has(name))
      return refused("this label tells which pod a profile is of, and no policy may say otherwise: take another name");
    return [];
  });
}
