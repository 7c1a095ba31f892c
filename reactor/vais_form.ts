/**
 * The Vais form of an event loop: wakers for descriptors and timers, and the events of one poll.
 *
 * @module
 */

import { checkInteger, checkTimeout, typeOf } from "../runtime/clock.ts";
import { ClosedError } from "../runtime/errors.ts";
import type { Waker } from "../runtime/poll.ts";
import { EVFILT_READ, EVFILT_TIMER, EVFILT_WRITE } from "./constants.ts";
import { FdHandler } from "./fd_handler.ts";
import type { LoopCore } from "./loop_core.ts";
import { READABLE, WRITABLE } from "./poller.ts";
import { Registration } from "./registration.ts";
import type { Direction, FdWaiter } from "./sources.ts";
import { WakeOnce } from "./wake_once.ts";

/** An event of the last `pollEvents`. */
export interface LoopEvent {
  /** The descriptor, or the id of a timer. */
  readonly fd: number;
  /** `EVFILT_READ`, `EVFILT_WRITE` or `EVFILT_TIMER`. */
  readonly filter: number;
}

/** What `EventLoop` does under its Vais names; see there. */
export class VaisForm {
  readonly #core: LoopCore;
  /** Reads the loop's own commands: no business of those who list events. */
  readonly #internal: FdWaiter;
  readonly #timers = new Map<number, Registration>();
  /** During `pollEvents`. */
  #fired: number[] | undefined;
  /** Of the last `pollEvents`. */
  events: readonly LoopEvent[] = [];

  constructor(core: LoopCore, internal: FdWaiter) {
    this.#core = core;
    this.#internal = internal;
    core.closers.add(() => {
      for (const registration of this.#timers.values()) registration.settle();
      this.#timers.clear();
    });
  }

  /** See `EventLoop.registerRead`. */
  register(fd: number, direction: Direction, waker: Waker, action: string): Registration {
    checkInteger(fd, 0, action, "fd");
    checkWaker(waker, action);
    return new WakeOnce(this.#core, fd, direction, waker).registration;
  }

  /** See `EventLoop.registerTimer`. */
  registerTimer(id: number, delayMs: number, waker: Waker): Registration {
    checkInteger(id, 0, "register timer", "id");
    checkWaker(waker, "register timer");
    const core = this.#core;
    core.mustBeOpen("register timer");
    const inner = core.timeouts.schedule(delayMs, () => {
      this.#timers.delete(id);
      registration.settle();
      this.#fired?.push(id);
      core.calls.safely(`waker of timer ${id}`, () => waker.wake());
    });
    this.#timers.get(id)?.cancel();
    const registration = new Registration(() => {
      this.#timers.delete(id);
      inner.cancel();
    }, core.countRef);
    this.#timers.set(id, registration);
    core.changed();
    return registration;
  }

  /** See `EventLoop.deregister`. */
  deregister(fd: number, filter: number): boolean {
    checkInteger(fd, 0, "deregister", "fd");
    if (filter === EVFILT_TIMER) return this.#timers.get(fd)?.cancel() ?? false;
    if (filter !== EVFILT_READ && filter !== EVFILT_WRITE) {
      throw new RangeError(
        `Cannot deregister: filter is ${filter} (must be EVFILT_READ, EVFILT_WRITE or EVFILT_TIMER)`,
      );
    }
    const { sources } = this.#core;
    const source = sources.get(fd);
    const waiter = filter === EVFILT_READ ? source?.reader : source?.writer;
    if (source === undefined || waiter === undefined || waiter === this.#internal) return false;
    if (waiter instanceof WakeOnce) return waiter.registration.cancel();
    const direction = filter === EVFILT_READ ? READABLE : WRITABLE;
    if (waiter instanceof FdHandler) return waiter.drop(direction);
    sources.unwait(source, direction, waiter);
    waiter.onFailed(new ClosedError(`Cannot wait for fd ${fd}: it was deregistered`));
    return true;
  }

  /** See `EventLoop.pollEvents`. */
  pollEvents(timeoutMs: number): number {
    if (typeof timeoutMs !== "number") {
      throw new TypeError(
        `Cannot poll events: timeoutMs is ${typeOf(timeoutMs)} (must be a number)`,
      );
    }
    const limitMs = timeoutMs < 0 ? Infinity : checkTimeout(timeoutMs, "poll events", "timeoutMs");
    const core = this.#core;
    core.mustBeOpen("poll events");
    core.prepoll();
    const { sources } = core;
    const events: LoopEvent[] = [];
    const fired: number[] = this.#fired = [];
    sources.onEvent = ({ fd, reader }, ready) => {
      if (reader === this.#internal) return;
      if ((ready & ~WRITABLE) !== 0) events.push({ fd, filter: EVFILT_READ });
      if ((ready & WRITABLE) !== 0) events.push({ fd, filter: EVFILT_WRITE });
    };
    try {
      core.wait(limitMs);
    } finally {
      sources.onEvent = this.#fired = undefined;
    }
    for (const fd of fired) events.push({ fd, filter: EVFILT_TIMER });
    this.events = events;
    return events.length;
  }

  /** Event `i` of the last `pollEvents`. */
  event(i: number): LoopEvent {
    const event = this.events[i];
    if (event !== undefined) return event;
    throw new RangeError(
      `Cannot read event: index is ${i} (must be 0 to ${this.events.length - 1})`,
    );
  }
}

function checkWaker(waker: unknown, action: string): void {
  if (typeof (waker as Partial<Waker> | undefined)?.wake !== "function") {
    throw new TypeError(`Cannot ${action}: waker is ${typeOf(waker)} (must have wake())`);
  }
}
