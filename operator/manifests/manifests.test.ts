import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isCoded } from "../../pipeline/base/errors.ts";
import { manifestsOf } from "./manifests.ts";

/* `<case>.in.yaml` gives `<case>.out.yaml`; UPDATE_GOLDEN=1 writes what is there now, and the difference is read like code. */

const FOLDER = join(import.meta.dirname, "testdata");
const cases = readdirSync(FOLDER).filter((name) => name.endsWith(".in.yaml"));

describe("manifests", () => {
  it.each(cases)("of %s are those beside it", async (name) => {
    const made = await manifestsOf(readFileSync(join(FOLDER, name), "utf8"), { version: "0.1.0" });
    const golden = join(FOLDER, name.replace(".in.", ".out."));
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(golden, made);
    expect(made).toBe(readFileSync(golden, "utf8"));
  });

  it.each([
    ["a field that is none", "spec: { storag: {} }", /spec\.storag: is no field/],
    ["a size that is none", "spec: { size: huge, storage: {} }", /spec\.size: takes one of demo, small, medium, large/],
    ["no storage", "spec: {}", /spec\.storage: is required/],
    ["a number beyond its range", "spec: { storage: {}, agent: { sampleRate: 5000 } }", /spec\.agent\.sampleRate: takes 1 to 200/],
  ])("name %s", async (_, spec, message) => {
    const text = `{ apiVersion: profiling.brazier.dev/v1alpha1, kind: ProfilingStack, metadata: { name: main } }\n`.replace(
      "} }",
      `}, ${spec} }`,
    );
    const fault = await manifestsOf(text, { version: "0.1.0" }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(isCoded(fault, "manifests_invalid")).toBe(true);
    expect((fault as Error).message).toMatch(message);
  });
});
