import { objectName } from "../../../operator/desired/names.ts";
import { type KubeObject, numberAt, textAt } from "../../../operator/kube/object.ts";
import type { Stack } from "../../../operator/observe/observed.ts";
import type { Lag } from "../../../operator/scaling/segment.ts";

type Status = NonNullable<Stack["status"]>;

/** How far storing is behind, or why nobody could say. */
export type QueueLag = Lag | { readonly unknown: string };

export type StackEvent = {
  readonly time: string;
  readonly type: string;
  readonly reason: string;
  readonly object: string;
  readonly message: string;
};

/** What a person or a script is told about a stack; what `-o json` prints. */
export type StackState = {
  readonly namespace: string;
  readonly name: string;
  readonly size: string;
  readonly version: string | undefined;
  readonly verdict: "ready" | "paused" | "unseen" | "waiting" | "degraded";
  /** The verdict in a sentence, with what to do where there is something to do. */
  readonly explanation: string;
  readonly conditions: NonNullable<Status["conditions"]>;
  readonly components: NonNullable<Status["components"]>;
  readonly upgrade: Status["upgrade"];
  readonly scaling: NonNullable<Status["scaling"]>;
  readonly endpoints: NonNullable<Status["endpoints"]>;
  readonly storage: string;
  readonly queue: string;
  readonly lag: QueueLag | undefined;
  readonly events: readonly StackEvent[];
};

export type Seen = { readonly stack: Stack; readonly events: readonly KubeObject[]; readonly lag: QueueLag | undefined };

export function stackState({ stack, events, lag }: Seen): StackState {
  const { metadata, spec, status = {} } = stack;
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    size: spec.size,
    version: status.version,
    ...verdictOf(stack),
    conditions: status.conditions ?? [],
    components: status.components ?? [],
    upgrade: status.upgrade,
    scaling: status.scaling ?? [],
    endpoints: status.endpoints ?? {},
    storage: storageText(spec),
    queue: queueText(stack),
    lag,
    events: eventsOf(stack, events),
  };
}

function verdictOf({ metadata, spec, status = {} }: Stack): Pick<StackState, "verdict" | "explanation"> {
  const condition = (type: string) => status.conditions?.find((one) => one.type === type);
  const [ready, degraded] = [condition("Ready"), condition("Degraded")];
  if (ready === undefined || (status.observedGeneration ?? 0) < (metadata.generation ?? 0)) {
    const what = ready === undefined ? "this stack" : "the stack's newest form";
    return { verdict: "unseen", explanation: `the operator has not looked at ${what} yet: if it stays so, see whether the operator runs` };
  }
  if (degraded?.status === "True") return { verdict: "degraded", explanation: degraded.message };
  if (spec.paused) {
    const remedy = `\`kubectl brazier pause ${metadata.name} -n ${metadata.namespace} --resume\` ends it`;
    return { verdict: "paused", explanation: `spec.paused is set, and the operator changes nothing: ${remedy}` };
  }
  return { verdict: ready.status === "True" ? "ready" : "waiting", explanation: ready.message };
}

function storageText({ storage }: Stack["spec"]): string {
  const { s3, directory, prefix } = storage;
  if (s3 === undefined) return directory === undefined ? "inside the pod: it goes with it" : `a volume of ${directory.size ?? "10Gi"}`;
  return `s3://${s3.bucket}${prefix === undefined ? "" : `/${prefix}`} ${s3.endpoint === undefined ? `in ${s3.region}` : `at ${s3.endpoint}`}`;
}

function queueText({ spec, status }: Stack): string {
  if (spec.size === "demo") return "inside the process";
  const { external } = spec.queue ?? {};
  if (external !== undefined) return `stream ${external.stream} at ${external.servers.map(withoutUser).join(", ")}`;
  const nats = status?.components?.find(({ name }) => name === "nats");
  return nats === undefined ? "the stack's own NATS" : `the stack's own NATS, ${nats.ready} of ${nats.wanted} servers ready`;
}

function withoutUser(address: string): string {
  return address.replace(/\/\/[^/@]*@/, "//");
}

const EVENTS_MAX = 15;

/** Those of the stack itself, and warnings about what belongs to it; the newest last. */
function eventsOf(stack: Stack, events: readonly KubeObject[]): readonly StackEvent[] {
  const { name, namespace } = stack.metadata;
  const parts = (stack.status?.components ?? []).map((component) => objectName({ name, namespace }, component.name));
  const isMine = (event: KubeObject): boolean => {
    const [kind, about = ""] = [textAt(event, "involvedObject", "kind"), textAt(event, "involvedObject", "name")];
    if (kind === "ProfilingStack") return about === name;
    return textAt(event, "type") === "Warning" && parts.some((part) => about === part || about.startsWith(`${part}-`));
  };
  return events
    .filter(isMine)
    .map((event): StackEvent => {
      const count = numberAt(event, "count") ?? 1;
      return {
        time: textAt(event, "lastTimestamp") ?? textAt(event, "eventTime") ?? event.metadata.creationTimestamp ?? "",
        type: textAt(event, "type") ?? "Normal",
        reason: textAt(event, "reason") ?? "",
        object: `${textAt(event, "involvedObject", "kind")}/${textAt(event, "involvedObject", "name")}`,
        message: `${textAt(event, "message") ?? ""}${count > 1 ? ` (${count} times)` : ""}`,
      };
    })
    .sort((left, right) => (left.time < right.time ? -1 : 1))
    .slice(-EVENTS_MAX);
}
