import { readFile } from "node:fs/promises";
import { manifestsOf } from "../../operator/manifests/manifests.ts";
import { CodedError, FaultKind } from "../base/errors.ts";
import { readBuildInfo } from "../version.ts";

/** Prints what the operator would apply for the stack in a file, `-` for standard input. */
export async function manifests(file: string): Promise<void> {
  const { version } = await readBuildInfo();
  const text = await readFile(file === "-" ? "/dev/stdin" : file, "utf8").catch((cause: Error) => {
    throw new CodedError("manifests_unreadable", FaultKind.Invalid, `cannot read ${file}: ${cause.message}`, { cause });
  });
  process.stdout.write(await manifestsOf(text, { version }));
}
