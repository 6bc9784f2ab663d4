import type { ConfigFault } from "./load.ts";
import type { Config } from "./schema.ts";

/** What of the keys of `storage` does not fit together. Pure. */
export function storageFaults({ storage: { kind, s3 } }: Pick<Config, "storage">): readonly ConfigFault[] {
  if (kind !== "s3") return [];
  const faults: ConfigFault[] = [];
  if (s3.bucket === "") faults.push({ name: "storage.s3.bucket", message: "storage.kind s3 needs the name of a bucket" });
  if (s3.endpoint !== "" && !/^https?:\/\/[^/]/.test(s3.endpoint)) {
    faults.push({ name: "storage.s3.endpoint", message: "must begin with http:// or https://" });
  }
  const hasKeys = s3.access_key_id !== "" && s3.secret_access_key !== "";
  if (s3.credentials === "static" && !hasKeys && s3.credentials_file === "") {
    faults.push({
      name: "storage.s3.credentials",
      message: "static needs access_key_id and secret_access_key, or credentials_file",
    });
  }
  if (s3.credentials !== "static" && (s3.access_key_id !== "" || s3.secret_access_key !== "" || s3.credentials_file !== "")) {
    faults.push({
      name: "storage.s3.credentials",
      message: `${s3.credentials} reads no keys of the configuration: set it to static, or remove them`,
    });
  }
  return faults;
}
