import { goProgram } from "./go-program.ts";

/** An S3 server with conditional writes over a directory. */
export const VERSITYGW_VERSION = "1.8.0";

/** The path of `versitygw`. */
export function s3Server(): Promise<string> {
  return goProgram({ name: "versitygw", version: VERSITYGW_VERSION, module: "github.com/versity/versitygw/cmd/versitygw" });
}
