/**
 * A wait for a kernel's queue beside the thread, by poll(2) in a thread of the host's.
 *
 * It takes nothing out of the queue: what it took would be lost to this thread, if that blocks before
 * it hears of it. It is called back by a flag of its own, a descriptor that stays readable, and not
 * by a wake, which this thread might take itself before the other one has seen it.
 *
 * @module
 */

import type { Binding } from "./libc_symbols.ts";

const POLLIN = 1;

/** A descriptor that can be read while it is raised. */
export interface Flag {
  readonly fd: number;
  raise(): void;
  lower(): void;
  close(): void;
}

/** The wait of one queue; one at a time. */
export class WaitBeside {
  readonly #waitAsync: NonNullable<Binding["waitAsync"]>;
  readonly #flag: Flag;
  /** Two `struct pollfd`: the descriptor, then two shorts: what is asked, what is answered. */
  readonly #asked: Uint8Array;
  #isRaised = false;

  /** Waits for `fd` to be readable; takes over the flag. */
  constructor(waitAsync: NonNullable<Binding["waitAsync"]>, fd: number, flag: Flag) {
    this.#waitAsync = waitAsync;
    this.#flag = flag;
    this.#asked = new Uint8Array(new Int32Array([fd, POLLIN, flag.fd, POLLIN]).buffer);
  }

  /** Settles when the queue has something, when it is called back, or early by a signal. */
  wait(): Promise<number> {
    if (this.#isRaised) {
      this.#isRaised = false;
      this.#flag.lower();
    }
    return this.#waitAsync("poll", this.#asked, 2, -1);
  }

  /** Ends the wait. */
  recall(): void {
    if (this.#isRaised) return;
    this.#isRaised = true;
    this.#flag.raise();
  }

  /** Nobody waits any more. */
  close(): void {
    this.#flag.close();
  }
}
