import type { NatsCredentials } from "../credentials/nats-credentials.ts";
import type { KubeObject, Metadata } from "../kube/object.ts";
import type { NatsServers } from "../restart/next-server.ts";
import type { CountedComponent } from "../scaling/counted-part.ts";
import type { MetricOffer } from "../scaling/in-flight.ts";
import type { Look } from "../scaling/reading.ts";
import type { ProfilingPolicySpec, ProfilingPolicyStatus } from "../types/profiling-policy.ts";
import type { ProfilingStackSpec, ProfilingStackStatus } from "../types/profiling-stack.ts";

export type Stack = {
  readonly metadata: Metadata & { readonly namespace: string; readonly uid: string };
  readonly spec: ProfilingStackSpec;
  readonly status?: Partial<ProfilingStackStatus>;
};

export type Policy = {
  readonly metadata: Metadata & { readonly namespace: string };
  readonly spec: ProfilingPolicySpec;
  readonly status?: ProfilingPolicyStatus;
};

/** What one reconciliation knows of the world: read once, frozen, and all that the pure steps see. */
export type Observed = {
  readonly stack: Stack;
  /** The Secrets that the spec names, their values in base64; one that is missing is absent. */
  readonly secrets: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** Everything that carries the stack's labels. */
  readonly owned: readonly KubeObject[];
  /** Which of the optional kinds the cluster knows, by {@link kindId}. */
  readonly kinds: ReadonlySet<string>;
  readonly policies: readonly Policy[];
  /** Of the stack's own NATS cluster: what is there, or new where it is missing or runs out. */
  readonly nats: NatsCredentials | undefined;
  /** The stack's own NATS servers, while some lack their newest form or are not ready. */
  readonly natsServers: NatsServers | undefined;
  /** What was seen of the work of parts, oldest first; nothing where the operator does not count them. */
  readonly looks: { readonly [component in CountedComponent]?: readonly Look[] };
  /** Whether queriers can be scaled by their questions; undefined where nobody wants to know. */
  readonly inFlight: MetricOffer | undefined;
};
