// Made of crds/profilingstacks.yaml by hack/generate.ts; edit that file instead.

/** What should run. Everything has a default but where profiles are kept. */
export type ProfilingStackSpec = {
  /** How much is set aside: replicas, CPU, memory and partitions of every part. `demo` is one process with everything inside, for a look; `small` carries tens of nodes, `medium` hundreds, `large` thousands. */
  readonly size: "demo" | "small" | "medium" | "large";
  /** The version of Brazier to run; absent, it is the operator's own. Setting an older one goes back. */
  readonly version?: string;
  /** The image of the server's parts. */
  readonly image: {
    /** The image's name without tag. */
    readonly repository: string;
    /** The image's tag; absent, it is the stack's version. */
    readonly tag?: string;
    /** The image's digest (`sha256:…`); wins over the tag. */
    readonly digest?: string;
    /** When nodes pull the image. */
    readonly pullPolicy: "Always" | "IfNotPresent" | "Never";
  };
  /** Secrets with the credentials of private image registries. */
  readonly imagePullSecrets?: readonly {
    /** Its name, in the stack's namespace. */
    readonly name: string;
  }[];
  /** Stops the operator from changing anything of this stack; its status goes on. */
  readonly paused: boolean;
  /** Where profiles are kept: a bucket, or for a demo a directory. */
  readonly storage: {
    /** What every object key begins with, so that several stacks can share a bucket. */
    readonly prefix?: string;
    /** A bucket of Amazon S3 or of a server that speaks its protocol and knows conditional writes. */
    readonly s3?: {
      /** The bucket's name. It must exist. */
      readonly bucket: string;
      /** Address of the server; absent, it is Amazon's for the region. */
      readonly endpoint?: string;
      /** The bucket's region. */
      readonly region: string;
      /** Puts the bucket's name into the path instead of the host name; absent, it is so where an endpoint is given. */
      readonly pathStyle?: boolean;
      /** A Secret with an access key. Without it, `webIdentity` or `instance`, the surroundings are searched as Amazon's tools do. */
      readonly credentialsSecret?: {
        /** Name of the Secret, in the stack's namespace. */
        readonly name: string;
        /** The key that holds the access key's id. */
        readonly accessKeyIdKey: string;
        /** The key that holds the secret access key. */
        readonly secretAccessKeyKey: string;
        /** The key that holds a session token, where there is one. */
        readonly sessionTokenKey?: string;
      };
      /** Takes a role with the pods' service account tokens. */
      readonly webIdentity?: {
        /** The role. */
        readonly roleArn: string;
      };
      /** Takes the role of the machine or pod identity. */
      readonly instance?: Readonly<Record<string, never>>;
      /** A Secret with the certificate authority of the server. */
      readonly caSecret?: {
        /** Name of the Secret, in the stack's namespace. */
        readonly name: string;
        /** The key in it. */
        readonly key: string;
      };
      /** Server-side encryption to ask for. */
      readonly sse?: "AES256" | "aws:kms";
      /** The key of `aws:kms`. */
      readonly sseKmsKeyId?: string;
    };
    /** A directory on a volume of the cluster, for size `demo` only. */
    readonly directory?: {
      /** How large each volume is. It may grow, not shrink. A Kubernetes quantity such as `10Gi`. */
      readonly size?: string;
      /** The storage class; absent, the cluster's default. */
      readonly storageClassName?: string;
    };
  };
  /** Where profiles wait between ingest and storage: a NATS cluster of the stack's own by default. */
  readonly queue?: {
    /** Into how many parts the queue is cut: the most segment workers that have work. Absent, the size decides. It cannot change. */
    readonly partitions?: number;
    /** The stack's own NATS cluster; what is absent, the size decides. */
    readonly nats?: {
      /** How many servers run. Of three there may become five; no other number can change, since what waits would be lost. */
      readonly replicas?: number;
      /** The volume of each server, on which profiles wait. */
      readonly storage?: {
        /** How large each volume is. It cannot change. A Kubernetes quantity such as `10Gi`. */
        readonly size?: string;
        /** The storage class; absent, the cluster's default. */
        readonly storageClassName?: string;
      };
      /** The image of the NATS server. */
      readonly image: {
        /** The image's name without tag. */
        readonly repository: string;
        /** The image's tag. */
        readonly tag: string;
        /** The image's digest (`sha256:…`); wins over the tag. */
        readonly digest?: string;
        /** When nodes pull the image. */
        readonly pullPolicy: "Always" | "IfNotPresent" | "Never";
      };
      /** Whether connections to and between the servers are encrypted, with certificates that the operator makes and renews. */
      readonly tls: boolean;
      /** CPU and memory of each server; absent, the size decides. */
      readonly resources?: {
        /** What the scheduler sets aside, by resource name. */
        readonly requests?: { readonly [name: string]: number | string };
        /** What a container may take at most, by resource name. */
        readonly limits?: { readonly [name: string]: number | string };
      };
      /** Labels that a node must have. */
      readonly nodeSelector?: { readonly [name: string]: string };
      /** Taints that the pods put up with. */
      readonly tolerations?: readonly {
        /** The taint's key; empty with operator `Exists` tolerates every taint. */
        readonly key?: string;
        /** How key and value are compared. */
        readonly operator?: "Exists" | "Equal";
        /** The taint's value, for `Equal`. */
        readonly value?: string;
        /** The taint's effect; all when absent. */
        readonly effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
        /** How long a pod stays on a node that got a `NoExecute` taint. */
        readonly tolerationSeconds?: number;
      }[];
      /** Affinity of the pods, as in a pod's spec. Replaces what Brazier sets by itself. */
      readonly affinity?: { readonly [name: string]: unknown };
      /** Priority class of the pods. */
      readonly priorityClassName?: string;
    };
    /** A NATS cluster of yours, with JetStream. */
    readonly external?: {
      /** Its addresses, such as `nats://nats.queues:4222`. */
      readonly servers: readonly string[];
      /** The stream's name; it is created when absent. */
      readonly stream: string;
      /** On how many servers the stream is kept. */
      readonly replicas: number;
      /** A Secret with a NATS credentials file. */
      readonly credentialsSecret?: {
        /** Name of the Secret, in the stack's namespace. */
        readonly name: string;
        /** The key in it. */
        readonly key: string;
      };
      /** A Secret with a user and a password. */
      readonly userSecret?: {
        /** Name of the Secret, in the stack's namespace. */
        readonly name: string;
        /** The key that holds the user. */
        readonly userKey: string;
        /** The key that holds the password. */
        readonly passwordKey: string;
      };
      /** Encryption towards the cluster. */
      readonly tls?: {
        /** A Secret with its certificate authority. */
        readonly caSecret?: {
          /** Name of the Secret, in the stack's namespace. */
          readonly name: string;
          /** The key in it. */
          readonly key: string;
        };
        /** A Secret of type kubernetes.io/tls that the stack shows as its own certificate. */
        readonly clientSecret?: {
          /** Its name. */
          readonly name: string;
        };
      };
    };
  };
  /** Takes profiles in. */
  readonly ingest?: {
    /** How many pods run; absent, the stack's size decides. Not together with `autoscaling`. */
    readonly replicas?: number;
    /** Lets a HorizontalPodAutoscaler decide how many ingest pods run. */
    readonly autoscaling?: {
      /** The fewest pods. */
      readonly minReplicas: number;
      /** The most pods. */
      readonly maxReplicas: number;
      /** CPU use, in percent of what is requested, that the autoscaler aims at. */
      readonly targetCpuPercent: number;
      /** How long fewer pods must have been enough before any is removed. A duration such as `90s`, `12h`, `31d`. */
      readonly scaleDownStabilization: string;
    };
    /** CPU and memory of each pod; absent, the stack's size decides. */
    readonly resources?: {
      /** What the scheduler sets aside, by resource name. */
      readonly requests?: { readonly [name: string]: number | string };
      /** What a container may take at most, by resource name. */
      readonly limits?: { readonly [name: string]: number | string };
    };
    /** Further arguments of `brazier serve`, such as `--set=query.timeout=30s`. */
    readonly extraArgs?: readonly string[];
    /** Further environment variables. */
    readonly extraEnv?: readonly {
      /** The variable's name. */
      readonly name: string;
      /** Its value. */
      readonly value?: string;
      /** Where its value comes from, as in a container's spec. */
      readonly valueFrom?: { readonly [name: string]: unknown };
    }[];
    /** Further annotations of the pods. */
    readonly podAnnotations?: { readonly [name: string]: string };
    /** Further labels of the pods. */
    readonly podLabels?: { readonly [name: string]: string };
    /** Whether a PodDisruptionBudget lets only one of several pods be evicted at once. */
    readonly disruptionBudget: boolean;
    /** Whether the pods are spread over nodes and zones where that is possible. */
    readonly topologySpread: boolean;
    /** Labels that a node must have. */
    readonly nodeSelector?: { readonly [name: string]: string };
    /** Taints that the pods put up with. */
    readonly tolerations?: readonly {
      /** The taint's key; empty with operator `Exists` tolerates every taint. */
      readonly key?: string;
      /** How key and value are compared. */
      readonly operator?: "Exists" | "Equal";
      /** The taint's value, for `Equal`. */
      readonly value?: string;
      /** The taint's effect; all when absent. */
      readonly effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
      /** How long a pod stays on a node that got a `NoExecute` taint. */
      readonly tolerationSeconds?: number;
    }[];
    /** Affinity of the pods, as in a pod's spec. Replaces what Brazier sets by itself. */
    readonly affinity?: { readonly [name: string]: unknown };
    /** Priority class of the pods. */
    readonly priorityClassName?: string;
  };
  /** Moves profiles from the queue into the bucket. */
  readonly segment?: {
    /** How many pods run; absent, the stack's size decides. Not together with `autoscaling`. */
    readonly replicas?: number;
    /** Lets the operator, or KEDA, decide how many segment workers run, by how much and how long profiles wait in the queue. */
    readonly autoscaling?: {
      /** The fewest pods. */
      readonly minReplicas: number;
      /** The most pods. */
      readonly maxReplicas: number;
      /** Who counts the workers; `KEDA` asks for a ScaledObject, and for KEDA in the cluster. */
      readonly by: "Operator" | "KEDA";
      /** Messages waiting for each worker that the operator aims at. */
      readonly targetWaiting: number;
      /** The age of the oldest waiting profile that the operator aims at. A duration such as `90s`, `12h`, `31d`. */
      readonly targetAge: string;
      /** How long fewer pods must have been enough before any is removed. A duration such as `90s`, `12h`, `31d`. */
      readonly scaleDownStabilization: string;
    };
    /** CPU and memory of each pod; absent, the stack's size decides. */
    readonly resources?: {
      /** What the scheduler sets aside, by resource name. */
      readonly requests?: { readonly [name: string]: number | string };
      /** What a container may take at most, by resource name. */
      readonly limits?: { readonly [name: string]: number | string };
    };
    /** Further arguments of `brazier serve`, such as `--set=query.timeout=30s`. */
    readonly extraArgs?: readonly string[];
    /** Further environment variables. */
    readonly extraEnv?: readonly {
      /** The variable's name. */
      readonly name: string;
      /** Its value. */
      readonly value?: string;
      /** Where its value comes from, as in a container's spec. */
      readonly valueFrom?: { readonly [name: string]: unknown };
    }[];
    /** Further annotations of the pods. */
    readonly podAnnotations?: { readonly [name: string]: string };
    /** Further labels of the pods. */
    readonly podLabels?: { readonly [name: string]: string };
    /** Whether a PodDisruptionBudget lets only one of several pods be evicted at once. */
    readonly disruptionBudget: boolean;
    /** Whether the pods are spread over nodes and zones where that is possible. */
    readonly topologySpread: boolean;
    /** Labels that a node must have. */
    readonly nodeSelector?: { readonly [name: string]: string };
    /** Taints that the pods put up with. */
    readonly tolerations?: readonly {
      /** The taint's key; empty with operator `Exists` tolerates every taint. */
      readonly key?: string;
      /** How key and value are compared. */
      readonly operator?: "Exists" | "Equal";
      /** The taint's value, for `Equal`. */
      readonly value?: string;
      /** The taint's effect; all when absent. */
      readonly effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
      /** How long a pod stays on a node that got a `NoExecute` taint. */
      readonly tolerationSeconds?: number;
    }[];
    /** Affinity of the pods, as in a pod's spec. Replaces what Brazier sets by itself. */
    readonly affinity?: { readonly [name: string]: unknown };
    /** Priority class of the pods. */
    readonly priorityClassName?: string;
  };
  /** Merges what is in the bucket into fewer, larger objects. */
  readonly compact?: {
    /** How many pods run; absent, the stack's size decides. Not together with `autoscaling`. */
    readonly replicas?: number;
    /** Lets the operator decide how many compactors run, by what is due to be merged. */
    readonly autoscaling?: {
      /** The fewest pods. */
      readonly minReplicas: number;
      /** The most pods. */
      readonly maxReplicas: number;
      /** Objects due to be merged, for each compactor, that the operator aims at; the default is what one merge takes at most. */
      readonly targetDueObjects: number;
      /** Bytes of objects due to be merged, for each compactor, that the operator aims at; the default is what one merge takes at most. A Kubernetes quantity such as `256Mi`. */
      readonly targetDueBytes: string;
      /** How long fewer pods must have been enough before any is removed. A duration such as `90s`, `12h`, `31d`. */
      readonly scaleDownStabilization: string;
    };
    /** CPU and memory of each pod; absent, the stack's size decides. */
    readonly resources?: {
      /** What the scheduler sets aside, by resource name. */
      readonly requests?: { readonly [name: string]: number | string };
      /** What a container may take at most, by resource name. */
      readonly limits?: { readonly [name: string]: number | string };
    };
    /** Further arguments of `brazier serve`, such as `--set=query.timeout=30s`. */
    readonly extraArgs?: readonly string[];
    /** Further environment variables. */
    readonly extraEnv?: readonly {
      /** The variable's name. */
      readonly name: string;
      /** Its value. */
      readonly value?: string;
      /** Where its value comes from, as in a container's spec. */
      readonly valueFrom?: { readonly [name: string]: unknown };
    }[];
    /** Further annotations of the pods. */
    readonly podAnnotations?: { readonly [name: string]: string };
    /** Further labels of the pods. */
    readonly podLabels?: { readonly [name: string]: string };
    /** Whether a PodDisruptionBudget lets only one of several pods be evicted at once. */
    readonly disruptionBudget: boolean;
    /** Whether the pods are spread over nodes and zones where that is possible. */
    readonly topologySpread: boolean;
    /** Labels that a node must have. */
    readonly nodeSelector?: { readonly [name: string]: string };
    /** Taints that the pods put up with. */
    readonly tolerations?: readonly {
      /** The taint's key; empty with operator `Exists` tolerates every taint. */
      readonly key?: string;
      /** How key and value are compared. */
      readonly operator?: "Exists" | "Equal";
      /** The taint's value, for `Equal`. */
      readonly value?: string;
      /** The taint's effect; all when absent. */
      readonly effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
      /** How long a pod stays on a node that got a `NoExecute` taint. */
      readonly tolerationSeconds?: number;
    }[];
    /** Affinity of the pods, as in a pod's spec. Replaces what Brazier sets by itself. */
    readonly affinity?: { readonly [name: string]: unknown };
    /** Priority class of the pods. */
    readonly priorityClassName?: string;
  };
  /** Answers questions. */
  readonly query?: {
    /** How many pods run; absent, the stack's size decides. Not together with `autoscaling`. */
    readonly replicas?: number;
    /** Lets a HorizontalPodAutoscaler decide how many queriers run. */
    readonly autoscaling?: {
      /** The fewest pods. */
      readonly minReplicas: number;
      /** The most pods. */
      readonly maxReplicas: number;
      /** CPU use, in percent of what is requested, that the autoscaler aims at. */
      readonly targetCpuPercent: number;
      /** Questions for each querier, running and waiting, that the autoscaler aims at beside CPU where the cluster's custom metrics offer `brazier_query_in_flight`. 0 leaves it to CPU alone; the default is what one query thread takes at once. */
      readonly targetInFlight: number;
      /** How long fewer pods must have been enough before any is removed. A duration such as `90s`, `12h`, `31d`. */
      readonly scaleDownStabilization: string;
    };
    /** CPU and memory of each pod; absent, the stack's size decides. */
    readonly resources?: {
      /** What the scheduler sets aside, by resource name. */
      readonly requests?: { readonly [name: string]: number | string };
      /** What a container may take at most, by resource name. */
      readonly limits?: { readonly [name: string]: number | string };
    };
    /** Further arguments of `brazier serve`, such as `--set=query.timeout=30s`. */
    readonly extraArgs?: readonly string[];
    /** Further environment variables. */
    readonly extraEnv?: readonly {
      /** The variable's name. */
      readonly name: string;
      /** Its value. */
      readonly value?: string;
      /** Where its value comes from, as in a container's spec. */
      readonly valueFrom?: { readonly [name: string]: unknown };
    }[];
    /** Further annotations of the pods. */
    readonly podAnnotations?: { readonly [name: string]: string };
    /** Further labels of the pods. */
    readonly podLabels?: { readonly [name: string]: string };
    /** Whether a PodDisruptionBudget lets only one of several pods be evicted at once. */
    readonly disruptionBudget: boolean;
    /** Whether the pods are spread over nodes and zones where that is possible. */
    readonly topologySpread: boolean;
    /** Labels that a node must have. */
    readonly nodeSelector?: { readonly [name: string]: string };
    /** Taints that the pods put up with. */
    readonly tolerations?: readonly {
      /** The taint's key; empty with operator `Exists` tolerates every taint. */
      readonly key?: string;
      /** How key and value are compared. */
      readonly operator?: "Exists" | "Equal";
      /** The taint's value, for `Equal`. */
      readonly value?: string;
      /** The taint's effect; all when absent. */
      readonly effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
      /** How long a pod stays on a node that got a `NoExecute` taint. */
      readonly tolerationSeconds?: number;
    }[];
    /** Affinity of the pods, as in a pod's spec. Replaces what Brazier sets by itself. */
    readonly affinity?: { readonly [name: string]: unknown };
    /** Priority class of the pods. */
    readonly priorityClassName?: string;
  };
  /** The agent that profiles every node. */
  readonly agent: {
    /** Whether agents run. */
    readonly enabled: boolean;
    /** The image of the agent. */
    readonly image: {
      /** The image's name without tag. */
      readonly repository: string;
      /** The image's tag; absent, it is the stack's version. */
      readonly tag?: string;
      /** The image's digest (`sha256:…`); wins over the tag. */
      readonly digest?: string;
      /** When nodes pull the image. */
      readonly pullPolicy: "Always" | "IfNotPresent" | "Never";
    };
    /** Samples of each CPU in a second. */
    readonly sampleRate: number;
    /** The tenant that the agents' profiles belong to. */
    readonly tenant: string;
    /** A Secret with the token that the agents show, for `auth.mode: tokens`. */
    readonly tokenSecret?: {
      /** Name of the Secret, in the stack's namespace. */
      readonly name: string;
      /** The key in it. */
      readonly key: string;
    };
    /** Whose pods are profiled; all when absent. */
    readonly namespaces?: {
      /** Only pods of these namespaces. */
      readonly include?: readonly string[];
      /** No pods of these namespaces. */
      readonly exclude?: readonly string[];
    };
    /** Labels that a profiled pod has; all pods when absent. */
    readonly podSelector?: {
      /** Labels and their values. */
      readonly matchLabels?: { readonly [name: string]: string };
    };
    /** Labels that all profiles of the agents get. */
    readonly labels?: { readonly [name: string]: string };
    /** What an agent may cost. Above it, it samples less. */
    readonly budget: {
      /** Percent of one core. */
      readonly cpuPercent: number;
    };
    /** CPU and memory of each agent. Below 160Mi of memory its kernel part cannot load. */
    readonly resources?: {
      /** What the scheduler sets aside, by resource name. */
      readonly requests?: { readonly [name: string]: number | string };
      /** What a container may take at most, by resource name. */
      readonly limits?: { readonly [name: string]: number | string };
    };
    /** Further arguments of the agent. */
    readonly extraArgs?: readonly string[];
    /** Labels that a node must have. */
    readonly nodeSelector?: { readonly [name: string]: string };
    /** Taints that the agents put up with: all by default, since every node is profiled. */
    readonly tolerations: readonly {
      /** The taint's key; empty with operator `Exists` tolerates every taint. */
      readonly key?: string;
      /** How key and value are compared. */
      readonly operator?: "Exists" | "Equal";
      /** The taint's value, for `Equal`. */
      readonly value?: string;
      /** The taint's effect; all when absent. */
      readonly effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
      /** How long a pod stays on a node that got a `NoExecute` taint. */
      readonly tolerationSeconds?: number;
    }[];
    /** Affinity of the pods, as in a pod's spec. Replaces what Brazier sets by itself. */
    readonly affinity?: { readonly [name: string]: unknown };
    /** Priority class of the pods. */
    readonly priorityClassName?: string;
  };
  /** Who may send and ask. */
  readonly auth: {
    /** `none`: one tenant, `anonymous`. `header`: trusts `X-Scope-OrgID`, for use behind a gateway that sets it. `tokens`: credentials open the tenants that a Secret lists. */
    readonly mode: "none" | "header" | "tokens";
    /** A Secret with the list of tokens, for mode `tokens`. */
    readonly tokensSecret?: {
      /** Name of the Secret, in the stack's namespace. */
      readonly name: string;
      /** The key in it. */
      readonly key: string;
    };
  };
  /** What one tenant may send and ask; what is absent has the server's default, and 0 is no bound. */
  readonly limits?: {
    /** Bytes of profiles and labels a second, uncompressed, over a longer time. A size such as `256KiB`, `4MiB`. */
    readonly ingestionRate?: string;
    /** Bytes that may come at once on top of the rate. A size such as `256KiB`, `4MiB`. */
    readonly ingestionBurst?: string;
    /** One request, as received and decompressed. A size such as `256KiB`, `4MiB`. */
    readonly bodyMax?: string;
    /** One profile, uncompressed. A size such as `256KiB`, `4MiB`. */
    readonly profileMax?: string;
    /** Samples of one profile. */
    readonly samplesMax?: number;
    /** Labels of one series. */
    readonly labelNamesMax?: number;
    /** Frames of one stacktrace. */
    readonly stackDepthMax?: number;
    /** Profiles older than this are refused. A duration such as `90s`, `12h`, `31d`. */
    readonly rejectOlderThan?: string;
    /** Profiles further in the future are refused. A duration such as `90s`, `12h`, `31d`. */
    readonly rejectNewerThan?: string;
    /** The longest time range of one query. A duration such as `90s`, `12h`, `31d`. */
    readonly queryLengthMax?: string;
    /** How far back queries see. A duration such as `90s`, `12h`, `31d`. */
    readonly queryLookbackMax?: string;
    /** Tenants with limits of their own. */
    readonly tenants?: readonly {
      /** The tenant. */
      readonly tenant: string;
      /** Bytes of profiles and labels a second, uncompressed, over a longer time. A size such as `256KiB`, `4MiB`. */
      readonly ingestionRate?: string;
      /** Bytes that may come at once on top of the rate. A size such as `256KiB`, `4MiB`. */
      readonly ingestionBurst?: string;
      /** One request, as received and decompressed. A size such as `256KiB`, `4MiB`. */
      readonly bodyMax?: string;
      /** One profile, uncompressed. A size such as `256KiB`, `4MiB`. */
      readonly profileMax?: string;
      /** Samples of one profile. */
      readonly samplesMax?: number;
      /** Labels of one series. */
      readonly labelNamesMax?: number;
      /** Frames of one stacktrace. */
      readonly stackDepthMax?: number;
      /** Profiles older than this are refused. A duration such as `90s`, `12h`, `31d`. */
      readonly rejectOlderThan?: string;
      /** Profiles further in the future are refused. A duration such as `90s`, `12h`, `31d`. */
      readonly rejectNewerThan?: string;
      /** The longest time range of one query. A duration such as `90s`, `12h`, `31d`. */
      readonly queryLengthMax?: string;
      /** How far back queries see. A duration such as `90s`, `12h`, `31d`. */
      readonly queryLookbackMax?: string;
    }[];
  };
  /** How long profiles are kept. */
  readonly retention: {
    /** How long, unless said otherwise; `0` keeps them for ever. A duration such as `90s`, `12h`, `31d`. */
    readonly period: string;
    /** Tenants with a time of their own. */
    readonly tenants?: readonly {
      /** The tenant. */
      readonly tenant: string;
      /** How long its profiles are kept. A duration such as `90s`, `12h`, `31d`. */
      readonly period?: string;
      /** Services of it with a time of their own. */
      readonly services?: readonly {
        /** The service's name. */
        readonly service: string;
        /** How long its profiles are kept. A duration such as `90s`, `12h`, `31d`. */
        readonly period: string;
      }[];
    }[];
  };
  /** How the stack is reached. */
  readonly expose: {
    /** The Services in front of ingest and query. */
    readonly service: {
      /** Its type. */
      readonly type: "ClusterIP" | "NodePort" | "LoadBalancer";
      /** Its annotations. */
      readonly annotations?: { readonly [name: string]: string };
      /** Class of the load balancer, for type `LoadBalancer`. */
      readonly loadBalancerClass?: string;
    };
    /** An Ingress for the page and the API. */
    readonly ingress?: {
      /** The host name. */
      readonly host: string;
      /** The class of the Ingress. */
      readonly className?: string;
      /** Its annotations. */
      readonly annotations?: { readonly [name: string]: string };
      /** A Secret with the host's certificate. */
      readonly tlsSecretName?: string;
    };
    /** An HTTPRoute of the Gateway API. */
    readonly httpRoute?: {
      /** The gateways that it belongs to. */
      readonly parentRefs: readonly {
        /** Its name. */
        readonly name: string;
        /** Its namespace; absent, the stack's. */
        readonly namespace?: string;
        /** One of its listeners. */
        readonly sectionName?: string;
      }[];
      /** The host names. */
      readonly hostnames?: readonly string[];
    };
    /** Lets the parts themselves serve TLS on their HTTP port. */
    readonly tls?: {
      /** A Secret of type kubernetes.io/tls. */
      readonly secretName: string;
    };
  };
  /** What Prometheus and Grafana get. `Auto` makes an object where the cluster knows its kind, `Always` says so in the status when it does not. */
  readonly monitoring: {
    /** ServiceMonitors of all parts. */
    readonly serviceMonitor: "Auto" | "Always" | "Never";
    /** Alerts. */
    readonly prometheusRule: "Auto" | "Always" | "Never";
    /** A ConfigMap with a dashboard that Grafana's sidecar finds. */
    readonly dashboard: boolean;
    /** A GrafanaDatasource of the Grafana operator. */
    readonly grafanaDatasource: "Auto" | "Always" | "Never";
    /** Labels of these objects, where Prometheus selects by them. */
    readonly labels?: { readonly [name: string]: string };
    /** How often Prometheus asks. A duration such as `90s`, `12h`, `31d`. */
    readonly interval: string;
  };
  /** Who may reach what. */
  readonly networkPolicy: {
    /** Whether NetworkPolicies keep everybody but the stack itself from the queue. */
    readonly enabled: boolean;
  };
  /** Settings of the server that have no field here, by name, such as `query.timeout: 30s`. The server's own documentation lists them. */
  readonly config?: { readonly [name: string]: string };
};

