import type { Config } from "./config/schema.ts";
import type { StoreLocation } from "./objects/location.ts";

/** The bucket that the configuration says. */
export function storeLocation({
  storage,
  data_dir,
  data_dir_shared,
  segment,
}: Pick<Config, "storage" | "data_dir" | "data_dir_shared" | "segment">): StoreLocation {
  if (storage.kind === "directory") return { kind: "directory", path: data_dir, fsync: segment.fsync, shared: data_dir_shared };
  const { s3, prefix } = storage;
  return {
    kind: "s3",
    settings: {
      bucket: s3.bucket,
      prefix: prefix.replace(/^\/+|\/+$/g, ""),
      endpoint: s3.endpoint,
      region: s3.region,
      pathStyle: s3.path_style,
      credentials: s3.credentials,
      accessKeyId: s3.access_key_id,
      secretAccessKey: s3.secret_access_key,
      sessionToken: s3.session_token,
      credentialsFile: s3.credentials_file,
      caFile: s3.ca_file,
      sse: s3.sse,
      sseKmsKeyId: s3.sse_kms_key_id,
      timeoutMs: s3.timeout,
      attempts: s3.attempts,
      hedgeAfterMs: s3.hedge_after,
    },
  };
}

/** Nobody else uses the bucket: a lock keeps other processes out of a directory, and nothing keeps them out of S3. */
export function isExclusive({ storage, data_dir_shared }: Pick<Config, "storage" | "data_dir_shared">): boolean {
  return storage.kind === "directory" && !data_dir_shared;
}
