import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, openSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "./free-port.ts";
import { REPOSITORY } from "./server.ts";

/*
 * A real Kubernetes API server with etcd and controllers on loopback, from the programs that `hack/cluster/build.sh` puts into the cache.
 * No node: pods stay pending, and everything else is real.
 */

const VERSION = "v1.36.3";

export const KUBERNETES_BIN = join(process.env["BRAZIER_CACHE"] ?? join(homedir(), ".cache/brazier"), `kubernetes-${VERSION}/bin`);

/** Why there can be no API server here; undefined when there can. */
export function whyNoApiServer(): string | undefined {
  return existsSync(join(KUBERNETES_BIN, "kubetest"))
    ? undefined
    : "Kubernetes is not built: run hack/cluster/build.sh (10 to 15 minutes on two cores)";
}

/** One request, as the API server saw it. */
export type AuditedCall = { readonly verb: string; readonly group: string; readonly resource: string; readonly status: number };

export type ApiServerOptions = {
  /** Whose requests are written down: a user's name. */
  readonly audited?: string;
};

export interface ApiServerProcess {
  readonly kubeconfig: string;
  readonly url: string;
  /** Every request of the audited user so far, resources with their subresource. */
  audit(): readonly AuditedCall[];
  kubectl(args: readonly string[], input?: string): string;
  /** Ends the API server alone, and starts it again on the same port over the same etcd. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

type Started = { readonly name: string; readonly child: ChildProcess; readonly exited: Promise<void> };

export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServerProcess> {
  const folder = await mkdtemp(join(tmpdir(), "brazier-kubernetes-"));
  const [port, etcdPort, peerPort] = (await freePorts(3)) as [number, number, number];
  const url = `https://127.0.0.1:${port}`;
  const pki = join(folder, "pki");
  await mkdir(pki);
  const started: Started[] = [];
  const stop = async (): Promise<void> => {
    for (const { child } of started.toReversed()) child.kill("SIGKILL");
    await Promise.all(started.map(({ exited }) => exited));
    await rm(folder, { recursive: true, force: true });
  };
  const start = (name: string, args: readonly string[]): Started => {
    const log = openSync(join(folder, `${name}.log`), "a");
    const child = spawn(join(KUBERNETES_BIN, name), args, { stdio: ["ignore", log, log] });
    const one = { name, child, exited: new Promise<void>((resolve) => child.once("close", () => resolve())) };
    started.push(one);
    return one;
  };
  try {
    execFileSync("bash", [join(REPOSITORY, "hack/cluster/scripts/certs.sh"), pki, "127.0.0.1", "10.96.0.1"], {
      env: { ...process.env, SERVER: url },
      stdio: "pipe",
    });
    start("etcd", [
      "--name=k",
      `--data-dir=${folder}/etcd`,
      "--unsafe-no-fsync",
      "--log-level=error",
      `--listen-client-urls=http://127.0.0.1:${etcdPort}`,
      `--advertise-client-urls=http://127.0.0.1:${etcdPort}`,
      `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
      `--initial-cluster=k=http://127.0.0.1:${peerPort}`,
    ]);
    const auditLog = join(folder, "audit.log");
    const auditPolicy = join(folder, "audit-policy.json");
    const rules = [{ level: "Metadata", users: [options.audited], omitStages: ["RequestReceived"] }, { level: "None" }];
    await writeFile(auditPolicy, JSON.stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", rules }));
    const startServer = (): Started =>
      start("kube-apiserver", [
        `--etcd-servers=http://127.0.0.1:${etcdPort}`,
        "--bind-address=127.0.0.1",
        `--secure-port=${port}`,
        "--advertise-address=127.0.0.1",
        `--tls-cert-file=${pki}/apiserver.crt`,
        `--tls-private-key-file=${pki}/apiserver.key`,
        `--client-ca-file=${pki}/ca.crt`,
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        `--service-account-key-file=${pki}/sa.pub`,
        `--service-account-signing-key-file=${pki}/sa.key`,
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged=true",
        ...(options.audited === undefined ? [] : [`--audit-policy-file=${auditPolicy}`, `--audit-log-path=${auditLog}`]),
      ]);
    let server = startServer();
    const kubeconfig = join(pki, "admin.kubeconfig");
    const kubectl = (args: readonly string[], input?: string): string =>
      execFileSync(join(KUBERNETES_BIN, "kubectl"), [`--kubeconfig=${kubeconfig}`, ...args], {
        encoding: "utf8",
        input: input ?? "",
        stdio: ["pipe", "pipe", "pipe"],
        maxBuffer: 64 * 1024 * 1024,
      });
    const ready = async (): Promise<void> => {
      const deadline = Date.now() + 120_000;
      for (;;) {
        try {
          kubectl(["get", "--raw", "/readyz"]);
          return;
        } catch (error) {
          if (server.child.exitCode !== null || Date.now() > deadline)
            throw new Error(
              `the API server did not become ready\n${readFileSync(join(folder, "kube-apiserver.log"), "utf8").slice(-3000)}`,
              { cause: error },
            );
          await new Promise((resolve) => setTimeout(resolve, 250));
        }
      }
    };
    await ready();
    start("kube-controller-manager", [
      `--kubeconfig=${pki}/kcm.kubeconfig`,
      "--secure-port=0",
      "--leader-elect=false",
      "--use-service-account-credentials",
      `--service-account-private-key-file=${pki}/sa.key`,
      `--root-ca-file=${pki}/ca.crt`,
    ]);
    return {
      kubeconfig,
      url,
      kubectl,
      audit: () => (existsSync(auditLog) ? readAudit(readFileSync(auditLog, "utf8")) : []),
      restart: async () => {
        server.child.kill("SIGKILL");
        await server.exited;
        server = startServer();
        await ready();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

type AuditEvent = {
  readonly verb: string;
  readonly objectRef?: { readonly apiGroup?: string; readonly resource?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
};

function readAudit(text: string): readonly AuditedCall[] {
  // The last line may be half written.
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return lines.flatMap((line): readonly AuditedCall[] => {
    if (line === "") return [];
    const { verb, objectRef, responseStatus } = JSON.parse(line) as AuditEvent;
    if (objectRef?.resource === undefined) return [];
    const { apiGroup: group = "", resource, subresource } = objectRef;
    return [
      { verb, group, resource: subresource === undefined ? resource : `${resource}/${subresource}`, status: responseStatus?.code ?? 0 },
    ];
  });
}
