import type { RepositoryFile, TidyFault } from "./repository.ts";

const KINDS = ["added", "changed", "fixed", "removed"];

/** Change notes have the form that a release collects: the kind alone in the first line, an empty line, sentences. */
export function checkChanges(files: readonly RepositoryFile[]): readonly TidyFault[] {
  return files.flatMap(({ path, text = "" }) => {
    if (!path.startsWith(".changes/") || path.endsWith("/README.md")) return [];
    const [kind = "", empty, ...sentences] = text.split("\n");
    const wellFormed = KINDS.includes(kind) && empty === "" && sentences.join("").trim() !== "";
    return wellFormed ? [] : [{ path, problem: "is not in the form of a change note", remedy: "see .changes/README.md" }];
  });
}
