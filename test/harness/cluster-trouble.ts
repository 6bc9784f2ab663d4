/* What a person looks for first in a cluster that does not do what it should, out of its objects. Pure. */

type Terminated = { readonly reason?: string; readonly exitCode?: number; readonly message?: string };
type ContainerStatus = {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string }; readonly terminated?: Terminated };
  readonly lastState?: { readonly terminated?: Terminated };
};
export type Pod = {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
};
type Condition = { readonly type: string; readonly status: string; readonly reason?: string; readonly message?: string };
export type StackObject = {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly status?: { readonly conditions?: readonly Condition[] };
};
export type EventObject = {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly involvedObject: { readonly kind?: string; readonly namespace?: string; readonly name?: string };
};

const EVENTS_MAX = 15;

export function hasTrouble(pod: Pod): boolean {
  const { phase, containerStatuses = [] } = pod.status;
  return phase !== "Succeeded" && (phase !== "Running" || hasRestarted(pod) || containerStatuses.some(({ ready }) => !ready));
}

export function hasRestarted({ status }: Pod): boolean {
  return status.containerStatuses?.some(({ restartCount }) => restartCount > 0) === true;
}

/** Lines: what stacks say of themselves, pods that are not well, and the last warnings, which are given oldest first. */
export function troubleOf(stacks: readonly StackObject[], pods: readonly Pod[], events: readonly EventObject[]): readonly string[] {
  const ofStacks = stacks.flatMap(({ metadata, status }) => {
    const told = (status?.conditions ?? []).filter(
      ({ type, status }) => (type === "Ready" && status !== "True") || isTrouble(type, status),
    );
    return told.map(({ type, status, reason, message }) => `stack ${nameOf(metadata)}: ${type} ${status}, ${reason}: ${message}`);
  });
  const warnings = events.filter(({ type }) => type === "Warning").slice(-EVENTS_MAX);
  return [
    ...ofStacks,
    ...pods.filter(hasTrouble).flatMap(linesOf),
    ...warnings.map(
      ({ reason, message, count = 1, involvedObject: { kind, namespace, name } }) =>
        `warning: ${kind} ${nameOf({ namespace, name })}: ${reason}${count > 1 ? ` (${count} times)` : ""}: ${message}`,
    ),
  ];
}

function isTrouble(type: string, status: string): boolean {
  return (type === "Degraded" || type === "Stalled") && status === "True";
}

function linesOf({ metadata, status }: Pod): readonly string[] {
  const name = `pod ${nameOf(metadata)}`;
  const { containerStatuses = [], conditions = [] } = status;
  const containers = containerStatuses.flatMap(({ name: container, ready, restartCount, state, lastState }) => {
    const ended = state?.terminated ?? lastState?.terminated;
    const facts = [
      ...(ready ? [] : ["not ready"]),
      ...(restartCount > 0 ? [`${restartCount} restarts`] : []),
      ...(state?.waiting === undefined ? [] : [`waits: ${state.waiting.reason} ${state.waiting.message ?? ""}`.trim()]),
      ...(ended === undefined ? [] : [`ended with ${ended.exitCode}: ${ended.reason ?? ""} ${ended.message ?? ""}`.trim()]),
    ];
    return facts.length === 0 ? [] : [`${name} ${container}: ${facts.join(", ")}`];
  });
  const unscheduled = conditions.filter(({ type, status }) => type === "PodScheduled" && status === "False");
  const waits = unscheduled.map(({ reason, message }) => `${name}: ${reason}: ${message}`);
  return containers.length + waits.length > 0 ? [...waits, ...containers] : [`${name}: ${status.phase}`];
}

function nameOf({ namespace, name }: { readonly namespace?: string | undefined; readonly name?: string | undefined }): string {
  return namespace === undefined ? (name ?? "") : `${namespace}/${name}`;
}
