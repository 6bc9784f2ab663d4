import { counter, type Registry } from "../base/metrics.ts";
import type { StoreLocation } from "./location.ts";
import { S3_OPERATIONS, S3_OUTCOMES, S3Tally } from "./s3-tally.ts";

/** The same bucket with its requests counted, by whichever thread opens it. A directory has none. */
export function measured(location: StoreLocation, registry: Registry): StoreLocation {
  if (location.kind !== "s3") return location;
  const tally = new S3Tally();
  counter(registry, {
    name: "brazier_s3_requests_total",
    help: "requests to S3, each attempt and each hedged read for itself, by operation and outcome (ok, absent, taken, throttled, server_error, no_answer, timeout, cancelled, refused)",
    labelNames: ["operation", "outcome"],
    collect: (metric) => {
      for (const operation of S3_OPERATIONS) {
        for (const outcome of S3_OUTCOMES) {
          const count = tally.requests(operation, outcome);
          if (count > 0) metric.inc({ operation, outcome }, count);
        }
      }
    },
  });
  counter(registry, {
    name: "brazier_s3_retries_total",
    help: "requests to S3 that were made again after a failure that may pass, by operation",
    labelNames: ["operation"],
    collect: (metric) => {
      for (const operation of S3_OPERATIONS) metric.inc({ operation }, tally.retries(operation));
    },
  });
  counter(registry, {
    name: "brazier_s3_hedged_reads_total",
    help: "reads from S3 that were asked a second time because the first answer was late (storage.s3.hedge_after)",
    collect: (metric) => metric.inc(tally.hedges),
  });
  counter(registry, {
    name: "brazier_s3_read_bytes_total",
    help: "bytes of objects read from S3",
    collect: (metric) => metric.inc(tally.readBytes),
  });
  counter(registry, {
    name: "brazier_s3_written_bytes_total",
    help: "bytes of objects written to S3",
    collect: (metric) => metric.inc(tally.writtenBytes),
  });
  return { ...location, tally: tally.buffer };
}
