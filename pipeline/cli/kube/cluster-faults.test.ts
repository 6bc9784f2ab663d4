import { describe, expect, it } from "vitest";
import { CodedError, FaultKind } from "../../base/errors.ts";
import { explained } from "./cluster-faults.ts";

const WHERE = { context: "prod", server: "https://prod:6443" };
const denied = (message: string) => new CodedError("cluster_denied", FaultKind.Denied, `list /x: ${message}`);
const text = (error: unknown): string => (explained(error, WHERE) as Error).message;

describe("a fault of the API server", () => {
  it.each([
    [
      'pods is forbidden: User "eva" cannot list resource "pods" in API group "" in the namespace "shop"',
      "you may not list pods in namespace shop",
    ],
    [
      'x is forbidden: User "eva" cannot patch resource "profilingstacks" in API group "profiling.brazier.dev" in the namespace "shop"',
      "you may not patch profilingstacks.profiling.brazier.dev in namespace shop",
    ],
    [
      'nodes is forbidden: User "eva" cannot list resource "nodes" in API group "" at the cluster scope',
      "you may not list nodes in the whole cluster",
    ],
    ["Unauthorized", "log in again"],
  ])("names what is missing: %s", (said, told) => {
    expect(text(denied(said))).toContain(told);
  });

  it("names the cluster that is silent", () => {
    const silent = new CodedError("cluster_unreachable", FaultKind.Unavailable, "the API server does not answer: ECONNREFUSED");
    expect(text(silent)).toMatch(/https:\/\/prod:6443: .*ECONNREFUSED.* context prod /);
  });

  it("passes through what is something else", () => {
    const other = new Error("a defect");
    expect(explained(other, WHERE)).toBe(other);
  });
});
