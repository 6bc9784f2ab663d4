import { describe, expect, it } from "vitest";
import { runStep } from "./step.ts";

describe("runStep", () => {
  it("gives the exit code of the command", async () => {
    expect(await runStep({ name: "three", command: ["sh", "-c", "exit 3"] })).toBe(3);
    expect(await runStep({ name: "nothing", command: ["no-such-program"] })).toBe(1);
  });

  it("ends a step that takes longer than it may, and calls that a failure even if the step calls it none", async () => {
    expect(await runStep({ name: "long", command: ["sleep", "60"], withinMs: 50 })).toBe(1);
    const calm = "trap 'exit 0' TERM; while :; do sleep 0.05; done";
    expect(await runStep({ name: "calm", command: ["sh", "-c", calm], withinMs: 500 })).toBe(1);
  });
});
