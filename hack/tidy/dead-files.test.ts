import { describe, expect, it } from "vitest";
import { checkDeadFiles } from "./dead-files.ts";
import { importsOf } from "./imports.ts";
import type { RepositoryFile } from "./repository.ts";

function deadIn(files: Readonly<Record<string, string>>): readonly string[] {
  const repository: readonly RepositoryFile[] = Object.entries(files).map(([path, text]) => ({ path, text }));
  return checkDeadFiles(repository, repository.flatMap(importsOf)).map((fault) => fault.path);
}

describe("dead files", () => {
  it("reaches imports, type imports, dynamic imports and worker threads from the entry", () => {
    const files = {
      "pipeline/main.ts":
        'import { a } from "./a.ts";\nimport type { B } from "./b.ts";\nawait import("./c.ts");\nnew URL("./d.ts", import.meta.url);',
      "pipeline/a.ts": 'export { e } from "./e.ts";',
      "pipeline/b.ts": "",
      "pipeline/c.ts": "",
      "pipeline/d.ts": "",
      "pipeline/e.ts": "",
    };
    expect(deadIn(files)).toEqual([]);
  });

  it("names a source that only a test imports", () => {
    const files = { "pipeline/main.ts": "", "pipeline/a.ts": "", "pipeline/a.test.ts": 'import "./a.ts";' };
    expect(deadIn(files)).toEqual(["pipeline/a.ts"]);
  });

  it("takes a testing/ folder and a script of package.json for alive", () => {
    const files = {
      "package.json": '{"scripts":{"x":"node hack/x.ts"}}',
      "hack/x.ts": "",
      "hack/y.ts": "",
      "pipeline/testing/t.ts": "",
      "pipeline/a.test.ts": 'import "./testing/t.ts";',
    };
    expect(deadIn(files)).toEqual(["hack/y.ts"]);
  });
});
