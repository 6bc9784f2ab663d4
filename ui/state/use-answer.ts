import { useEffect, useState } from "react";
import { AnswerError } from "../api/connect.ts";

/** An answer on its way, there, or refused. While a newer one is awaited the one before stays, marked stale. */
export interface Answer<T> {
  readonly value: T | undefined;
  readonly error: AnswerError | undefined;
  readonly isLoading: boolean;
}

const NOTHING = { value: undefined, error: undefined, isLoading: false } as const;

/**
 * Asks whenever `key` changes, and gives up on the question before. `key` must spell everything `question` depends on;
 * undefined asks nothing. `subject` says what the answer is about: when it changes the old answer is dropped at once rather
 * than shown stale, so that one service's graph never stands under another's name.
 */
export function useAnswer<T>(key: string | undefined, subject: string, question: (signal: AbortSignal) => Promise<T>): Answer<T> {
  const [state, setState] = useState<Answer<T> & { subject: string; key: string | undefined }>({ ...NOTHING, subject, key: undefined });
  useEffect(() => {
    if (key === undefined) {
      setState({ ...NOTHING, subject, key });
      return undefined;
    }
    const abort = new AbortController();
    question(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) setState({ value, error: undefined, isLoading: false, subject, key });
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        const known = error instanceof AnswerError ? error : new AnswerError("internal", `the page failed: ${String(error)}`);
        setState({ value: undefined, error: known, isLoading: false, subject, key });
      },
    );
    return () => abort.abort();
    // The question is new on every render; the key says when it is another one.
  }, [key]);
  if (key === undefined) return NOTHING;
  if (state.key === key) return state;
  return { value: state.subject === subject ? state.value : undefined, error: undefined, isLoading: true };
}
