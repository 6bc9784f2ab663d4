import { CodedError, FaultKind } from "../../base/errors.ts";
import type { TenantId } from "../../base/units.ts";
import type { Asking } from "./asking.ts";
import { queryCancelled } from "./pace.ts";

/** Questions of one lane do not wait for those of another: what lists labels is quick, and what reads values may take long. */
export type Lane = "labels" | "values";

export type LaneSlots = {
  /** Questions at once. */
  readonly slots: number;
  /** Of these at most so many are one tenant's, so that another one always finds a slot soon. */
  readonly tenantSlots: number;
};

export type FairTurnsOptions = {
  readonly lanes: Readonly<Record<Lane, LaneSlots>>;
  /** Questions that may wait for a slot. */
  readonly waitingMax: number;
  /** Questions of a tenant, running and waiting together; 0 is no bound. */
  readonly openMaxOf: (tenant: TenantId) => number;
};

type Waiting = {
  readonly lane: Lane;
  readonly tenants: readonly TenantId[];
  readonly begin: () => void;
  readonly refuse: (error: Error) => void;
};

type RunningQuestions = { count: number; readonly ofTenant: Map<TenantId, number> };

/**
 * Who may ask next: in each lane tenants take turns, whatever each of them has in line. A question over several tenants counts for each.
 *
 * Errors: `query_limit_concurrency` (limited), also for one that has waited and must give way to a tenant with fewer in line; `query_cancelled`.
 */
export class FairTurns {
  readonly #options: FairTurnsOptions;
  /** In the order of their turns. */
  readonly #lines = new Map<string, Waiting[]>();
  readonly #running: Readonly<Record<Lane, RunningQuestions>> = {
    labels: { count: 0, ofTenant: new Map() },
    values: { count: 0, ofTenant: new Map() },
  };
  readonly #openOf = new Map<TenantId, number>();
  waiting = 0;

  constructor(options: FairTurnsOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running.labels.count + this.#running.values.count;
  }

  /** Resolves when it is the question's turn, with the way to end it. */
  async take(lane: Lane, { tenants, signal }: Asking): Promise<() => void> {
    if (signal.aborted) throw queryCancelled();
    this.#checkTenants(tenants);
    if (!this.#mayRun(lane, tenants)) await this.#wait(lane, tenants, signal);
    else this.#begin(lane, tenants);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const running = this.#running[lane];
      running.count--;
      for (const tenant of tenants) add(running.ofTenant, tenant, -1);
      for (const tenant of tenants) add(this.#openOf, tenant, -1);
      this.#next();
    };
  }

  #checkTenants(tenants: readonly TenantId[]): void {
    for (const tenant of tenants) {
      const open = this.#openOf.get(tenant) ?? 0;
      const max = this.#options.openMaxOf(tenant);
      if (max === 0 || open < max) continue;
      throw new CodedError(
        "query_limit_concurrency",
        FaultKind.Limited,
        `${open} queries of tenant ${tenant} are running or waiting, as many as it may have: try again in a moment, or raise limits.query_concurrency_max`,
        { facts: { retryAfterSeconds: 1, open, tenant } },
      );
    }
  }

  #mayRun(lane: Lane, tenants: readonly TenantId[]): boolean {
    const { slots, tenantSlots } = this.#options.lanes[lane];
    const { count, ofTenant } = this.#running[lane];
    return count < slots && tenants.every((tenant) => (ofTenant.get(tenant) ?? 0) < tenantSlots);
  }

  #begin(lane: Lane, tenants: readonly TenantId[]): void {
    const running = this.#running[lane];
    running.count++;
    for (const tenant of tenants) add(running.ofTenant, tenant, 1);
    for (const tenant of tenants) add(this.#openOf, tenant, 1);
  }

  #wait(lane: Lane, tenants: readonly TenantId[], signal: AbortSignal): Promise<void> {
    const key = `${lane} ${tenants.join("|")}`;
    if (this.waiting >= this.#options.waitingMax) this.#makeRoom(key);
    return new Promise((resolve, reject) => {
      const leave = (error: Error): void => {
        this.#remove(key, waiting);
        for (const tenant of tenants) add(this.#openOf, tenant, -1);
        signal.removeEventListener("abort", onAbort);
        reject(error);
      };
      const onAbort = (): void => leave(queryCancelled());
      const waiting: Waiting = {
        lane,
        tenants,
        begin: () => {
          this.#remove(key, waiting);
          for (const tenant of tenants) add(this.#openOf, tenant, -1);
          signal.removeEventListener("abort", onAbort);
          this.#begin(lane, tenants);
          resolve();
        },
        refuse: leave,
      };
      signal.addEventListener("abort", onAbort, { once: true });
      const line = this.#lines.get(key);
      if (line === undefined) this.#lines.set(key, [waiting]);
      else line.push(waiting);
      this.waiting++;
      for (const tenant of tenants) add(this.#openOf, tenant, 1);
    });
  }

  /** The longest line gives up its last place to a tenant whose line is shorter; when there is none, the newcomer is refused. */
  #makeRoom(key: string): void {
    const own = this.#lines.get(key)?.length ?? 0;
    let longest: readonly Waiting[] = [];
    for (const line of this.#lines.values()) if (line.length > longest.length) longest = line;
    const fault = new CodedError(
      "query_limit_concurrency",
      FaultKind.Limited,
      `${this.waiting} queries are waiting, as many as may: try again in a moment, or raise query.waiting_max`,
      { facts: { retryAfterSeconds: 1, waiting: this.waiting } },
    );
    if (longest.length <= own + 1) throw fault;
    longest.at(-1)!.refuse(fault);
  }

  #remove(key: string, waiting: Waiting): void {
    const line = this.#lines.get(key)!;
    line.splice(line.indexOf(waiting), 1);
    if (line.length === 0) this.#lines.delete(key);
    this.waiting--;
  }

  #next(): void {
    for (;;) {
      const next = [...this.#lines].find(([, line]) => this.#mayRun(line[0]!.lane, line[0]!.tenants));
      if (next === undefined) return;
      const [key, line] = next;
      // Its next question waits until everybody else had a turn.
      this.#lines.delete(key);
      this.#lines.set(key, line);
      line[0]!.begin();
    }
  }
}

function add(counts: Map<TenantId, number>, tenant: TenantId, difference: number): void {
  const count = (counts.get(tenant) ?? 0) + difference;
  if (count === 0) counts.delete(tenant);
  else counts.set(tenant, count);
}
