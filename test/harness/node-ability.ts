import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KUBERNETES_BIN } from "./api-server.ts";
import { REPOSITORY } from "./server.ts";

/** Program → Debian's package. */
const NEEDS: Readonly<Record<string, string>> = {
  containerd: "containerd",
  ctr: "containerd",
  runc: "runc",
  socat: "socat",
  iptables: "iptables",
  nft: "nftables",
  conntrack: "conntrack",
  busybox: "busybox-static",
  gcc: "gcc",
  openssl: "openssl",
  curl: "curl",
  jq: "jq",
  bc: "bc",
  ip: "iproute2",
  unshare: "util-linux",
  nsenter: "util-linux",
  python3: "python3",
};
const FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const TRY_WITHIN_MS = 60_000;

/** `isRefused`: the machine itself does not let a node be, whatever is installed and built. */
export type NoNode = { readonly reason: string; readonly isRefused: boolean };

/** Why there can be no node here; undefined when there can. What the kernel and its keeper allow is tried, in about a second. */
export function whyNoNode(): NoNode | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return { reason: "a node needs root on Linux", isRefused: true };
  const missing = Object.entries(NEEDS).filter(([program]) => !FOLDERS.some((folder) => existsSync(join(folder, program))));
  const packages = new Set(missing.map(([, name]) => name));
  if (!existsSync("/usr/lib/cni/bridge")) packages.add("containernetworking-plugins");
  if (packages.size > 0) return { reason: `not installed: apt-get install ${[...packages].join(" ")}`, isRefused: false };
  const unbuilt = ["kubetest", "addons"].filter((name) => !existsSync(join(KUBERNETES_BIN, name)));
  if (unbuilt.length > 0) return { reason: `${unbuilt.join(" and ")} not built: run hack/cluster/build.sh addons`, isRefused: false };
  const refused = tryInSmall();
  return refused === undefined ? undefined : { reason: `this machine refuses what a node needs: ${refused}`, isRefused: true };
}

function tryInSmall(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "brazier-able-"));
  const env = { ...process.env, PATH: `${FOLDERS.join(":")}:${process.env["PATH"] ?? ""}` };
  try {
    execFileSync("bash", [join(REPOSITORY, "hack/cluster/scripts/able.sh"), folder], { env, stdio: "pipe", timeout: TRY_WITHIN_MS });
    return undefined;
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout?: Buffer; readonly stderr?: Buffer };
    const said = `${stdout?.toString("utf8") ?? ""}${stderr?.toString("utf8") ?? ""}`.trim();
    return said.split("\n").at(-1) || String(error);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
