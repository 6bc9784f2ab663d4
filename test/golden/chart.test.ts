import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { INSTALL_NAMESPACE, plainInstall } from "../../hack/generate/plain-install.ts";
import { helm } from "../../hack/neighbours/helm.ts";
import { REPOSITORY } from "../harness/server.ts";

/*
 * What real helm makes of the chart, as golden YAML; and `charts/install.yaml`, which is made of it. UPDATE_GOLDEN=1 writes what is there now, and the
 * difference is read like code.
 */

const CHART = join(REPOSITORY, "charts/brazier");
const FOLDER = join(import.meta.dirname, "chart");
const run = promisify(execFile);

describe("the chart", () => {
  let program: string;
  const home = mkdtempSync(join(tmpdir(), "brazier-helm-"));

  beforeAll(async () => {
    program = await helm();
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  const template = async (...args: readonly string[]): Promise<string> => {
    const env = { ...process.env, HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
    const options = { env, maxBuffer: 16 * 1024 * 1024 };
    return (await run(program, ["template", "brazier", CHART, "--namespace", INSTALL_NAMESPACE, ...args], options)).stdout;
  };
  const isGolden = (path: string, made: string): void => {
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, made);
    expect(made).toBe(readFileSync(path, "utf8"));
  };

  it.each([
    ["default", []],
    ["full", ["--values", join(FOLDER, "full.values.yaml")]],
  ] as const)("renders its %s values as before", async (name, args) => {
    isGolden(join(FOLDER, `${name}.yaml`), await template(...args));
  });

  it("has every one of its keys among the full values, with another value", () => {
    const [own, full] = [join(CHART, "values.yaml"), join(FOLDER, "full.values.yaml")].map((path) =>
      leaves(parse(readFileSync(path, "utf8"))),
    );
    const same = [...(own as Map<string, string>)].filter(([path, value]) => (full as Map<string, string>).get(path) === value);
    expect(same).toEqual([]);
    expect([...(full as Map<string, string>).keys()].sort()).toEqual([...(own as Map<string, string>).keys()].sort());
  });

  it("is what the plain YAML installs, and that has no word of Helm in it", async () => {
    const definitions = readdirSync(join(REPOSITORY, "crds")).map((file) => readFileSync(join(REPOSITORY, "crds", file), "utf8"));
    const made = plainInstall(await template("--no-hooks"), definitions);
    isGolden(join(REPOSITORY, "charts/install.yaml"), made);
    expect(parseAllDocuments(made)[0]?.toJS()).toMatchObject({ kind: "Namespace" });
    expect(made.split("\n").filter((line) => !line.startsWith("#") && /helm/i.test(line))).toEqual([]);
  });
});

/** Paths of the values that a user sets, with what they are; what is free in form is one value. */
function leaves(values: Readonly<Record<string, unknown>>, at = ""): ReadonlyMap<string, string> {
  const FREE = ["resources", "annotations", "podLabels", "podAnnotations", "nodeSelector", "affinity"];
  return new Map(
    Object.entries(values).flatMap(([name, value]): readonly (readonly [string, string])[] => {
      const path = at === "" ? name : `${at}.${name}`;
      if (typeof value !== "object" || value === null || Array.isArray(value) || FREE.includes(name))
        return [[path, JSON.stringify(value)]];
      return [...leaves(value as Readonly<Record<string, unknown>>, path)];
    }),
  );
}
