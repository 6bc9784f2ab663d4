/** Both sides of every rule in `crds/`: what the API server takes, and what it refuses with the rule's own message. */
export type RuleCase = {
  readonly kind: "ProfilingStack" | "ProfilingPolicy";
  /** Where the rule stands, and which one of those there. */
  readonly at: string;
  readonly index: number;
  readonly good: unknown;
  readonly bad: unknown;
  /** What both come after, where the rule is about a change. */
  readonly before?: unknown;
  /** The name of the refused object, where that is what the rule is about. */
  readonly badName?: string;
};

const S3 = { bucket: "profiles" };
const storage = { s3: S3 };
const DIRECTORY = { size: "demo", storage: { directory: {} } };
const onS3 = (more: object) => ({ storage: { s3: { ...S3, ...more } } });
const onDisk = (directory: object) => ({ size: "demo", storage: { directory } });
const withQueue = (queue: object) => ({ storage, queue });
const onVolume = (volume: object) => withQueue({ nats: { storage: volume } });
const servers = ["nats://nats:4222"];

const stack = (at: string, index: number, sides: Omit<RuleCase, "kind" | "at" | "index">): RuleCase => ({
  kind: "ProfilingStack",
  at,
  index,
  ...sides,
});
const policy = (index: number, good: unknown, bad: unknown): RuleCase => ({ kind: "ProfilingPolicy", at: "spec", index, good, bad });

const roles = ["ingest", "segment", "compact", "query"].flatMap((role): readonly RuleCase[] => [
  stack(`spec.${role}`, 0, {
    good: { storage, [role]: { replicas: 2 } },
    bad: { storage, [role]: { replicas: 2, autoscaling: { maxReplicas: 3 } } },
  }),
  stack(`spec.${role}.autoscaling`, 0, {
    good: { storage, [role]: { autoscaling: { minReplicas: 3, maxReplicas: 3 } } },
    bad: { storage, [role]: { autoscaling: { minReplicas: 4, maxReplicas: 3 } } },
  }),
]);

export const RULE_CASES: readonly RuleCase[] = [
  stack("", 0, { good: { storage }, bad: { storage }, badName: "9-lives" }),
  stack("spec", 0, { good: DIRECTORY, bad: { size: "small", storage: { directory: {} } } }),
  stack("spec", 1, { good: withQueue({ partitions: 8 }), bad: { ...DIRECTORY, queue: { partitions: 8 } } }),
  stack("spec", 2, { good: { storage, compact: { replicas: 1 } }, bad: { ...DIRECTORY, compact: { replicas: 1 } } }),
  stack("spec", 3, { good: { ...DIRECTORY, query: { podLabels: { a: "b" } } }, bad: { ...DIRECTORY, query: { replicas: 2 } } }),
  stack("spec", 4, {
    good: { storage, auth: { mode: "tokens", tokensSecret: { name: "tokens" } }, agent: { tokenSecret: { name: "agent" } } },
    bad: { storage, auth: { mode: "tokens", tokensSecret: { name: "tokens" } } },
  }),
  stack("spec", 5, { before: { storage }, good: { storage, config: { "log.level": "debug" } }, bad: withQueue({ external: { servers } }) }),
  stack("spec", 6, {
    before: { size: "medium", storage },
    good: { size: "medium", ...withQueue({ nats: { replicas: 5 } }) },
    bad: { size: "medium", ...withQueue({ nats: { replicas: 1 } }) },
  }),
  stack("spec", 7, {
    before: { size: "large", storage },
    good: { size: "medium", ...withQueue({ partitions: 256, nats: { storage: { size: "200Gi" } } }) },
    bad: { size: "medium", ...withQueue({ nats: { storage: { size: "200Gi" } } }) },
  }),
  stack("spec", 8, {
    before: { size: "large", storage },
    good: { size: "medium", ...withQueue({ partitions: 256, nats: { storage: { size: "200Gi" } } }) },
    bad: { size: "medium", ...withQueue({ partitions: 256 }) },
  }),
  stack("spec.version", 0, { good: { storage, version: "1.2.3-rc.1" }, bad: { storage, version: "latest" } }),
  stack("spec.storage", 0, { good: { storage }, bad: { size: "demo", storage: { s3: S3, directory: {} } } }),
  stack("spec.storage", 1, { before: { size: "demo", storage }, good: { size: "demo", ...onS3({ bucket: "others" }) }, bad: DIRECTORY }),
  stack("spec.storage.s3", 0, {
    good: onS3({ credentialsSecret: { name: "s3" } }),
    bad: onS3({ credentialsSecret: { name: "s3" }, instance: {} }),
  }),
  stack("spec.storage.s3", 1, { good: onS3({ sse: "aws:kms", sseKmsKeyId: "k" }), bad: onS3({ sse: "AES256", sseKmsKeyId: "k" }) }),
  stack("spec.storage.s3.endpoint", 0, { good: onS3({ endpoint: "https://s3.example.com:9000" }), bad: onS3({ endpoint: "s3:9000" }) }),
  stack("spec.storage.directory.size", 0, {
    before: onDisk({ size: "10Gi" }),
    good: onDisk({ size: "11Gi" }),
    bad: onDisk({ size: "9999Mi" }),
  }),
  stack("spec.storage.directory.storageClassName", 0, {
    before: onDisk({ storageClassName: "fast" }),
    good: onDisk({ storageClassName: "fast" }),
    bad: onDisk({ storageClassName: "slow" }),
  }),
  stack("spec.queue", 0, { good: withQueue({ external: { servers } }), bad: withQueue({ external: { servers }, nats: {} }) }),
  stack("spec.queue.nats.replicas", 0, { good: withQueue({ nats: { replicas: 3 } }), bad: withQueue({ nats: { replicas: 2 } }) }),
  stack("spec.queue.nats.storage.storageClassName", 0, {
    before: onVolume({ storageClassName: "fast" }),
    good: onVolume({ storageClassName: "fast", size: "10Gi" }),
    bad: onVolume({ storageClassName: "slow" }),
  }),
  stack("spec.queue.external", 0, {
    good: withQueue({ external: { servers, userSecret: { name: "user" } } }),
    bad: withQueue({ external: { servers, userSecret: { name: "user" }, credentialsSecret: { name: "file" } } }),
  }),
  stack("spec.queue.external.stream", 0, {
    before: withQueue({ external: { servers, stream: "A" } }),
    good: withQueue({ external: { servers: ["nats://other:4222"], stream: "A" } }),
    bad: withQueue({ external: { servers, stream: "B" } }),
  }),
  ...roles,
  stack("spec.agent.namespaces", 0, {
    good: { storage, agent: { namespaces: { include: ["shop"] } } },
    bad: { storage, agent: { namespaces: { include: ["shop"], exclude: ["test"] } } },
  }),
  stack("spec.auth", 0, {
    good: { storage, auth: { mode: "tokens", tokensSecret: { name: "tokens" } }, agent: { enabled: false } },
    bad: { storage, auth: { mode: "tokens" }, agent: { enabled: false } },
  }),
  stack("spec.expose.service", 0, {
    good: { storage, expose: { service: { type: "LoadBalancer", loadBalancerClass: "example.com/inside" } } },
    bad: { storage, expose: { service: { type: "NodePort", loadBalancerClass: "example.com/inside" } } },
  }),
  stack("spec.config", 0, { good: { storage, config: { "query.timeout": "30s" } }, bad: { storage, config: { "Query.Timeout": "30s" } } }),
  stack("spec.config", 1, { good: { storage, config: { "log.level": "debug" } }, bad: { storage, config: { "storage.kind": "s3" } } }),
  policy(0, { profile: "Never" }, { profile: "Never", sampleRate: 10 }),
  policy(1, { serviceName: "cart", retention: "7d" }, { retention: "7d" }),
];

