// Made of crds/profilingpolicies.yaml by hack/generate.ts; edit that file instead.

/** What is asked for, and for which workloads. */
export type ProfilingPolicySpec = {
  /** The pods it is for; all of the namespace when absent. */
  readonly selector?: {
    /** Labels and their values. */
    readonly matchLabels?: { readonly [name: string]: string };
  };
  /** Whether the pods are profiled. `Never` wins over every other policy. */
  readonly profile: "Always" | "Never";
  /** Samples of each CPU in a second that are kept of these pods; at most what the stack's agents take. */
  readonly sampleRate?: number;
  /** The service that the pods' profiles belong to; absent, the agent finds a name. */
  readonly serviceName?: string;
  /** Labels that the pods' profiles get. */
  readonly labels?: { readonly [name: string]: string };
  /** How long profiles of `serviceName` are kept. A duration such as `90s`, `12h`, `31d`. */
  readonly retention?: string;
};

/** What became of it. Written by the operator. */
export type ProfilingPolicyStatus = {
  /** The generation of the spec that was acted on. */
  readonly observedGeneration?: number;
  /** Accepted: whether it can be followed. Ready: whether the agents of every stack that looks at its namespace have it. Also Reconciling and Stalled for tools that know kstatus. */
  readonly conditions?: readonly {
    /** What it is about. */
    readonly type: string;
    /** Whether it is so. */
    readonly status: "True" | "False" | "Unknown";
    /** Why, in one word. */
    readonly reason: string;
    /** Why, and what to do. */
    readonly message: string;
    /** The generation of the spec that was looked at. */
    readonly observedGeneration?: number;
    /** Since when. */
    readonly lastTransitionTime: string;
  }[];
  /** The stacks whose agents have it, as namespace/name; the first 64. */
  readonly stacks?: readonly string[];
};
