import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../tidy/repository.ts";
import type { Step } from "./step.ts";

/** What must hold before any test says something: form, types, the repository's own rules, generated files. */
export function checks(): readonly Step[] {
  const ui = existsSync(join(ROOT, "ui/tsconfig.json")) ? [{ name: "types of the page", command: ["tsc", "-p", "ui"] }] : [];
  return [
    { name: "form", command: ["biome", "ci", "--diagnostic-level=error", "."] },
    { name: "types", command: ["tsc", "-p", "."] },
    ...ui,
    { name: "tidy", command: ["node", "hack/tidy.ts"] },
    { name: "generated files", command: ["node", "hack/generate.ts", "--check"] },
  ];
}
