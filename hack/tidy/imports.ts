import { posix } from "node:path";
import type { RepositoryFile } from "./repository.ts";

/** One file naming another of this repository: by import, by dynamic import, or as the address of a worker thread. */
export type FileImport = { readonly from: string; readonly to: string; readonly line: number; readonly typeOnly: boolean };

const STATEMENT = /(?:^|[\s;])(import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?["'](\.{1,2}\/[^"']+)["']/g;
/** `import("./x.ts")`, `new URL("./x.ts", import.meta.url)`, and any other path of a source in a string, "x.ts" included. */
const MENTION = /["'`]((?:\.{1,2}\/)?[^"'`\s:]+\.(?:tsx?|css|json))["'`]/g;

export function importsOf(file: RepositoryFile): readonly FileImport[] {
  if (file.text === undefined) return [];
  const found = new Map<string, FileImport>();
  const add = (specifier: string, index: number, typeOnly: boolean): void => {
    const to = posix.normalize(posix.join(posix.dirname(file.path), specifier));
    const known = found.get(to);
    // A file that is imported both as types and as values is imported as values.
    if (known !== undefined && (!known.typeOnly || typeOnly)) return;
    found.set(to, { from: file.path, to, line: lineAt(file.text ?? "", index), typeOnly });
  };
  for (const match of file.text.matchAll(STATEMENT)) add(match[3]!, match.index + match[0].length, match[2] !== undefined);
  for (const match of file.text.matchAll(MENTION)) {
    const to = posix.normalize(posix.join(posix.dirname(file.path), match[1]!));
    if (!found.has(to)) add(match[1]!, match.index, false);
  }
  return [...found.values()];
}

function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < index; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
