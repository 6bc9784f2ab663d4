/** How to reach an S3 bucket. Empty text means: not set. */
export type S3Settings = {
  readonly bucket: string;
  /** Before every key, without a `/` at its ends. */
  readonly prefix: string;
  readonly endpoint: string;
  readonly region: string;
  readonly pathStyle: boolean;
  readonly credentials: "auto" | "static" | "web_identity" | "instance";
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly credentialsFile: string;
  readonly caFile: string;
  readonly sse: "none" | "AES256" | "aws:kms";
  readonly sseKmsKeyId: string;
  /** For one attempt at a small object; larger ones get a second more for each {@link SLOWEST_BYTES_PER_SECOND}. */
  readonly timeoutMs: number;
  readonly attempts: number;
  /** A read that has not answered by then is asked a second time; 0: never. */
  readonly hedgeAfterMs: number;
};

/** A line slower than this is as good as none. */
export const SLOWEST_BYTES_PER_SECOND = 1024 * 1024;
