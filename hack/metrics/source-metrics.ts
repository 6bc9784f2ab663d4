import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** A metric as the source declares it. */
export type SourceMetric = {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
  /** Relative to the repository. */
  readonly file: string;
};

const DECLARATION = /\b(counter|gauge|histogram)(?:<[^>]*>)?\(\s*(?:\w+\.)*registry,\s*\{/g;

/**
 * Every metric that the server can have, whatever its configuration: read from the source, since no one process registers all of them.
 * A declaration whose name or help is no plain text is a fault: nobody could find it by its name.
 */
export function sourceMetrics(root: string): readonly SourceMetric[] {
  const folder = join(root, "pipeline");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !/(^|\/)(gen|testing)\//.test(name))
    .map((name) => relative(root, join(folder, name)))
    .filter((file) => file !== "pipeline/base/metrics.ts");
  return files.flatMap((file) => declaredIn(file, readFileSync(join(root, file), "utf8"))).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function declaredIn(file: string, text: string): readonly SourceMetric[] {
  return [...text.matchAll(DECLARATION)].map((match) => {
    const options = objectAt(text, match.index + match[0].length);
    const name = /\bname:\s*"([^"]+)"/.exec(options)?.[1];
    const help = /\bhelp:\s*"((?:[^"\\]|\\.)*)"/.exec(options)?.[1];
    if (name === undefined || help === undefined)
      throw new Error(`${file}: a metric needs a name and a help that are plain text: ${options.slice(0, 80)}`);
    const labels = [...(/\blabelNames:\s*\[([^\]]*)\]/.exec(options)?.[1] ?? "").matchAll(/"([^"]+)"/g)].map(
      ([, label]) => label as string,
    );
    return { name, kind: match[1] as SourceMetric["kind"], help: help.replaceAll('\\"', '"'), labels, file };
  });
}

/** The text up to the brace that closes the one before `start`. */
function objectAt(text: string, start: number): string {
  let depth = 1;
  let at = start;
  for (; at < text.length && depth > 0; at++) depth += text[at] === "{" ? 1 : text[at] === "}" ? -1 : 0;
  return text.slice(start, at);
}
