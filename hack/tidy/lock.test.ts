import { describe, expect, it } from "vitest";
import { checkLock, completeLock } from "./lock.ts";

const LOCK = {
  packages: {
    "node_modules/tool": {
      version: "1.2.3",
      dev: true,
      optionalDependencies: { "@tool/linux-x64": "1.2.3", "@tool/linux-arm64-musl": "1.2.3", extra: "^2.0.0" },
    },
    "node_modules/@tool/linux-x64": { version: "1.2.3" },
  },
};

describe("completeLock", () => {
  it("names a platform's part that the registry did not carry, with the platform it is for", () => {
    const { lock, added } = completeLock(LOCK);
    expect(added).toEqual(["@tool/linux-arm64-musl"]);
    expect(lock.packages["node_modules/@tool/linux-arm64-musl"]).toEqual({
      version: "1.2.3",
      cpu: ["arm64"],
      dev: true,
      libc: ["musl"],
      optional: true,
      os: ["linux"],
    });
  });

  it("leaves a complete lock as it is", () => {
    const { lock } = completeLock(LOCK);
    expect(completeLock(lock)).toEqual({ lock, added: [] });
  });
});

describe("checkLock", () => {
  it("reports each missing part", () => {
    expect(checkLock([{ path: "package-lock.json", text: JSON.stringify(LOCK) }])).toHaveLength(1);
    expect(checkLock([{ path: "package-lock.json", text: JSON.stringify(completeLock(LOCK).lock) }])).toHaveLength(0);
  });
});
