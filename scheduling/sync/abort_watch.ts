/**
 * Many waits under one AbortSignal: one listener for all of them, there only while one waits.
 *
 * @module
 */

/** What is told that its signal aborted. Must only wake. */
export interface AbortWatcher {
  /** The signal aborted. */
  onAbort(): void;
}

interface Watch {
  readonly watchers: Set<AbortWatcher>;
  readonly listener: () => void;
}

const watches = new WeakMap<AbortSignal, Watch>();

/** Tells `watcher` when the signal aborts, once; it has not aborted yet. Adding it again is harmless. */
export function watchAbort(signal: AbortSignal, watcher: AbortWatcher): void {
  let watch = watches.get(signal);
  if (watch === undefined) {
    const watchers = new Set<AbortWatcher>();
    const listener = () => {
      drop(signal, listener);
      for (const each of watchers) each.onAbort();
    };
    watch = { watchers, listener };
    watches.set(signal, watch);
    signal.addEventListener("abort", listener);
  }
  watch.watchers.add(watcher);
}

/** Ends {@linkcode watchAbort}; the last one takes the listener away. */
export function unwatchAbort(signal: AbortSignal, watcher: AbortWatcher): void {
  const watch = watches.get(signal);
  if (watch === undefined) return;
  watch.watchers.delete(watcher);
  if (watch.watchers.size === 0) drop(signal, watch.listener);
}

function drop(signal: AbortSignal, listener: () => void): void {
  watches.delete(signal);
  signal.removeEventListener("abort", listener);
}
