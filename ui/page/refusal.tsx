import type { ReactNode } from "react";
import type { AnswerError, Caller } from "../api/connect.ts";
import { CallerForm } from "./caller-menu.tsx";

/** What went wrong, in the server's words, and what can be done about it. */
export function Refusal({
  error,
  caller,
  onCaller,
  onRetry,
}: {
  error: AnswerError;
  caller: Caller;
  onCaller: (caller: Caller) => void;
  onRetry: () => void;
}): ReactNode {
  const needsCaller = error.code === "unauthenticated" || error.code === "permission_denied";
  return (
    <section className="refusal" role="alert">
      <h2>{TITLES[error.code] ?? "The question failed"}</h2>
      <p>
        {error.message} <code className="dim">{error.code}</code>
      </p>
      {needsCaller ? (
        <CallerForm caller={caller} onCaller={onCaller} />
      ) : (
        <button type="button" className="control is-primary" onClick={onRetry}>
          Ask again
        </button>
      )}
    </section>
  );
}

const TITLES: Readonly<Record<string, string>> = {
  unavailable: "The server does not answer",
  unauthenticated: "The server asks who you are",
  permission_denied: "Not allowed",
  invalid_argument: "The server refused the question",
  resource_exhausted: "Too much was asked",
  deadline_exceeded: "The answer took too long",
  unimplemented: "The server cannot answer this yet",
};
