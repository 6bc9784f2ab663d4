import { parse } from "yaml";
import type { UnixMs } from "../../pipeline/base/units.ts";
import { objectName } from "../desired/names.ts";
import { overrulerOf, policiesInOrder, policyEntry } from "../desired/policies.ts";
import { hashOf } from "../kube/hash.ts";
import { type KubeObject, textAt } from "../kube/object.ts";
import type { Policy, Stack } from "../observe/observed.ts";
import type { ProfilingPolicyStatus } from "../types/profiling-policy.ts";
import { policyFaults } from "../validate/policy-faults.ts";
import { isoSeconds, sinceOf } from "./moments.ts";

type Condition = NonNullable<ProfilingPolicyStatus["conditions"]>[number];
type Finding = Pick<Condition, "type" | "status" | "reason" | "message">;

/** A stack with the settings that its agents have now. */
export type FollowingStack = { readonly stack: Stack; readonly agentSettings: KubeObject | undefined };

/** As many as the kind's form takes. */
const STACKS_MAX = 64;

/** What the status of every policy should say. Pure. */
export function describePolicies(
  policies: readonly Policy[],
  stacks: readonly FollowingStack[],
  nowMs: UnixMs,
): ReadonlyMap<Policy, ProfilingPolicyStatus> {
  const byNamespace = Map.groupBy(policiesInOrder(policies), ({ metadata }) => metadata.namespace);
  const known = stacks.filter(({ stack }) => stack.metadata.deletionTimestamp === undefined && stack.spec.agent.enabled);
  const views = known.map(({ stack, agentSettings }) => ({ stack, entries: entriesOf(agentSettings) }));
  return new Map(
    policies.map((policy) => [policy, describePolicy(policy, { inOrder: byNamespace.get(policy.metadata.namespace) ?? [], views, nowMs })]),
  );
}

type View = { readonly stack: Stack; readonly entries: ReadonlySet<string> };
type Surroundings = { readonly inOrder: readonly Policy[]; readonly views: readonly View[]; readonly nowMs: UnixMs };

function describePolicy(policy: Policy, { inOrder, views, nowMs }: Surroundings): ProfilingPolicyStatus {
  const generation = policy.metadata.generation ?? 0;
  const looking = views.filter(({ stack }) => stack.spec.agent.namespaces?.exclude?.includes(policy.metadata.namespace) !== true);
  const entry = hashOf(policyEntry(policy));
  const [has, lacks] = [looking.filter(({ entries }) => entries.has(entry)), looking.filter(({ entries }) => !entries.has(entry))];
  const stacks = has.map(({ stack }) => stackName(stack)).sort();
  const before = policy.status?.conditions ?? [];
  const conditions = findings(policy, { inOrder, views, looking, lacks, stacks }).map((finding): Condition => {
    const known = before.find(({ type }) => type === finding.type);
    return { ...finding, observedGeneration: generation, lastTransitionTime: sinceOf(known, finding.status) ?? isoSeconds(nowMs) };
  });
  return { observedGeneration: generation, conditions, ...(stacks.length === 0 ? {} : { stacks: stacks.slice(0, STACKS_MAX) }) };
}

type Found = {
  readonly inOrder: readonly Policy[];
  readonly views: readonly View[];
  readonly looking: readonly View[];
  readonly lacks: readonly View[];
  readonly stacks: readonly string[];
};

function findings(policy: Policy, { inOrder, views, looking, lacks, stacks }: Found): readonly Finding[] {
  const faults = policyFaults(policy);
  const [first] = faults;
  if (first !== undefined) return stalled(first.reason, faults.map(({ message }) => message).join("; "));
  const overruler = overrulerOf(policy, inOrder);
  if (overruler !== undefined) {
    const remedy = "give it a selector that names more labels, or remove one of them";
    return stalled("Overruled", `spec.selector: policy ${overruler.metadata.name} comes first for all of these pods: ${remedy}`);
  }
  if (looking.length === 0) return unfollowed(policy, views);
  const accepted = finding("Accepted", true, "Accepted", "agents can follow it");
  if (lacks.length > 0) {
    const waiting = `waiting for ${lacks.map(({ stack }) => `${stackName(stack)}${whyNot(stack)}`).join(", ")} to pass it on to the agents`;
    return [accepted, finding("Ready", false, "Pending", waiting), ...reconciling("Pending", waiting), notStalled()];
  }
  return [accepted, finding("Ready", true, "Followed", `the agents of ${stacks.join(", ")} follow it`), ...settled(), notStalled()];
}

/** Its author must act. */
function stalled(reason: string, message: string): readonly Finding[] {
  return [
    finding("Accepted", false, reason, message),
    finding("Ready", false, reason, message),
    ...settled(),
    finding("Stalled", true, reason, message),
  ];
}

/** Right, and nobody is there yet to follow it: a stack may still come. */
function unfollowed({ metadata }: Policy, views: readonly View[]): readonly Finding[] {
  const excluding = views.map(({ stack }) => stackName(stack));
  const message =
    excluding.length === 0
      ? "there is no ProfilingStack whose agents could follow it: apply one, with spec.agent.enabled"
      : `spec.agent.namespaces.exclude of ${excluding.join(", ")} names ${metadata.namespace}: take it out there, or remove this policy`;
  const reason = excluding.length === 0 ? "NoStack" : "NamespaceExcluded";
  return [
    finding("Accepted", false, reason, message),
    finding("Ready", false, reason, message),
    ...reconciling(reason, message),
    notStalled(),
  ];
}

function whyNot({ spec, status }: Stack): string {
  if (spec.paused) return " (paused)";
  const degraded = status?.conditions?.find(({ type }) => type === "Degraded");
  return degraded?.status === "True" ? ` (${degraded.reason})` : "";
}

function finding(type: string, isSo: boolean, reason: string, message: string): Finding {
  return { type, status: isSo ? "True" : "False", reason, message };
}

// Words of kstatus, for tools that wait.
function reconciling(reason: string, message: string): readonly Finding[] {
  return [finding("Reconciling", true, reason, message)];
}

function settled(): readonly Finding[] {
  return [finding("Reconciling", false, "Settled", "nothing is under way")];
}

function notStalled(): Finding {
  return finding("Stalled", false, "AsExpected", "nothing is wrong");
}

function stackName({ metadata }: Stack): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** The entries of the file that a stack's agents read, by hash. What is no list has none. */
function entriesOf(settings: KubeObject | undefined): ReadonlySet<string> {
  const entries: unknown = parse(textAt(settings, "data", "policies.yaml") ?? "[]");
  return new Set(Array.isArray(entries) ? entries.map(hashOf) : []);
}

/** Where the settings of a stack's agents are. */
export function agentSettingsOf(stack: Stack, owned: readonly KubeObject[]): KubeObject | undefined {
  const name = objectName(stack.metadata, "agent");
  return owned.find((object) => object.kind === "ConfigMap" && object.metadata.name === name);
}
