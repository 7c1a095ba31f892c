/**
 * The event loop: descriptors, timers and wakes, waited for in one place.
 *
 * Nothing is opened before something must be waited for. The loop itself is passive: whoever calls
 * `pollEvents` waits. A `ReactorRuntime` does so between the turns of its tasks.
 *
 * @module
 */

import { checkInteger, checkTimeout, type Clock, systemClock, typeOf } from "../runtime/clock.ts";
import { ClosedError } from "../runtime/errors.ts";
import type { Waker } from "../runtime/poll.ts";
import { EVFILT_READ, EVFILT_TIMER, EVFILT_WRITE, MAX_EVENTS } from "./constants.ts";
import type { Kernel } from "./kernel.ts";
import { LoopCore } from "./loop_core.ts";
import { READABLE, WRITABLE } from "./poller.ts";
import { Registration } from "./registration.ts";
import type { Direction, FdWaiter } from "./sources.ts";

/** How to make an event loop. */
export interface EventLoopOptions {
  /** Which kernel interface; default the one this system has. */
  readonly backend?: "auto" | "epoll" | "kqueue";
  /** Events taken from the kernel at once: a batch, not a limit. Default 64. */
  readonly maxEvents?: number;
  /** Where the time comes from. Default: the host's monotonic clock. */
  readonly clock?: Clock;
  /** Whose descriptors: a simulation. Default: this system's. */
  readonly kernel?: Kernel;
}

/** An event of the last `pollEvents`. */
export interface LoopEvent {
  /** The descriptor, or the id of a timer. */
  readonly fd: number;
  /** `EVFILT_READ`, `EVFILT_WRITE` or `EVFILT_TIMER`. */
  readonly filter: number;
}

/** A one-shot wait of the Vais form: wakes a waker. */
class WakeOnce implements FdWaiter {
  readonly waker: Waker;
  registration: Registration | undefined;

  constructor(waker: Waker) {
    this.waker = waker;
  }

  onReady(): void {
    this.registration?.settle();
    this.waker.wake();
  }

  onFailed(): void {
    this.onReady();
  }

  describe(): string {
    return "waker";
  }
}

let coreIn: (loop: EventLoop) => LoopCore;

/**
 * Waits for descriptors, timers and wakes.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventLoop } from "@vais/runtime/reactor";
 *
 * using loop = new EventLoop();
 * const log: string[] = [];
 * loop.registerTimer(1, 5, { wake: () => log.push("timer 1") });
 * loop.pollEvents(1_000);
 * assertEquals(log, ["timer 1"]);
 * ```
 */
export class EventLoop implements Disposable {
  readonly #core: LoopCore;
  readonly #timers = new Map<number, { readonly registration: Registration; readonly waker: Waker }>();
  #firedTimers: number[] = [];
  #events: readonly LoopEvent[] = [];