/** Changes of a stack's queue, where several rules and sizes meet: whether they are taken. */
export type QueueChange = { readonly title: string; readonly before: object; readonly after: object; readonly isTaken: boolean };

const ofServers = (replicas: number, size = "medium") => ({ size, ...withQueue({ nats: { replicas } }) });
const external = withQueue({ external: { servers } });

export const QUEUE_CHANGES: readonly QueueChange[] = [
  { title: "1 server to 3", before: ofServers(1), after: ofServers(3), isTaken: false },
  { title: "3 servers to 1", before: ofServers(3), after: ofServers(1), isTaken: false },
  { title: "3 servers to 5", before: ofServers(3), after: ofServers(5), isTaken: true },
  { title: "5 servers to 3", before: ofServers(5), after: ofServers(3), isTaken: false },
  { title: "3 servers by size to 3 by number", before: { size: "medium", storage }, after: ofServers(3), isTaken: true },
  { title: "3 servers by number to 1 by size", before: ofServers(3, "small"), after: { size: "small", storage }, isTaken: false },
  { title: "small to medium", before: { size: "small", storage }, after: { size: "medium", storage }, isTaken: false },
  {
    title: "small to medium with what it had",
    before: { size: "small", storage },
    after: { size: "medium", ...withQueue({ partitions: 16, nats: { replicas: 1, storage: { size: "10Gi" } } }) },
    isTaken: true,
  },
  { title: "medium to small", before: { size: "medium", storage }, after: { size: "small", storage }, isTaken: false },
  { title: "medium to large", before: { size: "medium", storage }, after: { size: "large", storage }, isTaken: false },
  { title: "more partitions", before: withQueue({ partitions: 16 }), after: withQueue({ partitions: 32 }), isTaken: false },
  { title: "larger volumes", before: onVolume({ size: "10Gi" }), after: onVolume({ size: "20Gi" }), isTaken: false },
  { title: "the size's volume by name", before: { storage }, after: onVolume({ size: "10240Mi" }), isTaken: true },
  { title: "a demo to a NATS of its own", before: { size: "demo", storage }, after: { storage }, isTaken: true },
  { title: "a demo to an external queue", before: { size: "demo", storage }, after: external, isTaken: true },
  { title: "a NATS of its own to a demo", before: { storage }, after: { size: "demo", storage }, isTaken: false },
  { title: "a NATS of its own to an external queue", before: { storage }, after: external, isTaken: false },
  { title: "an external queue to a NATS of its own", before: external, after: { storage }, isTaken: false },
  { title: "an external queue to a demo", before: external, after: { size: "demo", storage }, isTaken: false },
  { title: "an external queue of another size", before: external, after: { size: "large", ...external }, isTaken: false },
  {
    title: "an external queue of another size with what it had",
    before: external,
    after: { size: "large", ...withQueue({ external: { servers }, partitions: 16 }) },
    isTaken: true,
  },
];
