import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { reasonNotToRun } from "../../test/agent/programs.ts";
import { whyNoApiServer } from "../../test/harness/api-server.ts";
import { whyNoNode } from "../../test/harness/node-ability.ts";
import { whyNoEngine } from "../neighbours/engine.ts";
import { ROOT } from "../tidy/repository.ts";
import type { SkippedTest } from "./suite-report.ts";

/**
 * Skips that CI accepts, because the machine truly cannot run the test: each row says which, and why if that holds here and now. Everything else
 * that is skipped in CI is a failure.
 */
const ALLOWED: readonly { readonly test: RegExp; readonly because: () => string | undefined }[] = [
  { test: /full disk/i, because: when(() => process.getuid?.() !== 0 || !canMount(), "only root may mount a small file system to fill") },
  {
    test: /^the agent('s| beside)/,
    because: when(
      () => reasonNotToRun() !== undefined,
      "profiling the whole machine needs root on Linux with the profiler's capabilities, and Go",
    ),
  },
  {
    test: /in a container/i,
    because: when(
      () => whyNoEngine() !== undefined && process.getuid?.() !== 0,
      "a container engine needs docker.io and root, or one that answers",
    ),
  },
  {
    test: /on a real API server/,
    because: when(
      () => whyNoApiServer() !== undefined && process.env["CI"] !== "true",
      "Kubernetes is not built (hack/cluster/build.sh), and needs Go for it",
    ),
  },
  { test: /on a real node/, because: once(excuseForNoNode) },
  {
    test: /beside the clone/i,
    because: when(() => !existsSync(join(ROOT, "../shared/golden")), "the long set of recorded answers lies beside the clone, not in it"),
  },
];

export function reasonToSkip(test: SkippedTest): string | undefined {
  for (const row of ALLOWED) {
    const reason = row.test.test(test.name) ? row.because() : undefined;
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** What CI could have installed or built is no excuse there. */
function excuseForNoNode(): string | undefined {
  const why = whyNoNode();
  return why !== undefined && (why.isRefused || process.env["CI"] !== "true") ? why.reason : undefined;
}

function when(holds: () => boolean, reason: string): () => string | undefined {
  return () => (holds() ? reason : undefined);
}

/** For what takes a while to find out. */
function once(find: () => string | undefined): () => string | undefined {
  let found: { readonly reason: string | undefined } | undefined;
  return () => (found ??= { reason: find() }).reason;
}

/** CAP_SYS_ADMIN is bit 21 of the effective capabilities: containers often have a root without it. */
function canMount(): boolean {
  if (process.platform !== "linux") return false;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return effective !== undefined && (BigInt(`0x${effective}`) & (1n << 21n)) !== 0n;
}
