/**
 * A callback for a descriptor: called whenever it is ready, until it is ended.
 *
 * The interest is registered anew before each call, and the kernel looks again only after it: so
 * the directions stay taken all the time, and what the callback did not drain is told again. While
 * the promise of an async callback is open nothing is waited for.
 *
 * @module
 */

import { ClosedError } from "../runtime/errors.ts";
import { isPromiseLike } from "../runtime/poll.ts";
import type { LoopCall } from "./loop_calls.ts";
import type { LoopCore } from "./loop_core.ts";
import { READABLE, WRITABLE } from "./poller.ts";
import { Registration } from "./registration.ts";
import type { Direction, FdWaiter, Source } from "./sources.ts";

const DIRECTIONS: readonly Direction[] = [READABLE, WRITABLE];

/** What a handler calls: with the descriptor and what is ready. */
export type FdCallback = (fd: number, ready: number) => unknown;

/** One handler. */
export class FdHandler implements FdWaiter, LoopCall {
  readonly waker = undefined;
  readonly registration: Registration;
  readonly #core: LoopCore;
  readonly #source: Source;
  readonly #callback: FdCallback;
  readonly #explanation: string;
  #events: number;
  #ready = 0;
  #isDue = false;
  #isCalling = false;

  /** Begins; throws what `LoopCore.watch` throws. */
  constructor(
    core: LoopCore,
    fd: number,
    events: number,
    callback: FdCallback,
    explanation: string,
  ) {
    this.#core = core;
    this.#source = core.sources.of(fd);
    this.#events = events;
    this.#callback = callback;
    this.#explanation = explanation;
    try {
      this.#arm();
    } catch (error) {
      this.#disarm(events);
      throw error;
    }
    this.registration = new Registration(() => this.#disarm(this.#events), core.countRef);
  }

  /** Takes out one direction; answers false when it had not that one. */
  drop(direction: Direction): boolean {
    if ((this.#events & direction) === 0) return false;
    this.#disarm(direction);
    this.#events &= ~direction;
    if (this.#events === 0) this.registration.settle();
    return true;
  }

  #holds(direction: Direction): boolean {
    return (direction === READABLE ? this.#source.reader : this.#source.writer) === this;
  }

  #arm(): void {
    for (const direction of DIRECTIONS) {
      if ((this.#events & direction) !== 0 && !this.#holds(direction)) {
        this.#core.watch(this.#source, direction, this, false);
      }
    }
  }

  #disarm(directions: number): void {
    for (const direction of DIRECTIONS) {
      if ((directions & direction) !== 0) {
        this.#core.sources.unwait(this.#source, direction, this);
      }
    }
  }

  /** See {@linkcode FdWaiter}. */
  onReady(ready: number): void {
    // A direction that was not asked for is nobody's business here; hang-ups and failures are.
    this.#ready |= ready & (this.#events | ~(READABLE | WRITABLE));
    if (this.#isCalling) return;
    this.#arm();
    if (this.#isDue) return;
    this.#isDue = true;
    this.#core.calls.later(this);
  }

  /** See {@linkcode FdWaiter}. Closing the descriptor ends the handler; anything else is an error. */
  onFailed(error: Error): void {
    if (!this.registration.active) return;
    this.registration.settle();
    this.#disarm(this.#events);
    if (error instanceof ClosedError) return;
    this.#core.calls.later({ call: () => this.#core.calls.report(error, this.#label) });
  }

  /** See {@linkcode LoopCall}. */
  call(): void {
    this.#isDue = false;
    const ready = this.#ready;
    this.#ready = 0;
    if (!this.registration.active) return;
    const { fd } = this.#source;
    const { calls } = this.#core;
    this.#isCalling = true;
    const answer = calls.safely(this.#label, () => this.#callback(fd, ready));
    if (!isPromiseLike(answer)) return this.#called();
    this.#disarm(this.#events);
    answer.then(() => this.#called(), (error) => {
      calls.report(error, this.#label);
      this.#called();
    });
  }

  #called(): void {
    this.#isCalling = false;
    this.#ready = 0;
    if (!this.registration.active) return;
    // Closed while nothing was waited for.
    if (this.#source.isForgotten) return this.registration.settle();
    try {
      this.#arm();
    } catch (error) {
      this.onFailed(error as Error);
    }
  }

  get #label(): string {
    return `handler of fd ${this.#source.fd} (${this.#explanation})`;
  }

  /** See {@linkcode FdWaiter}. */
  describe(): string {
    return this.#explanation;
  }
}
