/**
 * Foreign signals and the tasks that end with them: one listener for each signal, gone with its last task.
 *
 * @module
 */

import { listenOnce } from "../signals.ts";

interface Listened {
  readonly calls: Set<(reason: unknown) => void>;
  readonly stop: (() => void) | undefined;
}

/** Who is told when a signal aborts. */
export class SignalTable {
  readonly #signals = new Map<AbortSignal, Listened>();

  /** Calls `onAbort` when the signal aborts, unless it is stopped before. The signal has not aborted. */
  listen(signal: AbortSignal, onAbort: (reason: unknown) => void): () => void {
    let listened = this.#signals.get(signal);
    if (listened === undefined) {
      const calls = new Set<(reason: unknown) => void>();
      const stop = listenOnce(signal, (reason) => {
        this.#signals.delete(signal);
        for (const call of [...calls]) call(reason);
      });
      this.#signals.set(signal, listened = { calls, stop });
    }
    const { calls, stop } = listened;
    calls.add(onAbort);
    return () => {
      if (!calls.delete(onAbort) || calls.size > 0) return;
      stop?.();
      if (this.#signals.get(signal)?.calls === calls) this.#signals.delete(signal);
    };
  }

  /** Signals listened to. */
  get size(): number {
    return this.#signals.size;
  }
}
