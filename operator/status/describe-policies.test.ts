import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import type { UnixMs } from "../../pipeline/base/units.ts";
import { policiesInOrder, policyEntry } from "../desired/policies.ts";
import type { KubeObject } from "../kube/object.ts";
import type { Policy, Stack } from "../observe/observed.ts";
import { policyFaults } from "../validate/policy-faults.ts";
import { describePolicies, type FollowingStack } from "./describe-policies.ts";

/* What a policy's author is told is a pure function of all policies and of what the stacks' agents have been given. */

const NOW_MS = Date.parse("2026-03-01T12:00:00Z") as UnixMs;

function policy(name: string, spec: object = {}, more: object = {}): Policy {
  return { metadata: { name, namespace: "shop", generation: 3 }, spec: { profile: "Always", ...spec }, ...more } as unknown as Policy;
}

function stack(name: string, policies: readonly Policy[], spec: object = {}): FollowingStack {
  const given = stringify(policiesInOrder(policies).map(policyEntry));
  return {
    stack: {
      metadata: { name, namespace: "profiling", uid: name },
      spec: { paused: false, agent: { enabled: true }, ...spec },
    } as unknown as Stack,
    agentSettings: { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { "policies.yaml": given } } as KubeObject,
  };
}

function look(of: Policy, others: readonly Policy[], stacks: readonly FollowingStack[]) {
  const status = describePolicies([of, ...others], stacks, NOW_MS).get(of);
  const brief = Object.fromEntries((status?.conditions ?? []).map(({ type, status: isSo }) => [type, isSo]));
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return { brief, reason: ready?.reason, message: ready?.message ?? "", stacks: status?.stacks, status };
}

describe("the status of a policy", () => {
  it("names the stacks whose agents have it", () => {
    const mine = policy("a");
    const seen = look(mine, [], [stack("main", [mine]), stack("other", [mine])]);
    expect(seen).toMatchObject({ reason: "Followed", stacks: ["profiling/main", "profiling/other"] });
    expect(seen.brief).toEqual({ Accepted: "True", Ready: "True", Reconciling: "False", Stalled: "False" });
    expect(seen.status?.observedGeneration).toBe(3);
  });

  it("waits for a stack that has not passed it on, and says why that may be", () => {
    const mine = policy("a");
    const seen = look(mine, [], [stack("main", []), stack("rest", [], { paused: true })]);
    expect(seen).toMatchObject({ reason: "Pending", brief: { Accepted: "True", Ready: "False", Reconciling: "True", Stalled: "False" } });
    expect(seen.message).toContain("waiting for profiling/main, profiling/rest (paused)");
  });

  it("is another one once the agents have an older form of it", () => {
    const seen = look(policy("a", { sampleRate: 10 }), [], [stack("main", [policy("a", { sampleRate: 20 })])]);
    expect(seen.reason).toBe("Pending");
  });

  it.each([
    ["there is no stack", [], "NoStack", "apply one"],
    ["no stack has agents", [stack("main", [], { agent: { enabled: false } })], "NoStack", "spec.agent.enabled"],
    [
      "its namespace is left out",
      [stack("main", [], { agent: { enabled: true, namespaces: { exclude: ["shop"] } } })],
      "NamespaceExcluded",
      "spec.agent.namespaces.exclude of profiling/main names shop",
    ],
  ] as const)("says that nobody follows it where %s", (_, stacks, reason, words) => {
    const seen = look(policy("a"), [], stacks);
    expect(seen).toMatchObject({ reason, brief: { Accepted: "False", Ready: "False", Reconciling: "True", Stalled: "False" } });
    expect(seen.message).toContain(words);
  });

  it("is for its author to change where it has faults, and no agent gets it", () => {
    const faulty = policy("a", { selector: { matchLabels: { "app name": "x" } } });
    const right = policy("b");
    const main = stack("main", [faulty, right]);
    const seen = look(faulty, [right], [main]);
    expect(seen).toMatchObject({
      reason: "SelectorInvalid",
      brief: { Accepted: "False", Ready: "False", Reconciling: "False", Stalled: "True" },
    });
    expect(seen.message).toContain('spec.selector.matchLabels["app name"]');
    expect(seen.stacks).toBeUndefined();
    expect(look(right, [faulty], [main]).reason).toBe("Followed");
  });

  it.each([
    [{ profile: "Never" }, { selector: { matchLabels: { app: "x" } } }, true],
    [{ selector: { matchLabels: { app: "x" } } }, { selector: { matchLabels: { app: "x" } } }, true],
    [{ profile: "Never", selector: { matchLabels: { app: "y" } } }, { selector: { matchLabels: { app: "x" } } }, false],
    [{ selector: { matchLabels: { app: "x", tier: "1" } } }, { selector: { matchLabels: { app: "x" } } }, false],
  ])("tells whether %o leaves anything to %o", (first, second, isOverruled) => {
    const [earlier, later] = [policy("a", first), policy("b", second)];
    const seen = look(later, [earlier], [stack("main", [earlier, later])]);
    expect(seen.reason).toBe(isOverruled ? "Overruled" : "Followed");
    expect(look(earlier, [later], [stack("main", [earlier, later])]).reason).toBe("Followed");
    // Another namespace is another matter.
    const elsewhere = { ...earlier, metadata: { ...earlier.metadata, namespace: "other" } };
    expect(look(later, [elsewhere], [stack("main", [elsewhere, later])]).reason).toBe("Followed");
  });

  it("keeps the moment of a condition while it stays what it is", () => {
    const before = [{ type: "Ready", status: "True", reason: "Followed", message: "", lastTransitionTime: "2020-01-01T00:00:00Z" }];
    const mine = policy("a", {}, { status: { conditions: before } });
    const moments = (stacks: readonly FollowingStack[]) =>
      look(mine, [], stacks).status?.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime;
    expect(moments([stack("main", [mine])])).toBe("2020-01-01T00:00:00Z");
    expect(moments([])).toBe("2026-03-01T12:00:00Z");
  });
});

describe("a policy's form", () => {
  const selector = (name: string, value: string) => ({ selector: { matchLabels: { [name]: value } } });
  it.each([
    [selector("app", "x")],
    [selector("app.kubernetes.io/name", "")],
    [selector("a".repeat(63), "b".repeat(63))],
    [{ labels: { team: "shop", "über.alles": "x" } }],
  ])("is right: %o", (spec) => {
    expect(policyFaults(policy("a", spec))).toEqual([]);
  });

  it.each([
    [selector("a,b", "x"), "SelectorInvalid"],
    [selector("a/b/c", "x"), "SelectorInvalid"],
    [selector("/b", "x"), "SelectorInvalid"],
    [selector("Example.com/b", "x"), "SelectorInvalid"],
    [selector("", "x"), "SelectorInvalid"],
    [selector("a".repeat(64), "x"), "SelectorInvalid"],
    [selector("app", "x,tier=1"), "SelectorInvalid"],
    [selector("app", "-x"), "SelectorInvalid"],
    [{ labels: { __name__: "x" } }, "LabelReserved"],
    [{ labels: { service_name: "x" } }, "LabelReserved"],
    [{ labels: { namespace: "kube-system" } }, "LabelReserved"],
  ])("has a fault: %o", (spec, reason) => {
    const faults = policyFaults(policy("a", spec));
    expect(faults).toMatchObject([{ reason }]);
    expect(faults[0]?.message.startsWith(faults[0].path)).toBe(true);
  });

  it("has all its faults at once", () => {
    expect(policyFaults(policy("a", { ...selector("a,b", "-"), labels: { pod: "x" } }))).toHaveLength(3);
  });
});
