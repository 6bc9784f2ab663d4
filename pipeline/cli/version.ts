import { readBuildInfo } from "../version.ts";

export async function version(): Promise<void> {
  const { version, revision } = await readBuildInfo();
  process.stdout.write(`brazier ${version}${revision === "" ? "" : ` (${revision})`}\n`);
}
