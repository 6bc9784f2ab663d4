import { describe, expect, it } from "vitest";
import { type Pod, troubleOf } from "./cluster-trouble.ts";

function pod(name: string, phase: string, more: Partial<Pod["status"]> = {}): Pod {
  return { metadata: { namespace: "a", name }, status: { phase, ...more } };
}

const well = { name: "c", ready: true, restartCount: 0 };

describe("trouble of a cluster", () => {
  it("is nothing where stacks are ready and pods run", () => {
    const stack = { metadata: { namespace: "a", name: "main" }, status: { conditions: [{ type: "Ready", status: "True" }] } };
    const pods = [pod("runs", "Running", { containerStatuses: [well] }), pod("done", "Succeeded", { containerStatuses: [] })];
    expect(troubleOf([stack], pods, [{ type: "Normal", reason: "Pulled", involvedObject: { name: "runs" } }])).toEqual([]);
  });

  it("names a pod without a node, one that waits for its image, and one that was ended", () => {
    const unschedulable = { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes" };
    const pods = [
      pod("homeless", "Pending", { conditions: [unschedulable] }),
      pod("waits", "Pending", {
        containerStatuses: [{ ...well, ready: false, state: { waiting: { reason: "ImagePullBackOff", message: "no such image" } } }],
      }),
      pod("ended", "Running", {
        containerStatuses: [{ ...well, restartCount: 2, lastState: { terminated: { exitCode: 137, reason: "OOMKilled" } } }],
      }),
    ];
    expect(troubleOf([], pods, [])).toEqual([
      "pod a/homeless: Unschedulable: 0/1 nodes",
      "pod a/waits c: not ready, waits: ImagePullBackOff no such image",
      "pod a/ended c: 2 restarts, ended with 137: OOMKilled",
    ]);
  });

  it("tells the conditions that say no, and the last warnings", () => {
    const conditions = [
      { type: "Ready", status: "False", reason: "ApplyFailed", message: "refused" },
      { type: "Degraded", status: "True", reason: "ApplyFailed", message: "refused" },
      { type: "Progressing", status: "False" },
    ];
    const warning = (reason: string) => ({ type: "Warning", reason, message: "m", count: 3, involvedObject: { kind: "Pod", name: "p" } });
    const events = Array.from({ length: 20 }, (_, at) => warning(`r${at}`));
    const lines = troubleOf([{ metadata: { namespace: "a", name: "main" }, status: { conditions } }], [], events);
    expect(lines.slice(0, 2)).toEqual([
      "stack a/main: Ready False, ApplyFailed: refused",
      "stack a/main: Degraded True, ApplyFailed: refused",
    ]);
    expect(lines.at(-1)).toBe("warning: Pod p: r19 (3 times): m");
    expect(lines).toHaveLength(17);
  });
});
