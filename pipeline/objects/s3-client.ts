import { readFile } from "node:fs/promises";
import { Agent } from "node:https";
import { S3Client } from "@aws-sdk/client-s3";
import type { Clock } from "../base/clock.ts";
import { objectError } from "./errors.ts";
import { credentialsOf } from "./s3-credentials.ts";
import type { S3Settings } from "./s3-settings.ts";

/** Parallel reads of the queries of one thread, and more than S3 answers at once from one line. */
const CONNECTIONS_MAX = 64;

/**
 * The client of the library with its own retries off: {@link S3Store} retries whole calls, bodies included.
 * Errors: `object_store_unsuitable` when the file of authorities cannot be read.
 */
export async function s3Client(settings: S3Settings, clock: Clock): Promise<S3Client> {
  const { endpoint, region, pathStyle, caFile } = settings;
  const credentials = credentialsOf(settings, clock);
  return new S3Client({
    region,
    forcePathStyle: pathStyle,
    maxAttempts: 1,
    // Gateways that only speak the older protocol refuse the newer checksums; the signature covers what is sent, and our bytes carry checksums of their own.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    ...(endpoint === "" ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    requestHandler: {
      connectionTimeout: settings.timeoutMs,
      httpAgent: { keepAlive: true, maxSockets: CONNECTIONS_MAX },
      httpsAgent: new Agent({
        keepAlive: true,
        maxSockets: CONNECTIONS_MAX,
        ...(caFile === "" ? {} : { ca: await readAuthorities(caFile) }),
      }),
    },
  });
}

async function readAuthorities(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw objectError("object_store_unsuitable", `cannot read storage.s3.ca_file ${path}: ${String(error)}`, { path }, error);
  }
}
