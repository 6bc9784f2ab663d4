import { describe, expect, it } from "vitest";
import { checkDocuments } from "./documents.ts";

function problems(files: Readonly<Record<string, string>>): readonly string[] {
  return checkDocuments(Object.entries(files).map(([path, text]) => ({ path, text }))).map(({ problem }) => problem);
}

describe("checkDocuments", () => {
  it("follows links, paths in back ticks and decisions named in code", () => {
    const files = {
      "README.md": "[a](docs/a.md#part), [b](docs/), [out](https://example.org), `pipeline/main.ts`",
      "docs/a.md": "[up](../README.md)",
      "pipeline/main.ts": "// see docs/decisions/0001-x.md",
      "docs/decisions/0001-x.md": "",
      "docs/decisions/README.md": "0001-x.md",
    };
    expect(problems(files)).toEqual([]);
  });

  it("names what leads nowhere and a decision that is not in the index", () => {
    const files = {
      "README.md": "[a](docs/gone.md) `pipeline/gone.ts`",
      "pipeline/main.ts": "// see docs/decisions/0002-gone.md",
      "docs/decisions/0001-x.md": "",
      "docs/decisions/README.md": "",
    };
    expect(problems(files)).toHaveLength(4);
  });
});
