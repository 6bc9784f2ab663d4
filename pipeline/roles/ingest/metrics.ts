import { counter, histogram, type Registry } from "../../base/metrics.ts";
import type { Discard } from "./discard.ts";

export interface IngestMetrics {
  received(tenant: string, way: IngestWay, bytes: number): void;
  decoded(tenant: string, profiles: number, uncompressedBytes: number, durationSeconds: number): void;
  published(tenant: string, messages: number, bytes: number, durationSeconds: number): void;
  discarded(tenant: string, discard: Discard): void;
  samplesMissing(tenant: string, samples: number): void;
}

export type IngestWay = "push" | "ingest" | "otlp";

export function createIngestMetrics(registry: Registry): IngestMetrics {
  const discardedProfiles = counter(registry, {
    name: "pyroscope_discarded_samples_total",
    help: "Profiles that were refused, by reason. The name is the one that dashboards of Pyroscope know.",
    labelNames: ["reason", "tenant"],
  });
  const discardedBytes = counter(registry, {
    name: "pyroscope_discarded_bytes_total",
    help: "Bytes of profiles that were refused, by reason.",
    labelNames: ["reason", "tenant"],
  });
  const receivedBytes = counter(registry, {
    name: "brazier_ingest_received_bytes_total",
    help: "Bytes of profiles as they came, compressed or not, by the way they came in.",
    labelNames: ["tenant", "way"],
  });
  const profiles = counter(registry, {
    name: "brazier_ingest_profiles_total",
    help: "Profiles that came in, refused ones included.",
    labelNames: ["tenant"],
  });
  const uncompressedBytes = counter(registry, {
    name: "brazier_ingest_uncompressed_bytes_total",
    help: "Bytes of profiles after decompression.",
    labelNames: ["tenant"],
  });
  const messages = counter(registry, {
    name: "brazier_ingest_messages_total",
    help: "Normalised profiles that the queue has taken.",
    labelNames: ["tenant"],
  });
  const messageBytes = counter(registry, {
    name: "brazier_ingest_message_bytes_total",
    help: "Bytes of normalised profiles that the queue has taken.",
    labelNames: ["tenant"],
  });
  const missingSamples = counter(registry, {
    name: "brazier_ingest_missing_samples_total",
    help: "Samples left out of accepted profiles because they refer to locations or functions that the profile does not have.",
    labelNames: ["tenant"],
  });
  const decodeSeconds = histogram(registry, {
    name: "brazier_ingest_decode_duration_seconds",
    help: "Time from handing a request to a decoding thread to its messages.",
  });
  const publishSeconds = histogram(registry, {
    name: "brazier_ingest_publish_duration_seconds",
    help: "Time until the queue says that all messages of a request are safe.",
  });
  return {
    received: (tenant, way, bytes) => receivedBytes.inc({ tenant, way }, bytes),
    decoded: (tenant, count, bytes, durationSeconds) => {
      profiles.inc({ tenant }, count);
      uncompressedBytes.inc({ tenant }, bytes);
      decodeSeconds.observe(durationSeconds);
    },
    published: (tenant, count, bytes, durationSeconds) => {
      messages.inc({ tenant }, count);
      messageBytes.inc({ tenant }, bytes);
      publishSeconds.observe(durationSeconds);
    },
    discarded: (tenant, { reason, profiles: count, bytes }) => {
      discardedProfiles.inc({ reason, tenant }, count);
      discardedBytes.inc({ reason, tenant }, bytes);
    },
    samplesMissing: (tenant, samples) => missingSamples.inc({ tenant }, samples),
  };
}
