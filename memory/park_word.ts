/**
 * One thread sleeps until another wakes it: three states in one word.
 *
 * Invariant: `unpark` leaves NOTIFIED behind, whatever was there; `park` returns only by taking a
 * NOTIFIED away (or when its time is over). So a wake that comes before the sleep is not lost, and
 * many are as one. The word is cleared by whoever sleeps, never by notifying alone.
 *
 * crossbeam-utils `sync/parker.rs` (Stjepan Glavina, 2018), after Rust's `std::thread::park`.
 *
 * @module
 */

import { checkOptions, checkTimeout } from "./check.ts";
import {
  createRegion,
  type Handle,
  LINE_BYTES,
  LINE_WORDS,
  openRegion,
  type Place,
  View,
} from "./layout.ts";
import { deadlineOf, leftUntil, waitAsync, type Waited } from "./wait_async.ts";

const STATE = LINE_WORDS;
const IDLE = 0;
const PARKED = 1;
const NOTIFIED = 2;

/**
 * Puts one thread to sleep until another wakes it.
 *
 * `unpark` is wait-free; `park` blocks. Any thread may unpark, one at a time may park. When the
 * sleeper dies, its word stays PARKED: `reset()` it before another thread parks there.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { ParkWord } from "@vais/runtime/memory";
 *
 * const bell = ParkWord.create();
 * bell.unpark(); // another thread: ParkWord.attach(handle).unpark()
 * assert(bell.park(1_000) === true);
 * assert(bell.park(0) === false); // nobody woke it again
 * ```
 */
export class ParkWord extends View<"ParkWord"> {
  readonly #words: Int32Array;

  private constructor(handle: Handle<"ParkWord">) {
    super(handle);
    this.#words = openRegion("ParkWord", handle);
  }

  /** Bytes that one takes. */
  static byteLength(): number {
    return 2 * LINE_BYTES;
  }

  /** A new one. O(1). */
  static create(options?: { at?: Place }): ParkWord {
    const { at } = checkOptions("create a ParkWord", options);
    return new ParkWord(createRegion("ParkWord", ParkWord.byteLength(), [], at));
  }

  /** The one that `handle` names, in this thread. O(1). */
  static attach(handle: Handle<"ParkWord">): ParkWord {
    return new ParkWord(handle);
  }

  /**
   * Sleeps until woken: true. False when `timeoutMs` was over first (0 only looks). Blocks the thread;
   * a browser's main thread may not. An `Error` when another thread is parked here.
   */
  park(timeoutMs?: number | null): boolean {
    const deadline = deadlineOf(checkTimeout("park", timeoutMs));
    if (this.#begin()) return true;
    for (;;) {
      const waited = Atomics.wait(this.#words, STATE, PARKED, leftUntil(deadline));
      const done = this.#end(waited);
      if (done !== undefined) return done;
    }
  }

  /** The same without blocking the thread: for main threads. Lock-free, O(1). */
  async parkAsync(timeoutMs?: number | null): Promise<boolean> {
    const deadline = deadlineOf(checkTimeout("park", timeoutMs));
    if (this.#begin()) return true;
    for (;;) {
      const waited = await waitAsync(this.#words, STATE, PARKED, leftUntil(deadline));
      const done = this.#end(waited);
      if (done !== undefined) return done;
    }
  }

  /** Wakes the thread parked here, or the next that parks. Wait-free, O(1); 6 µs when it sleeps. */
  unpark(): void {
    if (Atomics.exchange(this.#words, STATE, NOTIFIED) === PARKED) {
      Atomics.notify(this.#words, STATE, 1);
    }
  }

  /** Whether a thread sleeps here now. Wait-free, O(1). */
  get isParked(): boolean {
    return Atomics.load(this.#words, STATE) === PARKED;
  }

  /** As if new: after the thread that parked here has died. Wait-free, O(1). */
  reset(): void {
    Atomics.store(this.#words, STATE, IDLE);
  }

  #begin(): boolean {
    const was = Atomics.compareExchange(this.#words, STATE, IDLE, PARKED);
    if (was === IDLE) return false;
    if (was === NOTIFIED) {
      Atomics.exchange(this.#words, STATE, IDLE); // reads the last NOTIFIED: what came before it is seen
      return true;
    }
    throw new Error(
      "Cannot park: another thread is parked here (one at a time; reset() when it has died)",
    );
  }

  /** Undefined: sleep on. */
  #end(waited: Waited): boolean | undefined {
    if (waited === "timed-out") {
      return Atomics.exchange(this.#words, STATE, IDLE) === NOTIFIED;
    }
    const was = Atomics.compareExchange(this.#words, STATE, NOTIFIED, IDLE);
    return was === NOTIFIED ? true : undefined;
  }
}
