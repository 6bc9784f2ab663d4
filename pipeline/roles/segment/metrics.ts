import type { Clock } from "../../base/clock.ts";
import { counter, gauge, histogram, type Registry } from "../../base/metrics.ts";
import { SECOND_MS } from "../../base/units.ts";
import type { Queue } from "../../queue/queue.ts";

export type SegmentMetrics = ReturnType<typeof createSegmentMetrics>;

/** All metrics of the segment role. */
export function createSegmentMetrics(registry: Registry, queue: Queue, clock: Clock) {
  gauge(registry, {
    name: "brazier_queue_waiting_messages",
    help: "messages that are in no published segment yet",
    collect: (metric) => depthOf(queue, ({ messages }) => metric.set(messages)),
  });
  gauge(registry, {
    name: "brazier_queue_waiting_bytes",
    help: "bytes of messages that are in no published segment yet",
    collect: (metric) => depthOf(queue, ({ bytes }) => metric.set(bytes)),
  });
  if (queue.isDurable) {
    gauge(registry, {
      name: "brazier_queue_oldest_seconds",
      help: "age of the oldest message that is in no published segment yet; 0 when there is none",
      collect: (metric) =>
        depthOf(queue, ({ oldestMs }) => metric.set(oldestMs === undefined ? 0 : Math.max(0, clock.nowMs() - oldestMs) / SECOND_MS)),
    });
  }
  return {
    segments: counter(registry, { name: "brazier_segments_published_total", help: "segments made visible by a catalog commit" }),
    segmentBytes: counter(registry, { name: "brazier_segments_published_bytes_total", help: "bytes of the segments made visible" }),
    messages: counter(registry, { name: "brazier_segment_messages_total", help: "messages that became part of a published segment" }),
    repeated: counter(registry, {
      name: "brazier_segment_repeated_messages_total",
      help: "messages delivered again that a published segment counted already",
    }),
    deadLetters: counter(registry, {
      name: "brazier_segment_dead_letters_total",
      help: "messages put aside under dead/ because they could not be read, by reason",
      labelNames: ["reason"],
    }),
    givenBack: counter(registry, {
      name: "brazier_segment_given_back_messages_total",
      help: "messages given back to the queue because the bucket did not take their segment, by reason",
      labelNames: ["reason"],
    }),
    lostRaces: counter(registry, {
      name: "brazier_segment_lost_races_total",
      help: "segments thrown away because another owner had committed some of their messages",
    }),
    buildSeconds: histogram(registry, { name: "brazier_segment_build_duration_seconds", help: "time to build a segment" }),
    publishSeconds: histogram(registry, {
      name: "brazier_segment_publish_duration_seconds",
      help: "time to put a segment and commit it to the catalog",
    }),
  };
}

/** A queue that does not answer leaves its last figures; the page of metrics has others, too. */
async function depthOf(queue: Queue, set: (depth: Awaited<ReturnType<Queue["depth"]>>) => void): Promise<void> {
  await queue.depth().then(set, () => {});
}
