import { readFileSync } from "node:fs";
import { join } from "node:path";

type Manifest = { readonly name: string; readonly version: string; readonly license?: string | { readonly type?: string } };

/**
 * What an image is made of as CycloneDX JSON: the packages whose folders it was made from, and Node. The same for the same folders: no serial
 * number, no time.
 */
export function sbom(version: string, packages: readonly string[]): string {
  const components = packages
    .map((folder) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest)
    .map(({ name, version: its, license }) => ({
      type: "library",
      name,
      version: its,
      purl: `pkg:npm/${name.replace("@", "%40")}@${its}`,
      ...licenses(license),
    }))
    .sort((a, b) => (a.purl < b.purl ? -1 : 1));
  const node = { type: "application", name: "node", version: process.versions.node, purl: `pkg:generic/node@${process.versions.node}` };
  const metadata = { component: { type: "application", name: "brazier", version } };
  return `${JSON.stringify({ bomFormat: "CycloneDX", specVersion: "1.5", version: 1, metadata, components: [node, ...components] }, null, 1)}\n`;
}

/** An expression of SPDX, or what the package says instead. */
function licenses(license: Manifest["license"]): { readonly licenses?: readonly object[] } {
  const text = typeof license === "string" ? license : license?.type;
  if (text === undefined) return {};
  return { licenses: [/^[A-Za-z0-9.+()\- ]+$/.test(text) ? { expression: text } : { license: { name: text } }] };
}
