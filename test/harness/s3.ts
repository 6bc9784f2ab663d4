import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { get as getSecurely } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { s3Server } from "../../hack/neighbours/s3-server.ts";
import type { S3Settings } from "../../pipeline/objects/s3-settings.ts";
import { startChild } from "./child.ts";
import { freePorts } from "./free-port.ts";
import { until } from "./until.ts";

/* A real S3 server with one bucket, in a process of its own on a loopback port. */

export interface S3TestServer {
  readonly url: string;
  readonly pid: number;
  /** The folder of the bucket: each object is a file by its key. */
  readonly root: string;
  readonly settings: S3Settings;
  /** The key `storage` of a configuration that uses it. */
  readonly storage: Readonly<Record<string, unknown>>;
  /** SIGSTOP and SIGCONT: a server that neither answers nor goes away. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it and removes what it holds. */
  stop(): Promise<void>;
}

const BUCKET = "profiles";
const KEY = "brazier-test";
const SECRET = "brazier-test-secret";
const READY_WITHIN_MS = 60_000;

export type S3ServerOptions = {
  /** PEM files: the server then speaks HTTPS only. */
  readonly tls?: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
};

export async function startS3({ tls }: S3ServerOptions = {}): Promise<S3TestServer> {
  const program = await s3Server();
  for (let attempt = 1; ; attempt++) {
    const folder = await mkdtemp(join(tmpdir(), "brazier-s3-"));
    await mkdir(join(folder, "root", BUCKET), { recursive: true });
    await mkdir(join(folder, "meta"));
    const [port] = (await freePorts(1)) as [number];
    const args = ["--port", `127.0.0.1:${port}`, "--access", KEY, "--secret", SECRET, "--quiet", "--health", "/health"];
    if (tls !== undefined) args.push("--cert", tls.certFile, "--key", tls.keyFile);
    const child = startChild(program, [...args, "posix", "--sidecar", join(folder, "meta"), join(folder, "root")]);
    const url = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
    const stop = async (): Promise<void> => {
      await child.end("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    };
    try {
      await until(
        `versitygw at ${url}`,
        async () => {
          if (child.exit !== undefined) return "ended";
          return (await isHealthy(`${url}/health`, tls?.caFile)) && "healthy";
        },
        { withinMs: READY_WITHIN_MS },
      );
      if (child.exit !== undefined) throw new Error(`versitygw ended at once:\n${child.logs()}`);
    } catch (error) {
      await stop();
      if (attempt < 3 && String(error).includes("address already in use")) continue;
      throw error;
    }
    const s3 = { bucket: BUCKET, endpoint: url, path_style: true, credentials: "static", access_key_id: KEY, secret_access_key: SECRET };
    return {
      url,
      pid: child.pid,
      root: join(folder, "root", BUCKET),
      settings: s3Settings(url, tls === undefined ? {} : { caFile: tls.caFile }),
      storage: { kind: "s3", s3 },
      signal: child.signal,
      stop,
    };
  }
}

/** `fetch` knows no authorities but the usual ones. */
async function isHealthy(url: string, caFile: string | undefined): Promise<boolean> {
  const ca = caFile === undefined ? undefined : await readFile(caFile);
  return new Promise((done, fail) => {
    const options = { agent: false, timeout: 2_000 } as const;
    const answered = (answer: IncomingMessage): void => {
      answer.resume().on("end", () => done(answer.statusCode === 200));
    };
    const asking = ca === undefined ? get(url, options, answered) : getSecurely(url, { ...options, ca }, answered);
    asking.on("timeout", () => asking.destroy(new Error("no answer in time")));
    asking.on("error", fail);
  });
}

export function s3Settings(url: string, changes: Partial<S3Settings> = {}): S3Settings {
  return {
    bucket: BUCKET,
    prefix: "",
    endpoint: url,
    region: "us-east-1",
    pathStyle: true,
    credentials: "static",
    accessKeyId: KEY,
    secretAccessKey: SECRET,
    sessionToken: "",
    credentialsFile: "",
    caFile: "",
    sse: "none",
    sseKmsKeyId: "",
    timeoutMs: 20_000,
    attempts: 4,
    hedgeAfterMs: 0,
    ...changes,
  };
}