  /**
   * Opens nothing yet.
   *
   * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
   */
  constructor(options: EventLoopOptions = {}) {
    if (typeof options !== "object" || options === null) {
      throw new TypeError(
        `Cannot create EventLoop: options is ${typeOf(options)} (must be an object)`,
      );
    }
    const { backend = "auto", maxEvents = MAX_EVENTS, clock = systemClock, kernel } = options;
    if (backend !== "auto" && backend !== "epoll" && backend !== "kqueue") {
      throw new RangeError(
        `Cannot create EventLoop: backend is ${backend} (must be auto, epoll or kqueue)`,
      );
    }
    this.#core = new LoopCore({
      backend,
      maxEvents: checkInteger(maxEvents, 1, "create EventLoop", "maxEvents"),
      clock,
      kernel,
    });
  }

  static {
    coreIn = (loop) => loop.#core;
  }

  /** Waits registered: descriptors by direction, and timers. */
  get sourceCount(): number {
    return this.#core.sources.waiting + this.#core.timeouts.pendingTimeouts;
  }

  /**
   * Wakes `waker` once, when the descriptor can be read, hung up, failed or is closed.
   *
   * @throws {BusyError} If somebody else waits to read it
   * @throws {ReactorUnavailableError} If descriptors cannot be waited for here
   * @throws {ClosedError} If the loop is closed
   */
  registerRead(fd: number, waker: Waker): Registration {
    return this.#register(fd, READABLE, waker, "register read");
  }

  /** Wakes `waker` once, when the descriptor can be written. See {@linkcode registerRead}. */
  registerWrite(fd: number, waker: Waker): Registration {
    return this.#register(fd, WRITABLE, waker, "register write");
  }

  #register(fd: number, direction: Direction, waker: Waker, action: string): Registration {
    checkInteger(fd, 0, action, "fd");
    checkWaker(waker, action);
    const core = this.#core;
    const source = core.sources.of(fd);
    const waiter = new WakeOnce(waker);
    core.watch(source, direction, waiter, false);
    return waiter.registration = new Registration(() =>
      core.sources.unwait(source, direction, waiter)
    );
  }

  /**
   * Wakes `waker` once, `delayMs` from now. An `id` that is registered already is registered anew.
   *
   * @throws {RangeError} If `delayMs` is negative, NaN or infinite
   */
  registerTimer(id: number, delayMs: number, waker: Waker): Registration {
    checkInteger(id, 0, "register timer", "id");
    checkWaker(waker, "register timer");
    if (this.#core.isClosed) throw new ClosedError("Cannot register timer: the loop is closed");
    const inner = this.#core.timeouts.schedule(delayMs, () => {
      this.#timers.delete(id);
      registration.settle();
      this.#firedTimers.push(id);
      waker.wake();
    });
    this.#timers.get(id)?.registration.cancel();
    const registration = new Registration(() => {
      this.#timers.delete(id);
      inner.cancel();
    });
    this.#timers.set(id, { registration, waker });
    return registration;
  }

  /**
   * Ends the wait for exactly this descriptor (or timer id) and filter; false when there was none.
   *
   * @throws {RangeError} If the filter is not one of `EVFILT_READ`, `EVFILT_WRITE`, `EVFILT_TIMER`
   */
  deregister(fd: number, filter: number): boolean {
    checkInteger(fd, 0, "deregister", "fd");
    if (filter === EVFILT_TIMER) return this.#timers.get(fd)?.registration.cancel() ?? false;
    if (filter !== EVFILT_READ && filter !== EVFILT_WRITE) {
      throw new RangeError(
        `Cannot deregister: filter is ${filter} (must be EVFILT_READ, EVFILT_WRITE or EVFILT_TIMER)`,
      );
    }
    const { sources } = this.#core;
    const source = sources.get(fd);
    const waiter = filter === EVFILT_READ ? source?.reader : source?.writer;
    if (source === undefined || waiter === undefined) return false;
    if (waiter instanceof WakeOnce) return waiter.registration!.cancel();
    sources.unwait(source, filter === EVFILT_READ ? READABLE : WRITABLE, waiter);
    waiter.onFailed(new ClosedError(`Cannot wait for fd ${fd}: it was deregistered`));
    return true;
  }

  /** Ends the current `pollEvents`, or else the next one, at once. */
  wake(): void {
    if (!this.#core.isClosed) this.#core.poller.wake();
  }

  /**
   * Waits at most `timeoutMs` for events, blocking the thread, and wakes whom they are for.
   *
   * @param timeoutMs 0: takes what is there; negative or `Infinity`: no limit
   * @returns The number of events, which `events`, `eventFd` and `eventFilter` then tell
   */
  pollEvents(timeoutMs: number): number {
    if (typeof timeoutMs !== "number") {
      throw new TypeError(
        `Cannot poll events: timeoutMs is ${typeOf(timeoutMs)} (must be a number)`,
      );
    }
    const core = this.#core;
    if (core.isClosed) throw new ClosedError("Cannot poll events: the loop is closed");
    this.#firedTimers = [];
    const events: LoopEvent[] = [];
    core.sources.onEvent = (fd, ready) => {
      if ((ready & ~WRITABLE) !== 0) events.push({ fd, filter: EVFILT_READ });
      if ((ready & WRITABLE) !== 0) events.push({ fd, filter: EVFILT_WRITE });
    };
    try {
      core.wait(timeoutMs < 0 ? Infinity : checkTimeout(timeoutMs, "poll events", "timeoutMs"));
    } finally {
      core.sources.onEvent = undefined;
    }
    for (const fd of this.#firedTimers) events.push({ fd, filter: EVFILT_TIMER });
    this.#events = events;
    return events.length;
  }

  /** What the last {@linkcode pollEvents} took; a descriptor ready for both directions is there twice. */
  events(): readonly LoopEvent[] {
    return this.#events;
  }

  /** Descriptor of event `i` of the last {@linkcode pollEvents}, or id of a timer. */
  eventFd(i: number): number {
    return this.#event(i).fd;
  }

  /** Filter of event `i` of the last {@linkcode pollEvents}. */
  eventFilter(i: number): number {
    return this.#event(i).filter;
  }

  #event(i: number): LoopEvent {
    const event = this.#events[i];
    if (event !== undefined) return event;
    throw new RangeError(
      `Cannot read event: index is ${i} (must be 0 to ${this.#events.length - 1})`,
    );
  }

  /** Who is woken when the descriptor becomes readable, or else writable. */
  findTaskForFd(fd: number): Waker | undefined {
    const source = this.#core.sources.get(fd);
    return source?.reader?.waker ?? source?.writer?.waker;
  }

  /** Ends every wait by `ClosedError` and closes what the loop opened. Idempotent. */
  close(): void {
    this.#core.close();
  }

  /** The Vais name of {@linkcode close}. */
  cleanup(): void {
    this.close();
  }

  /** As {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** The inside of an event loop. */
export function loopCoreOf(loop: EventLoop): LoopCore {
  return coreIn(loop);
}

function checkWaker(waker: unknown, action: string): void {
  if (typeof (waker as Partial<Waker> | undefined)?.wake !== "function") {
    throw new TypeError(`Cannot ${action}: waker is ${typeOf(waker)} (must have wake())`);
  }
}
