import type { CodedError } from "../../pipeline/base/errors.ts";
import type { SpecFault } from "../validate/validate.ts";

/** How one reconciliation ended. */
export type Outcome =
  /** The user must act: nothing was written. */
  | { readonly kind: "refused"; readonly faults: readonly SpecFault[] }
  /** We or a neighbour: tried again with backoff. */
  | { readonly kind: "failed"; readonly errors: readonly CodedError[] }
  | {
      readonly kind: "applied";
      readonly changed: readonly string[];
      /** Removed because a field cannot change; made anew in the next round. */
      readonly replaced: readonly string[];
      readonly removed: readonly string[];
      /** Servers of the queue are restarting one by one. */
      readonly restarting: boolean;
    }
  /** Asked not to touch anything. */
  | { readonly kind: "paused" }
  /** Only the status was looked at. */
  | { readonly kind: "looked" };
