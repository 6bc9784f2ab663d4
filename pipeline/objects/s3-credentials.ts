import type { S3ClientConfig } from "@aws-sdk/client-s3";
import { fromIni, fromInstanceMetadata, fromTokenFile } from "@aws-sdk/credential-providers";
import type { Clock } from "../base/clock.ts";
import { MINUTE_MS } from "../base/units.ts";
import type { S3Settings } from "./s3-settings.ts";

/** How long keys from a file are used before it is read again. */
export const FILE_REREAD_MS = MINUTE_MS;
/** The library asks for new credentials so long before the old ones expire. */
const REFRESHED_BEFORE_MS = 5 * MINUTE_MS;

/** Undefined: the library looks where Amazon's tools look. Tokens and instances say themselves how long their keys are good for. */
export function credentialsOf(settings: S3Settings, clock: Clock): S3ClientConfig["credentials"] {
  const { accessKeyId, secretAccessKey, sessionToken, credentialsFile } = settings;
  switch (settings.credentials) {
    case "static":
      if (credentialsFile !== "") return fileCredentials(credentialsFile, clock);
      return { accessKeyId, secretAccessKey, ...(sessionToken === "" ? {} : { sessionToken }) };
    case "web_identity":
      return fromTokenFile();
    case "instance":
      return fromInstanceMetadata();
    case "auto":
      return undefined;
  }
}

/**
 * Keys in a file have no end, and would be read once for the life of a process: with one, a file that was changed is in force a minute later. One that
 * cannot be read just then, since somebody is about to replace it, changes nothing: once its keys are refused, the fault says where they come from.
 */
function fileCredentials(filepath: string, clock: Clock): Extract<S3ClientConfig["credentials"], () => unknown> {
  const read = fromIni({ filepath, ignoreCache: true });
  let known: Awaited<ReturnType<typeof read>> | undefined;
  return async () => {
    try {
      known = await read();
    } catch (error) {
      if (known === undefined) throw error;
    }
    return { ...known, expiration: new Date(clock.nowMs() + FILE_REREAD_MS + REFRESHED_BEFORE_MS) };
  };
}