/** What runs. Written by the operator. */
export type ProfilingStackStatus = {
  /** The generation of the spec that was acted on. */
  readonly observedGeneration?: number;
  /** The version that all parts run; while they differ, the older one. */
  readonly version?: string;
  /** Ready pods of wanted pods, all parts together. */
  readonly ready?: string;
  /** What is so: Ready, Progressing, Degraded, StorageReady, QueueReady; also Reconciling and Stalled for tools that know kstatus. */
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
  /** Every part with its pods. */
  readonly components?: readonly {
    /** Its name. */
    readonly name: string;
    /** Pods that should run. */
    readonly wanted: number;
    /** Pods that are ready. */
    readonly ready: number;
    /** Pods of the newest form. */
    readonly updated: number;
    /** The version in its pods' form. */
    readonly version?: string;
  }[];
  /** Where to send and to ask, from within the cluster. */
  readonly endpoints?: {
    /** Pushes: what SDKs take as the server's address. */
    readonly push?: string;
    /** Queries and the page: what Grafana takes as the datasource's address. */
    readonly query?: string;
    /** OTLP over gRPC. */
    readonly otlpGrpc?: string;
    /** OTLP over HTTP. */
    readonly otlpHttp?: string;
    /** From outside, where the stack is exposed. */
    readonly external?: string;
  };
  /** A change of version under way; absent when there is none. */
  readonly upgrade?: {
    /** The version before. */
    readonly from?: string;
    /** The version after. */
    readonly to: string;
    /** The part that changes now. */
    readonly component?: string;
    /** The parts that follow, in order. */
    readonly waiting?: readonly string[];
  };
  /** How many pods of a part run, and why, where that is decided anew all the time. */
  readonly scaling?: readonly {
    /** The part. */
    readonly component: string;
    /** The pods it should have. */
    readonly replicas: number;
    /** The fewest there may be. */
    readonly minReplicas?: number;
    /** The most there may be. */
    readonly maxReplicas?: number;
    /** Who decides. */
    readonly by?: "Operator" | "HorizontalPodAutoscaler" | "KEDA";
    /** Why. */
    readonly reason: string;
    /** When that last changed. */
    readonly lastScaleTime?: string;
  }[];
  /** The queriers, for `kubectl scale`. */
  readonly query?: {
    /** Queriers that run. */
    readonly replicas?: number;
    /** Labels of their pods. */
    readonly selector?: string;
  };
};
