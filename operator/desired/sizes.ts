import type { ProfilingStackSpec } from "../types/profiling-stack.ts";

export type Size = ProfilingStackSpec["size"];
export type Role = "ingest" | "segment" | "compact" | "query";

type Share = { readonly replicas: number; readonly cpu: string; readonly memory: string };

/**
 * What each size sets aside. CPU is a request only: a limit would throttle just when work piles up. Memory is request and limit alike, so
 * that a node never has to choose whom to end.
 */
export type SizeShares = Readonly<Record<Role, Share>> & {
  readonly partitions: number;
  readonly nats: Share & { readonly volume: string };
};

export const SIZES: Readonly<Record<Exclude<Size, "demo">, SizeShares>> = {
  small: {
    partitions: 16,
    nats: { replicas: 1, cpu: "100m", memory: "512Mi", volume: "10Gi" },
    ingest: { replicas: 1, cpu: "200m", memory: "768Mi" },
    segment: { replicas: 1, cpu: "200m", memory: "768Mi" },
    compact: { replicas: 1, cpu: "200m", memory: "1Gi" },
    query: { replicas: 1, cpu: "200m", memory: "1Gi" },
  },
  medium: {
    partitions: 64,
    nats: { replicas: 3, cpu: "500m", memory: "2Gi", volume: "50Gi" },
    ingest: { replicas: 2, cpu: "1", memory: "1Gi" },
    segment: { replicas: 2, cpu: "1", memory: "1Gi" },
    compact: { replicas: 1, cpu: "1", memory: "2Gi" },
    query: { replicas: 2, cpu: "1", memory: "2Gi" },
  },
  large: {
    partitions: 256,
    nats: { replicas: 3, cpu: "2", memory: "8Gi", volume: "200Gi" },
    ingest: { replicas: 4, cpu: "2", memory: "2Gi" },
    segment: { replicas: 4, cpu: "2", memory: "2Gi" },
    compact: { replicas: 2, cpu: "2", memory: "4Gi" },
    query: { replicas: 3, cpu: "2", memory: "4Gi" },
  },
};

/** One process with everything inside. */
export const DEMO: Share = { replicas: 1, cpu: "200m", memory: "1Gi" };

/** An agent per node. Its maps in the kernel count as its memory, too. */
export const AGENT: Omit<Share, "replicas"> = { cpu: "50m", memory: "256Mi" };
