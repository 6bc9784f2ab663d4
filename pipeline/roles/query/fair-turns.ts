import { CodedError, FaultKind } from "../../base/errors.ts";
import type { TenantId } from "../../base/units.ts";
import type { Asking } from "./asking.ts";
import { queryCancelled } from "./pace.ts";

export type FairTurnsOptions = {
  /** Questions at once. */
  readonly slots: number;
  /** Of these at most so many are one tenant's, so that another one always finds a slot soon. */
  readonly tenantSlots: number;
  /** Questions that may wait for a slot. */
  readonly waitingMax: number;
  /** Questions of a tenant, running and waiting together; 0 is no bound. */
  readonly openMaxOf: (tenant: TenantId) => number;
};

type Waiting = { readonly tenants: readonly TenantId[]; readonly begin: () => void; readonly refuse: (error: Error) => void };

/**
 * Who may ask next: tenants take turns, whatever each of them has in line. A question over several tenants counts for each.
 *
 * Errors: `query_limit_concurrency` (limited), also for one that has waited and must give way to a tenant with fewer in line; `query_cancelled`.
 */
export class FairTurns {
  readonly #options: FairTurnsOptions;
  /** In the order of their turns. */
  readonly #lines = new Map<string, Waiting[]>();
  readonly #runningOf = new Map<TenantId, number>();
  readonly #openOf = new Map<TenantId, number>();
  running = 0;
  waiting = 0;

  constructor(options: FairTurnsOptions) {
    this.#options = options;
  }

  /** Resolves when it is the question's turn, with the way to end it. */
  async take({ tenants, signal }: Asking): Promise<() => void> {
    if (signal.aborted) throw queryCancelled();
    this.#checkTenants(tenants);
    if (!this.#mayRun(tenants)) await this.#wait(tenants, signal);
    else this.#begin(tenants);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.running--;
      for (const tenant of tenants) add(this.#runningOf, tenant, -1);
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

  #mayRun(tenants: readonly TenantId[]): boolean {
    const { slots, tenantSlots } = this.#options;
    return this.running < slots && tenants.every((tenant) => (this.#runningOf.get(tenant) ?? 0) < tenantSlots);
  }

  #begin(tenants: readonly TenantId[]): void {
    this.running++;
    for (const tenant of tenants) add(this.#runningOf, tenant, 1);
    for (const tenant of tenants) add(this.#openOf, tenant, 1);
  }

  #wait(tenants: readonly TenantId[], signal: AbortSignal): Promise<void> {
    const key = tenants.join("|");
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
        tenants,
        begin: () => {
          this.#remove(key, waiting);
          for (const tenant of tenants) add(this.#openOf, tenant, -1);
          signal.removeEventListener("abort", onAbort);
          this.#begin(tenants);
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
      const next = [...this.#lines].find(([, line]) => this.#mayRun(line[0]!.tenants));
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
