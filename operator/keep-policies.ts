import { POLICIES } from "./kube/kinds.ts";
import type { World } from "./observe/observe.ts";
import type { Policy, Stack } from "./observe/observed.ts";
import { applyStatus } from "./status/apply-status.ts";
import { agentSettingsOf, describePolicies } from "./status/describe-policies.ts";
import { type TellDeps, tell } from "./status/tell.ts";

/**
 * Says in the status of every policy whether it is followed. All at once, since they are judged against each other; writes only what is new, and tells
 * an author whose policy is refused by an event.
 */
export async function keepPolicies(world: World, deps: TellDeps): Promise<void> {
  const policies = world.policies() as unknown as readonly Policy[];
  const stacks = (world.stacks() as unknown as readonly Stack[]).map((stack) => ({
    stack,
    agentSettings: agentSettingsOf(stack, world.owned(stack.metadata)),
  }));
  for (const [policy, status] of describePolicies(policies, stacks, deps.clock.nowMs())) {
    const object = { kind: POLICIES.kind, metadata: policy.metadata, status: policy.status };
    if (!(await applyStatus(object, status, deps.cluster))) continue;
    const reasonOf = (of: Policy["status"]): string | undefined => of?.conditions?.find(({ type }) => type === "Ready")?.reason;
    const refusal = status.conditions?.find(({ type, status: isSo }) => type === "Stalled" && isSo === "True");
    if (refusal !== undefined && reasonOf(policy.status) !== refusal.reason)
      await tell(object, { reason: refusal.reason, message: refusal.message, type: "Warning" }, deps);
  }
}
