import type { Policy } from "../observe/observed.ts";
import { policyFaults } from "../validate/policy-faults.ts";
import { present } from "./context.ts";
import { selectorText } from "./names.ts";

/** An entry of the file that agents read. */
export type PolicyEntry = Readonly<Record<string, unknown>>;

/**
 * The policies that agents get, in the order in which they look: the first that matches a pod counts. A refusal comes before everything else, then
 * whoever names more labels, then by name. Those with faults are not among them.
 */
export function policiesInOrder(policies: readonly Policy[]): readonly Policy[] {
  return policies
    .filter((policy) => policyFaults(policy).length === 0)
    .toSorted((left, right) => {
      const refusals = Number(right.spec.profile === "Never") - Number(left.spec.profile === "Never");
      const labels = Object.keys(labelsOf(right)).length - Object.keys(labelsOf(left)).length;
      return refusals || labels || (nameOf(left) < nameOf(right) ? -1 : 1);
    });
}

export function policyEntry(policy: Policy): PolicyEntry {
  const { metadata, spec } = policy;
  const selector = selectorText(labelsOf(policy));
  const added = { ...spec.labels, ...(spec.serviceName === undefined ? {} : { service_name: spec.serviceName }) };
  return present({
    namespace: metadata.namespace,
    selector: selector === "" ? undefined : selector,
    enabled: spec.profile === "Always",
    rate: spec.sampleRate,
    labels: Object.keys(added).length === 0 ? undefined : added,
  });
}

/** The policy of the same namespace that takes every pod of this one before its turn comes; undefined where it has a pod of its own to take. */
export function overrulerOf(policy: Policy, inOrder: readonly Policy[]): Policy | undefined {
  const mine = labelsOf(policy);
  const earlier = inOrder.slice(0, Math.max(0, inOrder.indexOf(policy)));
  return earlier.find((other) => Object.entries(labelsOf(other)).every(([name, value]) => mine[name] === value));
}

function nameOf({ metadata }: Policy): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function labelsOf({ spec }: Policy): Readonly<Record<string, string>> {
  return spec.selector?.matchLabels ?? {};
}
