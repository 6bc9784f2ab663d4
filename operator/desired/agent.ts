import { stringify } from "yaml";
import { hashOf } from "../kube/hash.ts";
import type { KubeObject } from "../kube/object.ts";
import { type Context, imageName, present, stackObject } from "./context.ts";
import { AGENT_CLUSTER_ROLE, AGENT_PORT, CONFIG_HASH, HTTP_PORT, hostOf, labelsOf, objectName, selectorOf, selectorText } from "./names.ts";
import { policiesInOrder, policyEntry } from "./policies.ts";
import { tagOf } from "./rollout.ts";
import { AGENT } from "./sizes.ts";

const SETTINGS = "/etc/brazier/agent";
const TOKEN = "/etc/brazier/token";
const SERVER_CA = "/etc/brazier/server-ca";

/** What the agent's kernel part needs, found by taking each away: less, and it does not load or silently loses frames. */
const CAPABILITIES = ["BPF", "PERFMON", "SYSLOG", "SYS_PTRACE", "CHECKPOINT_RESTORE", "DAC_READ_SEARCH"];

/** The agents, one per node, with what they may read of the cluster. */
export function buildAgent(context: Context): readonly KubeObject[] {
  if (!context.spec.agent.enabled) return [];
  return [
    stackObject(context, { apiVersion: "v1", kind: "ServiceAccount", part: "agent" }, { automountServiceAccountToken: false }),
    clusterRoleBinding(context),
    stackObject(
      context,
      { apiVersion: "v1", kind: "ConfigMap", part: "agent" },
      {
        data: {
          "agent.yaml": stringify(agentSettings(context), { lineWidth: 0 }),
          "policies.yaml": stringify(policiesInOrder(context.observed.policies).map(policyEntry), { lineWidth: 0 }),
        },
      },
    ),
    stackObject(
      context,
      { apiVersion: "v1", kind: "Service", part: "agent" },
      {
        spec: {
          type: "ClusterIP",
          clusterIP: "None",
          selector: selectorOf(context.key, "agent"),
          ports: [{ name: "metrics", port: AGENT_PORT, targetPort: "metrics", protocol: "TCP" }],
        },
      },
    ),
    daemonSet(context),
  ];
}

/** Agents look up pods of every namespace on their node. The binding belongs to no namespace, so no owner reference reaches it. */
function clusterRoleBinding({ key }: Context): KubeObject {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: `brazier-agent:${key.namespace}:${key.name}`, labels: labelsOf(key, "agent") },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: AGENT_CLUSTER_ROLE },
    subjects: [{ kind: "ServiceAccount", name: objectName(key, "agent"), namespace: key.namespace }],
  };
}

function agentSettings({ spec, key }: Context): Record<string, unknown> {
  const { agent, expose } = spec;
  const { include, exclude } = agent.namespaces ?? {};
  const pairs = (labels: Readonly<Record<string, string>> | undefined): string | undefined =>
    labels === undefined ? undefined : selectorText(labels);
  return present({
    url: `${expose.tls === undefined ? "http" : "https"}://${hostOf(key, "ingest")}:${HTTP_PORT}`,
    tenant: agent.tenant === "anonymous" ? undefined : agent.tenant,
    token_file: agent.tokenSecret === undefined ? undefined : `${TOKEN}/${agent.tokenSecret.key}`,
    ca_file: expose.tls === undefined ? undefined : `${SERVER_CA}/ca.crt`,
    rate: agent.sampleRate,
    labels: agent.labels,
    kubernetes: "on",
    namespaces: include?.join(","),
    exclude_namespaces: exclude?.join(","),
    pod_selector: pairs(agent.podSelector?.matchLabels),
    policy_file: `${SETTINGS}/policies.yaml`,
    cpu_max: agent.budget.cpuPercent / 100,
  });
}

function daemonSet(context: Context): KubeObject {
  const { spec, key, observed } = context;
  const { agent, expose } = spec;
  const secret = (name: string, path: string, secretName: string | undefined) =>
    secretName === undefined ? [] : [{ name, path, source: { secret: { secretName } } }];
  const mounts = [
    { name: "settings", path: SETTINGS, source: { configMap: { name: objectName(key, "agent") } } },
    ...secret("token", TOKEN, agent.tokenSecret?.name),
    ...secret("server-ca", SERVER_CA, expose.tls?.secretName),
    // Where the kernel tells of processes that end.
    { name: "tracing", path: "/sys/kernel/tracing", source: { hostPath: { path: "/sys/kernel/tracing", type: "" } } },
  ];
  const probe = (path: string, more: Readonly<Record<string, number>>) => ({
    httpGet: { path, port: "metrics", scheme: "HTTP" },
    timeoutSeconds: 5,
    ...more,
  });
  return stackObject(
    context,
    { apiVersion: "apps/v1", kind: "DaemonSet", part: "agent" },
    {
      spec: {
        revisionHistoryLimit: 3,
        selector: { matchLabels: selectorOf(key, "agent") },
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "10%", maxSurge: 0 } },
        template: {
          metadata: {
            labels: labelsOf(key, "agent"),
            // Policies and tokens are read again while it runs.
            annotations: { [CONFIG_HASH]: hashOf([agentSettings(context), expose.tls && observed.secrets.get(expose.tls.secretName)]) },
          },
          spec: present({
            serviceAccountName: objectName(key, "agent"),
            automountServiceAccountToken: true,
            enableServiceLinks: false,
            imagePullSecrets: spec.imagePullSecrets,
            // Processes are looked at by the numbers that the node knows them by.
            hostPID: true,
            securityContext: { runAsUser: 0, seccompProfile: { type: "RuntimeDefault" } },
            terminationGracePeriodSeconds: 30,
            nodeSelector: { "kubernetes.io/os": "linux", ...agent.nodeSelector },
            tolerations: agent.tolerations,
            affinity: agent.affinity,
            priorityClassName: agent.priorityClassName,
            containers: [
              present({
                name: "agent",
                image: imageName(agent.image, tagOf(context, "agent")),
                imagePullPolicy: agent.image.pullPolicy,
                args: [`--config=${SETTINGS}/agent.yaml`, ...(agent.extraArgs ?? [])],
                env: [{ name: "BRAZIER_AGENT_NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }],
                ports: [{ name: "metrics", containerPort: AGENT_PORT, protocol: "TCP" }],
                startupProbe: probe("/healthz", { periodSeconds: 5, failureThreshold: 24 }),
                livenessProbe: probe("/healthz", { periodSeconds: 30, failureThreshold: 4 }),
                readinessProbe: probe("/ready", { periodSeconds: 10, failureThreshold: 3 }),
                resources: agent.resources ?? { requests: { cpu: AGENT.cpu, memory: AGENT.memory }, limits: { memory: AGENT.memory } },
                securityContext: {
                  privileged: false,
                  allowPrivilegeEscalation: false,
                  readOnlyRootFilesystem: true,
                  capabilities: { drop: ["ALL"], add: CAPABILITIES },
                },
                volumeMounts: mounts.map(({ name, path }) => ({ name, mountPath: path, readOnly: true })),
              }),
            ],
            volumes: mounts.map(({ name, source }) => ({ name, ...source })),
          }),
        },
      },
    },
  );
}
