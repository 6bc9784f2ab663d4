import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../base/log.ts";

export type PageBuild = {
  /** What a browser is told while there is no page. */
  state(): string;
  stop(): void;
};

/**
 * Builds the web page beside the starting server when it is missing or older than its sources; the server takes it up as soon as it
 * is there. Nothing happens where there are no sources (an installed package brings the built page along).
 */
export function buildPage({ wanted, root, log }: { readonly wanted: boolean; readonly root: string; readonly log: Log }): PageBuild {
  const vite = join(root, "node_modules/.bin/vite");
  if (!wanted) return { state: () => "the web page is not built: run `npm run ui:build`; the API answers all the same\n", stop: () => {} };
  if (!isStale(join(root, "ui"))) return { state: () => "the web page is missing\n", stop: () => {} };
  if (!existsSync(vite)) {
    return { state: () => "the web page is not built, and what builds it is not installed: run `npm ci`\n", stop: () => {} };
  }
  let state = "the web page is being built, this takes a few seconds: it appears here by itself\n";
  log.info({}, "building the web page");
  const child = spawn(process.execPath, [vite, "build", join(root, "ui"), "--logLevel", "warn"], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  child.once("error", (error) => said.push(Buffer.from(String(error))));
  child.once("close", (code) => {
    if (code === 0) {
      log.info({}, "the web page is built");
    } else if (code !== null) {
      state = "the web page could not be built: the server's log says why; the API answers all the same\n";
      log.error({ exit_code: code, output: Buffer.concat(said).toString("utf8").slice(0, 4000) }, "the web page could not be built");
    }
  });
  return { state: () => state, stop: () => void child.kill() };
}

function isStale(ui: string): boolean {
  if (!existsSync(join(ui, "index.html"))) return false;
  const built = join(ui, "dist/index.html");
  if (!existsSync(built)) return true;
  const builtMs = statSync(built).mtimeMs;
  return readdirSync(ui, { recursive: true, withFileTypes: true }).some((entry) => {
    const path = join(entry.parentPath, entry.name);
    return entry.isFile() && !path.startsWith(join(ui, "dist")) && statSync(path).mtimeMs > builtMs;
  });
}
