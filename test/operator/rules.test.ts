import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ApiServer } from "../../operator/kube/cluster.ts";
import { type ApiServerProcess, startApiServer, whyNoApiServer } from "../harness/api-server.ts";
import { REPOSITORY } from "../harness/server.ts";
import { QUEUE_CHANGES, RULE_CASES, type RuleCase } from "./rule-cases.ts";

/* What the kinds refuse by themselves, without an operator: each rule of `crds/` from both sides, on a real API server. */

const reason = whyNoApiServer();
if (reason !== undefined) console.log(`operator rules: ${reason}`);

type Rule = { readonly rule: string; readonly message: string };
type Schema = {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly "x-kubernetes-validations"?: readonly Rule[];
};
type Definition = {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
};

const CRDS = join(REPOSITORY, "crds");
const RULES: ReadonlyMap<string, Rule> = new Map(
  readdirSync(CRDS).flatMap((file) => {
    const { spec } = parse(readFileSync(join(CRDS, file), "utf8")) as Definition;
    return spec.versions.flatMap(({ schema }) => rulesOf(schema.openAPIV3Schema, spec.names.kind, ""));
  }),
);

function rulesOf(schema: Schema, kind: string, at: string): readonly (readonly [string, Rule])[] {
  const inside = (step: string): string => (at === "" ? step : `${at}.${step}`);
  return [
    ...(schema["x-kubernetes-validations"] ?? []).map((rule, index) => [nameOf({ kind, at, index }), rule] as const),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => rulesOf(inner, kind, inside(name))),
    ...(schema.items === undefined ? [] : rulesOf(schema.items, kind, `${at}[]`)),
    ...(schema.additionalProperties === undefined ? [] : rulesOf(schema.additionalProperties, kind, `${at}{}`)),
  ];
}

function nameOf({ kind, at, index }: { readonly kind: string; readonly at: string; readonly index: number }): string {
  return `${kind} ${at} ${index}`;
}

describe("the table of rules", () => {
  it("has a row for every rule of the definitions, and no other", () => {
    expect(RULE_CASES.map(nameOf).sort()).toEqual([...RULES.keys()].sort());
  });
});

describe("the definitions", () => {
  it.each(readdirSync(CRDS))("mean the same in both versions of YAML: %s", (file) => {
    // kubectl reads the older one, in which some bare words are booleans.
    const text = readFileSync(join(CRDS, file), "utf8");
    expect(parse(text, { version: "1.1", merge: false })).toEqual(parse(text));
  });
});

describe.skipIf(reason !== undefined)("rules on a real API server", () => {
  let api: ApiServerProcess;
  let cluster: ApiServer;

  beforeAll(async () => {
    api = await startApiServer();
    api.kubectl(["apply", "--server-side", "-f", CRDS]);
    api.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    const config = new KubeConfig();
    config.loadFromFile(api.kubeconfig);
    cluster = new ApiServer(config);
  });
  afterAll(async () => api?.stop());

  const apply = async ({ kind }: Pick<RuleCase, "kind">, name: string, spec: unknown): Promise<string> => {
    const object = { apiVersion: "profiling.brazier.dev/v1alpha1", kind, metadata: { name, namespace: "default" }, spec };
    return cluster.apply(object, { manager: "test" }).then(
      () => "taken",
      (error: Error) => error.message,
    );
  };

  it.each(RULE_CASES.map((one, at) => [nameOf(one), one, `rule-${at}`] as const))("hold of %s", async (rule, one, name) => {
    if (one.before !== undefined) expect(await apply(one, name, one.before)).toBe("taken");
    const refusal = await apply(one, one.badName ?? (one.before === undefined ? `${name}-bad` : name), one.bad);
    expect(refusal).toContain(RULES.get(rule)?.message ?? "a message");
    expect(await apply(one, name, one.good)).toBe("taken");
  });

  it.each(QUEUE_CHANGES.map((one, at) => [one.title, one, `queue-${at}`] as const))(
    "about the queue meet in %s",
    async (_, change, name) => {
      const kind = { kind: "ProfilingStack" } as const;
      expect(await apply(kind, name, change.before)).toBe("taken");
      const answer = await apply(kind, name, change.after);
      if (change.isTaken) expect(answer).toBe("taken");
      else expect(answer).toMatch(/would never be stored|what waits is lost|cannot change, by a size either/);
    },
  );
});
