/** What `start` of a role or part gives back. Stopping twice is harmless; it resolves when nothing of it runs any more. */
export interface Running {
  stop(): Promise<void>;
}
