import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { checkConfig } from "../../pipeline/config/check.ts";
import { loadConfig } from "../../pipeline/config/load.ts";

/* What the operator writes into ConfigMaps is read by programs of their own: this holds both sides together. */

const FOLDER = join(import.meta.dirname, "testdata");
const AGENT_OPTIONS = readFileSync(join(import.meta.dirname, "../../agent/internal/config/options.go"), "utf8");
const scratch = mkdtempSync(join(tmpdir(), "brazier-rendered-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

type Variable = { readonly name: string; readonly value?: string };
type Container = { readonly args?: readonly string[]; readonly env?: readonly Variable[] };
type Rendered = {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: { readonly template?: { readonly spec: { readonly containers: readonly Container[] } } };
};

const cases = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".out.yaml"))
  .map((name) => {
    const objects = parseAllDocuments(readFileSync(join(FOLDER, name), "utf8")).map((document) => document.toJS() as Rendered);
    return { name, objects };
  });

function fileOf(objects: readonly Rendered[], file: string): string | undefined {
  return objects.find(({ kind, data }) => kind === "ConfigMap" && data?.[file] !== undefined)?.data?.[file];
}

function serversOf(objects: readonly Rendered[]): readonly Container[] {
  return objects.flatMap(({ spec }) => spec?.template?.spec.containers ?? []).filter(({ args }) => args?.[0] === "serve");
}

describe.each(cases)("what $name gives", ({ name, objects }) => {
  it("the server is a configuration without a fault, for each of its roles", () => {
    const path = join(scratch, `${name}.brazier.yaml`);
    writeFileSync(path, fileOf(objects, "brazier.yaml") as string);
    const servers = serversOf(objects);
    expect(servers.length).toBeGreaterThan(0);
    for (const { args = [], env = [] } of servers) {
      const role = args.find((arg) => arg.startsWith("--role="))?.slice("--role=".length) ?? "all";
      const environment = Object.fromEntries(env.map(({ name: variable, value }) => [variable, value ?? "from-a-secret"]));
      const { config, warnings } = loadConfig({ flags: { role }, environment, file: path });
      expect(warnings).toEqual([]);
      expect(checkConfig(config).errors).toEqual([]);
    }
  });

  it("the agent is settings that it knows", () => {
    const text = fileOf(objects, "agent.yaml");
    if (text === undefined) return;
    const known = new Set([...AGENT_OPTIONS.matchAll(/^\t+(?:\w+\(|.*option\{key: )"([a-z_]+)", /gm)].map((match) => match[1]));
    expect(known.size).toBeGreaterThan(10);
    for (const key of Object.keys(parse(text) as object)) expect(known).toContain(key);
  });
});
