import { quantityBytes } from "../desired/server-settings.ts";
import { type CountedPart, windowMs } from "./counted-part.ts";

const OBJECTS = "brazier_compaction_due_objects";
const BYTES = "brazier_compaction_due_bytes";

/** Compactors, by the objects that are due to be merged and their bytes: reading many small ones takes as long as one large one. */
export const COMPACT: CountedPart = {
  component: "compact",
  metrics: [OBJECTS, BYTES],
  words: {
    untold: "no compactor has told yet how much is due",
    seenOnce: "how much is due was seen only once",
    aboveMax: "more than maxReplicas",
    much: "much is due to be merged",
    late: "what is due to be merged is too old",
    beyondMax: "more is due to be merged than maxReplicas compactors should have",
    little: "little is due to be merged",
  },
  rulesOf: (spec) => {
    const scaling = spec.compact?.autoscaling;
    if (scaling === undefined || spec.size === "demo") return undefined;
    const targetBytes = Math.max(1, quantityBytes(scaling.targetDueBytes));
    return {
      bounds: {
        min: scaling.minReplicas,
        max: scaling.maxReplicas,
        windowMs: windowMs(scaling.scaleDownStabilization),
      },
      loadOf: (reading) => ({
        needed: Math.max(Math.ceil((reading[OBJECTS] ?? 0) / scaling.targetDueObjects), Math.ceil((reading[BYTES] ?? 0) / targetBytes)),
        lateness: 0,
      }),
    };
  },
};
