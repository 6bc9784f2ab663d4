import { posix } from "node:path";
import type { RepositoryFile, TidyFault } from "./repository.ts";

/*
 * Documents that lead nowhere are worse than none. Checked: relative links of Markdown files, paths of this repository in
 * back ticks, decision records named in code, and that each decision record is in the index.
 */

const DECISIONS = "docs/decisions/";
const INDEX = "docs/decisions/README.md";

export function checkDocuments(files: readonly RepositoryFile[]): readonly TidyFault[] {
  const paths = new Set(files.map((file) => file.path));
  const exists = (path: string): boolean =>
    paths.has(path) || files.some((file) => file.path.startsWith(path.endsWith("/") ? path : `${path}/`));
  const index = files.find((file) => file.path === INDEX)?.text ?? "";
  const unlisted = [...paths]
    .filter(
      (path) => /^docs\/decisions\/\d{4}-.*\.md$/.test(path) && !path.includes("0000-") && !index.includes(path.slice(DECISIONS.length)),
    )
    .map((path) => ({ path, problem: "is not in the index of decisions", remedy: `add it to ${INDEX}` }));
  const broken = files.flatMap((file) =>
    mentions(file)
      .filter(({ target }) => !exists(target))
      .map(({ target, line }) => ({
        path: file.path,
        line,
        problem: `leads to ${target}, which is not there`,
        remedy: "name what is there now",
      })),
  );
  return [...unlisted, ...broken];
}

type Mention = { readonly target: string; readonly line: number };

function mentions(file: RepositoryFile): readonly Mention[] {
  if (file.text === undefined) return [];
  const isMarkdown = file.path.endsWith(".md");
  if (!isMarkdown && !/\.(tsx?|go|proto)$/.test(file.path)) return [];
  // Change notes tell of their day, and tests make up paths.
  if (file.path.startsWith(".changes/") || file.path.startsWith("hack/tidy/")) return [];
  return file.text.split("\n").flatMap((text, index) => {
    const found = isMarkdown ? [...links(file.path, text), ...tickedPaths(text)] : [];
    return [...found, ...decisionsIn(text)].map((target) => ({ target, line: index + 1 }));
  });
}

function links(path: string, text: string): readonly string[] {
  return [...text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)]
    .map((match) => match[1]!)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => posix.normalize(posix.join(posix.dirname(path), link)));
}

/** `pipeline/block/FORMAT.md`, but not `pipeline/…` or `segments/`, which are no paths of the repository. */
function tickedPaths(text: string): readonly string[] {
  return [...text.matchAll(/`((?:pipeline|operator|crds|charts|ui|hack|test|docs|bin)\/[\w./-]+)`/g)]
    .map((match) => match[1]!)
    .filter((path) => !/\/(gen|dist)\//.test(`${path}/`));
}

function decisionsIn(text: string): readonly string[] {
  return [...text.matchAll(/docs\/decisions\/\d{4}-[\w-]+\.md/g)].map((match) => match[0]);
}
