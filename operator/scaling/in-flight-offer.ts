import type { Clock } from "../../pipeline/base/clock.ts";
import { isCoded } from "../../pipeline/base/errors.ts";
import type { Cluster } from "../kube/cluster.ts";
import { METRICS_GROUP, type MetricOffer, offerOf } from "./in-flight.ts";

const VERSIONS = ["v1beta2", "v1beta1"] as const;
/** Adapters come and go seldom, and ask Prometheus about as often themselves. */
const GOOD_FOR_MS = 30_000;

/** Whether queriers can be scaled by their questions, asked once for all stacks. Never rejects: CPU is always there to scale by. */
export class InFlightOffer {
  readonly #cluster: Pick<Cluster, "served">;
  readonly #clock: Pick<Clock, "monotonicMs">;
  #answer: { readonly atMs: number; readonly offer: Promise<MetricOffer> } | undefined;

  constructor(cluster: Pick<Cluster, "served">, clock: Pick<Clock, "monotonicMs">) {
    this.#cluster = cluster;
    this.#clock = clock;
  }

  get(): Promise<MetricOffer> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#answer === undefined || nowMs - this.#answer.atMs >= GOOD_FOR_MS) this.#answer = { atMs: nowMs, offer: this.#ask() };
    return this.#answer.offer;
  }

  async #ask(): Promise<MetricOffer> {
    try {
      return offerOf(await Promise.all(VERSIONS.map((version) => this.#cluster.served(`${METRICS_GROUP}/${version}`))));
    } catch (error) {
      if (!isCoded(error)) throw error;
      return "silent";
    }
  }
}
