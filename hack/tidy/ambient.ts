import { codeOnly } from "./code-only.ts";
import { isGenerated, isTest, isTypeScript, type RepositoryFile, type TidyFault } from "./repository.ts";

/** A call that takes the world from nowhere. `allowed` are the places whose job it is. */
type Ban = { readonly call: string; readonly pattern: RegExp; readonly instead: string; readonly allowed: readonly string[] };

/** The command line is a process of its own, made of edges only. */
const CLI = "pipeline/cli/";

const BANS: readonly Ban[] = [
  {
    call: "Date.now()",
    pattern: /\bDate\.now\b/,
    instead: "take a Clock (base/clock.ts): clock.nowMs()",
    allowed: ["pipeline/base/", CLI],
  },
  {
    call: "new Date()",
    pattern: /\bnew Date\(\s*\)/,
    instead: "take a Clock (base/clock.ts): clock.nowMs()",
    allowed: ["pipeline/base/", CLI],
  },
  {
    call: "performance.now()",
    pattern: /\b(?:performance\.now|process\.hrtime)\b/,
    instead: "take a Clock (base/clock.ts): clock.monotonicMs()",
    allowed: ["pipeline/base/", CLI],
  },
  {
    call: "Math.random()",
    pattern: /\bMath\.random\b|\brandomUUID\b|\brandomBytes\b/,
    instead: "take a Random (base/random.ts)",
    allowed: ["pipeline/base/"],
  },
  {
    call: "setTimeout()",
    pattern: /(?<![.\w])(?:setTimeout|setInterval)\(|\btimers\/promises\b/,
    instead: "take a Clock (base/clock.ts): await clock.sleep(duration, signal)",
    allowed: ["pipeline/base/", CLI],
  },
  {
    call: "fetch()",
    pattern: /(?<![.\w])fetch\(/,
    instead: "reach a neighbour through its adapter, given as a dependency",
    allowed: ["pipeline/base/", CLI],
  },
  {
    call: "process.env",
    pattern: /\bprocess\.env\b/,
    instead: "add a key to the schema in config/: flag, environment and file then work alike",
    allowed: ["pipeline/base/", "pipeline/config/", "pipeline/main.ts", CLI],
  },
];

/** Banned calls in the product's server; tests, chores and the browser's page live in the ambient world. */
export function checkAmbient(files: readonly RepositoryFile[]): readonly TidyFault[] {
  return files.filter(isBound).flatMap((file) => {
    const lines = codeOnly(file.text ?? "").split("\n");
    return BANS.filter((ban) => !ban.allowed.some((place) => file.path.startsWith(place))).flatMap((ban) =>
      lines.flatMap((line, index) =>
        ban.pattern.test(line) ? [{ path: file.path, line: index + 1, problem: `calls ${ban.call}`, remedy: ban.instead }] : [],
      ),
    );
  });
}

function isBound(file: RepositoryFile): boolean {
  return isTypeScript(file.path) && /^(pipeline|operator)\//.test(file.path) && !isTest(file.path) && !isGenerated(file.path);
}
