import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { reasonNotToRun } from "../../test/agent/programs.ts";
import { whyNoApiServer } from "../../test/harness/api-server.ts";
import { whyNoNode } from "../../test/harness/node-ability.ts";
import { whyNoEngine } from "../neighbours/engine.ts";
import { ROOT } from "../tidy/repository.ts";
import type { SkippedTest } from "./suite-report.ts";

/**
 * Skips that CI accepts, because the machine truly cannot run the test: each row says which, and checks that the reason
 * holds here and now. Everything else that is skipped in CI is a failure.
 */
const ALLOWED: readonly { readonly test: RegExp; readonly because: string; readonly holds: () => boolean }[] = [
  { test: /full disk/i, because: "only root may mount a small file system to fill", holds: () => process.getuid?.() !== 0 || !canMount() },
  {
    test: /^the agent('s| beside)/,
    because: "profiling the whole machine needs root on Linux with the profiler's capabilities, and Go",
    holds: () => reasonNotToRun() !== undefined,
  },
  {
    test: /in a container/i,
    because: "a container engine needs docker.io and root, or one that answers",
    holds: () => whyNoEngine() !== undefined && process.getuid?.() !== 0,
  },
  {
    test: /on a real API server/,
    because: "Kubernetes is not built (hack/cluster/build.sh), and needs Go for it",
    holds: () => whyNoApiServer() !== undefined && process.env["CI"] !== "true",
  },
  {
    test: /on a real node/,
    because: "a real node needs root, hack/cluster/build.sh addons, and much of the kernel; the suite says what is missing",
    holds: () => isNodeExcused(),
  },
  {
    test: /beside the clone/i,
    because: "the long set of recorded answers lies beside the clone, not in it",
    holds: () => !existsSync(join(ROOT, "../shared/golden")),
  },
];

export function reasonToSkip(test: SkippedTest): string | undefined {
  return ALLOWED.find((row) => row.test.test(test.name) && row.holds())?.because;
}

/** What CI could have installed or built is no excuse there. */
function isNodeExcused(): boolean {
  const why = whyNoNode();
  return why !== undefined && (why.isRefused || process.env["CI"] !== "true");
}

/** CAP_SYS_ADMIN is bit 21 of the effective capabilities: containers often have a root without it. */
function canMount(): boolean {
  if (process.platform !== "linux") return false;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return effective !== undefined && (BigInt(`0x${effective}`) & (1n << 21n)) !== 0n;
}
