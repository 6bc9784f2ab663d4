import { SECOND_MS } from "../base/units.ts";
import { choice, duration, integer, secret, text, toggle } from "./key.ts";

const S3 = {
  bucket: text({ fallback: "", takes: "a name", about: "The bucket. It has to exist." }),
  endpoint: text({
    fallback: "",
    takes: "an address such as `https://minio:9000`",
    about: "The server; empty for Amazon's in `storage.s3.region`.",
  }),
  region: text({ fallback: "us-east-1", takes: "a region", about: "Where the bucket is; other servers than Amazon's mostly take any." }),
  path_style: toggle({ fallback: false, about: "The bucket is part of the path, not of the host: what most servers but Amazon's need." }),
  credentials: choice(["auto", "static", "web_identity", "instance"], {
    fallback: "auto",
    about:
      "`auto`: as Amazon's tools look for them. `static`: the keys below. `web_identity`: the token that Kubernetes mounts (`AWS_ROLE_ARN`, `AWS_WEB_IDENTITY_TOKEN_FILE`). `instance`: the role of the machine.",
  }),
  access_key_id: text({ fallback: "", takes: "a key", about: "For `static`." }),
  secret_access_key: secret({ takes: "a secret", about: "For `static`; better in `storage.s3.credentials_file`." }),
  session_token: secret({ takes: "a token", about: "For `static` with keys that end." }),
  credentials_file: text({
    fallback: "",
    takes: "a path to a file as Amazon's tools have it",
    about: "For `static`, in place of the keys: the profile `default`, or that of `AWS_PROFILE`. Read again every minute.",
  }),
  ca_file: text({ fallback: "", takes: "a path to a PEM file", about: "Whom to trust; empty for the authorities of this machine." }),
  sse: choice(["none", "AES256", "aws:kms"], {
    fallback: "none",
    about: "Encryption that the server is asked for; `none` leaves it to the bucket.",
  }),
  sse_kms_key_id: text({ fallback: "", takes: "a key id", about: "For `aws:kms`; empty for the bucket's." }),
  timeout: duration({
    fallback: 20 * SECOND_MS,
    about: "One attempt may take this long, and a second more for each MiB.",
  }),
  attempts: integer({ fallback: 5, min: 1, max: 20, about: "Tries of one call, with growing pauses, before it has failed." }),
  hedge_after: duration({
    fallback: 2 * SECOND_MS,
    about: "A read that has not answered by then is asked a second time, and the first answer counts; `0s`: never.",
  }),
} as const;

export const STORAGE = {
  kind: choice(["directory", "s3"], { fallback: "directory", about: "What the bucket is: `data_dir`, or one of an S3 server." }),
  prefix: text({
    fallback: "",
    takes: "a path within the bucket",
    about: "Before every key of an S3 bucket, for one that others use too.",
  }),
  s3: S3,
} as const;
