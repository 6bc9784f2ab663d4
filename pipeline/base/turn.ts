/** Resolves once whatever else is ready in this thread has had its turn: messages, timers, I/O. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
