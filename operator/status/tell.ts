import type { Clock } from "../../pipeline/base/clock.ts";
import type { Log } from "../../pipeline/base/log.ts";
import { API_VERSION } from "../desired/names.ts";
import type { Cluster } from "../kube/cluster.ts";
import { hashOf } from "../kube/hash.ts";
import type { Metadata } from "../kube/object.ts";
import { isoSeconds } from "./moments.ts";

export type Telling = { readonly reason: string; readonly message: string; readonly type: "Normal" | "Warning" };
export type TellDeps = { readonly cluster: Cluster; readonly clock: Clock; readonly log: Log };

/** Writes an event about one of our objects. It is for people: without it nothing is lost. */
export async function tell(
  about: { readonly kind: string; readonly metadata: Metadata },
  { reason, message, type }: Telling,
  { cluster, clock, log }: TellDeps,
): Promise<void> {
  const { name, namespace, uid } = about.metadata;
  const time = isoSeconds(clock.nowMs());
  const event = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${name}.${hashOf([uid, reason, message, time])}`, ...(namespace === undefined ? {} : { namespace }) },
    involvedObject: { apiVersion: API_VERSION, kind: about.kind, name, namespace, uid },
    reason,
    message: message.slice(0, 1024),
    type,
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
    source: { component: "brazier-operator" },
    reportingComponent: "brazier-operator",
    reportingInstance: "brazier-operator",
  };
  await cluster.create(event).catch((error: unknown) => log.warn({ err: error, kind: about.kind, namespace, name }, "event not written"));
}
