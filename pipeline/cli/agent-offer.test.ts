import { describe, expect, it } from "vitest";
import { type AgentFacts, canRunAgent } from "./agent-offer.ts";

describe("the offer to profile the whole machine", () => {
  const able: AgentFacts = {
    platform: "linux",
    uid: 0,
    path: "/bin:/usr/local/go/bin",
    exists: (file) => /go\.mod$|\/go\/bin\/go$/.test(file),
  };

  it("is made to root on Linux with Go", () => {
    expect(canRunAgent(able)).toBe(true);
  });

  it.each<[string, Partial<AgentFacts>]>([
    ["another system", { platform: "darwin" }],
    ["another user", { uid: 1000 }],
    ["no Go on the PATH", { path: "/bin" }],
    ["no sources of the agent", { exists: (file) => file.endsWith("/go/bin/go") }],
  ])("is not made with %s", (_why, change) => {
    expect(canRunAgent({ ...able, ...change })).toBe(false);
  });
});
