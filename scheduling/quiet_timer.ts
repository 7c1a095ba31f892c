/**
 * A timer of the host that does not keep the process alive.
 *
 * @module
 */

/** The longest timer hosts take; longer ones are made of several. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

type TimerId = number | { unref?(): void };

interface HostTimers {
  setTimeout(callback: () => void, ms: number): TimerId;
  clearTimeout(timer: TimerId): void;
  Deno?: { unrefTimer?(timer: number): void };
}

/** A host timer of any length, never early, that does not keep the process alive. */
export class QuietTimer {
  readonly ms: number;
  readonly #whenMs: number;
  readonly #onDue: () => void;
  #id: TimerId;

  constructor(ms: number, onDue: () => void) {
    this.ms = ms;
    this.#whenMs = performance.now() + ms;
    this.#onDue = onDue;
    this.#id = this.#arm(ms);
  }

  #arm(ms: number): TimerId {
    const host = globalThis as unknown as HostTimers;
    const id = host.setTimeout(() => {
      const left = this.#whenMs - performance.now();
      if (left > 0) this.#id = this.#arm(left);
      else this.#onDue();
    }, Math.min(Math.ceil(ms), LONGEST_TIMER_MS));
    if (typeof id === "number") host.Deno?.unrefTimer?.(id);
    else id.unref?.();
    return id;
  }

  stop(): void {
    (globalThis as unknown as HostTimers).clearTimeout(this.#id);
  }
}
