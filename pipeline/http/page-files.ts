import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { CodedError, FaultKind } from "../base/errors.ts";
import type { PlainRoutes } from "./plain-app.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".json": "application/json",
  ".txt": "text/plain; charset=utf-8",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
};

/** The page loads nothing from elsewhere and runs nothing inline; styles may be set by scripts (the flame graph places its boxes so). */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; frame-ancestors 'self'";

/** Names under assets/ carry a hash of their content: they never change. */
const FOREVER = "public, max-age=31536000, immutable";

type PageFile = { readonly type: string; readonly cache: string; readonly body: Buffer };

export type PageDeps = {
  /** The folder of the built page. It may appear or be replaced while the server runs. */
  readonly folder: string;
  /** What to say while there is none. */
  readonly absent: () => string;
};

/**
 * The web page: its files from memory (only files that exist there can be asked for), and its entry for every other path that a browser
 * opens, since the page keeps its state in the address.
 */
export function pageRoutes({ folder, absent }: PageDeps): PlainRoutes {
  let files: ReadonlyMap<string, PageFile> = new Map();
  let builtMs: number | undefined;
  const current = async (): Promise<ReadonlyMap<string, PageFile>> => {
    const modifiedMs = await stat(join(folder, "index.html")).then(
      (entry) => entry.mtimeMs,
      () => undefined,
    );
    if (modifiedMs !== builtMs) {
      files = modifiedMs === undefined ? new Map() : await loadFiles(folder);
      builtMs = modifiedMs;
    }
    return files;
  };
  return ({ fastify }) => {
    fastify.get("/*", async (request, reply) => {
      const path = (request.params as { "*": string })["*"];
      const found = (await current()).get(path === "" ? "index.html" : path);
      // A name with an ending is a file; everything else is a place in the page.
      const file = found ?? (extname(path) === "" && wantsPage(request.headers.accept) ? files.get("index.html") : undefined);
      if (file !== undefined) {
        return reply
          .headers({
            "cache-control": file.cache,
            "content-security-policy": CONTENT_SECURITY_POLICY,
            "referrer-policy": "no-referrer",
          })
          .type(file.type)
          .send(file.body);
      }
      if (path === "" || (files.size === 0 && wantsPage(request.headers.accept))) {
        return reply.code(503).header("retry-after", "2").header("refresh", "2").type("text/plain; charset=utf-8").send(absent());
      }
      throw new CodedError("route_unknown", FaultKind.NotFound, `nothing is served at ${request.url.slice(0, 200)}`);
    });
  };
}

function wantsPage(accept: string | undefined): boolean {
  return accept?.includes("text/html") === true;
}

async function loadFiles(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = new Map<string, PageFile>();
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path).split(sep).join("/");
    const cache = name.startsWith("assets/") ? FOREVER : "no-cache";
    files.set(name, { type: TYPES[extname(name)] ?? "application/octet-stream", cache, body: await readFile(path) });
  }
  return files;
}
