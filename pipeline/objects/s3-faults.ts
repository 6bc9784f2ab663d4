import { CodedError } from "../base/errors.ts";
import { objectError, objectExists, objectNotFound } from "./errors.ts";
import type { S3Settings } from "./s3-settings.ts";

/** What the library throws, as far as it matters. */
type Thrown = {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
};

/** Answers that another attempt may change although they are in the 400s. */
const RETRIED = new Set([
  "ConditionalRequestConflict",
  "OperationAborted",
  "RequestTimeout",
  "RequestTimeTooSkewed",
  "SlowDown",
  "TooManyRequestsException",
]);
/** Answers that say how the bucket or the key was set up, whatever is asked. */
const SETTINGS: Readonly<Record<string, (settings: S3Settings) => string>> = {
  NoSuchBucket: ({ bucket }) => `there is no bucket ${bucket}: make it, or set storage.s3.bucket to one that exists`,
  InvalidAccessKeyId: () => "the access key is unknown: check storage.s3.access_key_id",
  SignatureDoesNotMatch: () => "the secret does not belong to the access key: check storage.s3.secret_access_key",
  AuthorizationHeaderMalformed: ({ region }) => `the bucket is in another region than ${region}: set storage.s3.region`,
  PermanentRedirect: ({ region }) => `the bucket is in another region than ${region}: set storage.s3.region`,
  IllegalLocationConstraintException: ({ region }) => `the bucket is in another region than ${region}: set storage.s3.region`,
  AccessDenied: ({ bucket }) =>
    `access is denied: the key needs s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on ${bucket}`,
  ExpiredToken: () => "the session token has expired: renew it, or let storage.s3.credentials be web_identity or instance",
  CredentialsProviderError: ({ credentials }) => `storage.s3.credentials ${credentials} found no key: set one, or choose another way`,
  TokenProviderError: ({ credentials }) => `storage.s3.credentials ${credentials} found no key: set one, or choose another way`,
  NotImplemented: () => "the server lacks something that is needed: use one with conditional writes",
};

/** The HTTP status; undefined when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return (error as Thrown).$metadata?.httpStatusCode;
}

/** Somebody else has created the object. */
export function isTaken(error: unknown): boolean {
  return statusOf(error) === 412;
}

/** By name: some servers also answer 404 to a key that is unknown to them, and that must not look like an absent object. */
export function isAbsent(error: unknown): boolean {
  const { name } = error as Thrown;
  return name === "NoSuchKey" || name === "NotFound";
}

/** Whether the same call may succeed a moment later: the network, a server in trouble, a race that had no winner yet. */
export function isPassing(error: unknown): boolean {
  if (error instanceof CodedError) return false;
  const { name = "" } = error as Thrown;
  if (name in SETTINGS) return false;
  const status = statusOf(error);
  return status === undefined || status >= 500 || status === 429 || status === 408 || RETRIED.has(name);
}

/** An error of the library in the words of a bucket. Errors: those of `ObjectStore`, and `object_store_unsuitable` for settings that cannot work. */
export function asObjectFault(error: unknown, key: string, settings: S3Settings): CodedError {
  if (error instanceof CodedError) return error;
  const { name = "Error", message = "", code } = error as Thrown;
  const status = statusOf(error);
  const facts = {
    key,
    bucket: settings.bucket,
    name,
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { errno: code }),
  };
  const remedy = SETTINGS[name];
  if (remedy !== undefined) return objectError("object_store_unsuitable", remedy(settings), facts, error);
  if (isAbsent(error)) return objectNotFound(key);
  if (status === 412) return objectExists(key);
  if (status !== undefined && !isPassing(error)) {
    const remark = `the server refuses ${key}: ${name} ${message}; check storage.s3.access_key_id, storage.s3.bucket and storage.s3.region`;
    return objectError("object_store_unsuitable", remark, facts, error);
  }
  const where = settings.endpoint === "" ? `S3 in ${settings.region}` : settings.endpoint;
  const what = code ?? `${name} ${message}`;
  return objectError(
    "object_store_unavailable",
    `${where} does not answer for ${key}: ${what}; check storage.s3.endpoint and the network`,
    facts,
    error,
  );
}
