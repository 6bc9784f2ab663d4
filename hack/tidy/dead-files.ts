import type { FileImport } from "./imports.ts";
import { isGenerated, isTest, isTypeScript, type RepositoryFile, type TidyFault } from "./repository.ts";

/** Where the product starts. Worker threads are found through the path that starts them. */
const PRODUCT_ENTRIES: readonly string[] = ["pipeline/main.ts", "pipeline/cli/main.ts", "ui/src/main.tsx", "ui/main.tsx"];

/**
 * Files nobody reaches. A source of the product that only tests import is dead too: it is tested, and does nothing.
 */
export function checkDeadFiles(files: readonly RepositoryFile[], imports: readonly FileImport[]): readonly TidyFault[] {
  const sources = files.map((file) => file.path).filter((path) => isTypeScript(path) && !path.endsWith(".d.ts") && !isGenerated(path));
  const named = namedInScripts(files);
  const product = sources.filter((path) => PRODUCT_ENTRIES.includes(path) || named.has(path));
  const chores = sources.filter((path) => path.endsWith(".config.ts") || /\.test\.tsx?$/.test(path));
  const fromProduct = reach(product, imports);
  const fromAnywhere = reach([...product, ...chores], imports);
  return sources.flatMap((path) => {
    const inProduct = /^(pipeline|operator|ui)\//.test(path) && !isTest(path) && !path.endsWith(".config.ts");
    if (inProduct && !fromProduct.has(path)) {
      const problem = fromAnywhere.has(path) ? "is reached by tests only" : "is reached by nobody";
      return [{ path, problem, remedy: "use it or remove it; what only tests need belongs in a testing/ folder or under test/" }];
    }
    if (!inProduct && !fromAnywhere.has(path))
      return [{ path, problem: "is reached by nobody", remedy: "use it, name it in package.json, or remove it" }];
    return [];
  });
}

/** Paths that package.json, bin/, CI, the page's HTML and other chores start, and those that documents tell people to start. */
function namedInScripts(files: readonly RepositoryFile[]): ReadonlySet<string> {
  const named = new Set<string>();
  for (const file of files) {
    const folder = file.path.includes("/") ? file.path.slice(0, file.path.lastIndexOf("/") + 1) : "";
    const starts = file.path === "package.json" || /^(bin|\.ci)\/|index\.html$/.test(file.path);
    const pattern = starts ? /[\w./-]+\.tsx?\b/g : /^hack\/.*\.ts$|\.md$/.test(file.path) ? /\bhack\/[\w./-]+\.ts\b/g : undefined;
    if (pattern === undefined) continue;
    for (const match of (file.text ?? "").matchAll(pattern)) {
      const path = match[0].replace(/^\.?\//, "");
      // A file's own words about how to start it start nothing.
      if (path === file.path) continue;
      named.add(path);
      named.add(folder + path);
    }
  }
  return named;
}

function reach(entries: readonly string[], imports: readonly FileImport[]): ReadonlySet<string> {
  const next = new Map<string, string[]>();
  for (const edge of imports) {
    const list = next.get(edge.from);
    if (list === undefined) next.set(edge.from, [edge.to]);
    else list.push(edge.to);
  }
  const reached = new Set<string>(entries);
  const open = [...entries];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    for (const to of next.get(path) ?? []) {
      // The page's sources import without an ending, as bundlers allow.
      for (const candidate of [to, `${to}.ts`, `${to}.tsx`, `${to}/index.ts`]) {
        if (reached.has(candidate)) continue;
        reached.add(candidate);
        open.push(candidate);
      }
    }
  }
  return reached;
}
