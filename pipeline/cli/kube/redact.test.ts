import { describe, expect, it } from "vitest";
import { REDACTED, redactObject, redactSettings, redactText } from "./redact.ts";

describe("an object that leaves the cluster", () => {
  it("keeps names of variables and not their values", () => {
    const env = [
      { name: "TOKEN", value: "hush" },
      { name: "KEY", valueFrom: { secretKeyRef: { name: "s3", key: "k" } } },
    ];
    expect(redactObject({ spec: { containers: [{ env }] } })).toEqual({
      spec: { containers: [{ env: [{ name: "TOKEN", value: REDACTED }, env[1]] }] },
    });
    expect(redactObject({ query: { extraEnv: env } })).toMatchObject({ query: { extraEnv: [{ value: REDACTED }, {}] } });
  });

  it("keeps settings but those that open something", () => {
    const config = { "query.timeout": "30s", "tracing.headers": "authorization: hush" };
    expect(redactObject({ spec: { config } })).toEqual({ spec: { config: { "query.timeout": "30s", "tracing.headers": REDACTED } } });
    const text = "query:\n  timeout: 30s\ntracing:\n  headers: hush\n";
    expect(redactSettings(text)).toBe(`query:\n  timeout: 30s\ntracing:\n  headers: ${REDACTED}\n`);
    expect(redactSettings("storage:\n  s3:\n    access_key_id: hush\nqueue:\n  nats:\n    user: hush\n")).not.toContain("hush");
    expect(JSON.stringify(redactObject({ data: { "brazier.yaml": text } }))).not.toContain("hush");
  });

  it.each([
    [["--set=tracing.headers=hush"], [`--set=tracing.headers=${REDACTED}`]],
    [
      ["--set", "tracing.headers=hush"],
      ["--set", `tracing.headers=${REDACTED}`],
    ],
    [
      ["--set=query.timeout=30s", "--role=query"],
      ["--set=query.timeout=30s", "--role=query"],
    ],
    [["--headers=X-Key: hush"], [`--headers=${REDACTED}`]],
    [
      ["--headers", "X-Key: hush"],
      ["--headers", REDACTED],
    ],
  ])("keeps arguments but those that open something: %s", (args, kept) => {
    expect(redactObject({ args })).toEqual({ args: kept });
  });

  it("drops copies of itself", () => {
    const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "hush", mine: "stays" };
    expect(redactObject({ metadata: { annotations, managedFields: [{}] } })).toEqual({ metadata: { annotations: { mine: "stays" } } });
  });
});

describe("a text that leaves the cluster", () => {
  it.each([
    ["nats://eva:hush@nats:4222 and http://s3:9000", `nats://${REDACTED}@nats:4222 and http://s3:9000`],
    ["authorization: Bearer abcdefgh.ijkl", `authorization: Bearer ${REDACTED}`],
    ["a mail of eva@example.com", "a mail of eva@example.com"],
  ])("has nobody's word in it: %s", (text, kept) => {
    expect(redactText(text)).toBe(kept);
  });
});
