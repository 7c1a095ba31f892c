/**
 * A one-shot wait of the Vais form: wakes a waker.
 *
 * @module
 */

import type { Waker } from "../runtime/poll.ts";
import type { LoopCall } from "./loop_calls.ts";
import type { LoopCore } from "./loop_core.ts";
import { Registration } from "./registration.ts";
import type { Direction, FdWaiter } from "./sources.ts";

/** Wakes once, when the descriptor is ready, failed or closed. */
export class WakeOnce implements FdWaiter, LoopCall {
  readonly waker: Waker;
  readonly registration: Registration;
  readonly #core: LoopCore;
  readonly #fd: number;

  /** Begins; throws what `LoopCore.watch` throws. */
  constructor(core: LoopCore, fd: number, direction: Direction, waker: Waker) {
    this.waker = waker;
    this.#core = core;
    this.#fd = fd;
    const source = core.sources.of(fd);
    core.watch(source, direction, this, false);
    this.registration = new Registration(
      () => core.sources.unwait(source, direction, this),
      core.countRef,
    );
  }

  /** See {@linkcode FdWaiter}. */
  onReady(): void {
    this.registration.settle();
    this.#core.calls.later(this);
  }

  /** See {@linkcode FdWaiter}. */
  onFailed(): void {
    this.onReady();
  }

  /** See {@linkcode LoopCall}. */
  call(): void {
    this.#core.calls.safely(`waker of fd ${this.#fd}`, () => this.waker.wake());
  }

  /** See {@linkcode FdWaiter}. */
  describe(): string {
    return "waker";
  }
}
