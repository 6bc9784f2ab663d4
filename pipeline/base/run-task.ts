import type { TransferListItem } from "node:worker_threads";

/** Runs a task on some thread: a module's default export, or the one of the given name, called with the task. */
export type RunTask = (task: unknown, options: TaskOptions) => Promise<unknown>;

export type TaskOptions = { readonly filename: string; readonly name?: string; readonly transferList?: TransferListItem[] };
