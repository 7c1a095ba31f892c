/**
 * Sleeping and ticking.
 *
 * @module
 */

import { checkDuration } from "./clock.ts";
import { Timer } from "./deadline.ts";
import { FromPollable, type Future } from "./future.ts";
import type { Host } from "./host.ts";

/** A future of nothing, ready some ms after its first poll. */
export class Sleep extends FromPollable<void> {
  /** Bound to a runtime, or to the one that polls it first. */
  constructor(ms: number, host: Host | undefined) {
    super(new Timer(checkDuration(ms, "sleep", "ms"), host));
  }
}

/** Ticks at a fixed rate; made by `Runtime.interval`. */
export class Interval implements AsyncIterable<number>, Iterable<Future<number>> {
  readonly #ms: number;
  readonly #host: Host;
  #startMs: number | undefined;
  #ticks = 0;

  /** A tick every `ms`. */
  constructor(ms: number, host: Host) {
    this.#ms = checkDuration(ms, "create interval", "ms");
    if (ms === 0) throw new RangeError("Cannot create interval: ms is 0 (must be more than 0)");
    this.#host = host;
  }

  /** The next tick, as its number from 1; a late caller gets the latest tick, those before are skipped. */
  next(): Future<number> {
    const now = this.#host.clock.now();
    this.#startMs ??= now;
    const passed = Math.floor((now - this.#startMs) / this.#ms);
    const tick = this.#ticks = Math.max(this.#ticks + 1, passed);
    return new Sleep(Math.max(0, this.#startMs + tick * this.#ms - now), this.#host).map(() =>
      tick
    );
  }

  /** Futures of the ticks, for generator tasks. Never ends by itself. */
  *[Symbol.iterator](): Generator<Future<number>> {
    for (;;) yield this.next();
  }

  /** The ticks, for async code. Never ends by itself. */
  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    for (;;) yield await this.next();
  }
}
