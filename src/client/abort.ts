// Listeners on the callers' signals: one for each signal, however many requests watch it. Node 20 warns when a signal has
// eleven.

const watchers = new WeakMap<AbortSignal, Set<() => void>>();

function watchersOf(signal: AbortSignal): Set<() => void> {
  const known = watchers.get(signal);
  if (known) return known;
  const fresh = new Set<() => void>();
  watchers.set(signal, fresh);
  signal.addEventListener('abort', () => [...fresh].forEach((watcher) => watcher()), { once: true });
  return fresh;
}

/** Calls `fn` when one of the signals fires, at once when one has; returns a function that ends the watch. */
export function watchSignals(signals: readonly AbortSignal[], fn: () => void): () => void {
  if (signals.some(({ aborted }) => aborted)) {
    fn();
    return () => undefined;
  }
  for (const signal of signals) watchersOf(signal).add(fn);
  return () => signals.forEach((signal) => watchers.get(signal)?.delete(fn));
}
