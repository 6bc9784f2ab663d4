import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { ROOT } from "../tidy/repository.ts";

export type Calibration = { readonly cpuMsPerProfile: number; readonly by: string };

/**
 * How often Go's parse fits what zlib needs to unpack the same file, measured with both on the corpus: the stand-in where
 * there is no Go. Good to a third or so.
 */
const PARSE_PER_GUNZIP = 6;

/** What one of these profiles costs Go's pprof library on this machine at this moment. */
export function calibrate(profiles: readonly Uint8Array[]): Calibration {
  const folder = mkdtempSync(join(tmpdir(), "brazier-calibrate-"));
  try {
    const program = join(ROOT, ".cache/bench-go/parse");
    mkdirSync(join(ROOT, ".cache"), { recursive: true });
    execFileSync("go", ["build", "-o", program, "./parse"], { cwd: join(ROOT, "hack/bench/go"), stdio: "pipe" });
    profiles.forEach((profile, index) => writeFileSync(join(folder, `${index}.pb.gz`), profile));
    const report = JSON.parse(execFileSync(program, [folder], { encoding: "utf8" })) as { parse_cpu_ms_per_profile: number };
    return { cpuMsPerProfile: report.parse_cpu_ms_per_profile, by: "github.com/google/pprof/profile.Parse" };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    return {
      cpuMsPerProfile: gunzipMs(profiles) * PARSE_PER_GUNZIP,
      by: `gunzip × ${PARSE_PER_GUNZIP}, because Go's parse did not run (${reason})`,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function gunzipMs(profiles: readonly Uint8Array[]): number {
  const before = process.cpuUsage();
  for (const profile of profiles) gunzipSync(profile);
  const spent = process.cpuUsage(before);
  return (spent.user + spent.system) / 1000 / profiles.length;
}
