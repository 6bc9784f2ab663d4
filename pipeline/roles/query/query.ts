import type { Running } from "../../base/lifecycle.ts";
import { inSpan } from "../../base/trace.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import { QueryThreads, type QueryThreadsOptions } from "./query-threads.ts";
import type { Question } from "./question.ts";

export type QueryRoleDeps = {
  readonly catalog: Catalog;
  /** Keeps the objects of a catalog version in the bucket until the pin is released. */
  readonly pin: (version: number) => () => void;
  readonly threads: QueryThreadsOptions;
};

/** The door of the query role. */
export interface QueryRole extends Running {
  /**
   * Answers from the newest state of the catalog. Resolves with the protobuf bytes of the whole response message.
   * Errors: those of {@link QueryThreads.ask}.
   */
  ask(question: Question): Promise<Uint8Array>;
}

/** Starts the query role: nothing runs until the first question. */
export function startQueryRole({ catalog, pin, threads }: QueryRoleDeps): QueryRole {
  const pool = new QueryThreads(threads);
  return {
    ask: (question) => inSpan("query", { kind: question.kind }, () => answer(question)),
    stop: () => pool.close(),
  };

  async function answer(question: Question): Promise<Uint8Array> {
    const { state } = catalog;
    const release = pin(state.version);
    try {
      return await pool.ask(question, state);
    } finally {
      release();
    }
  }
}
