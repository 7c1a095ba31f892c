/**
 * The inside of an event loop: the kernel's queue, who waits for it, and the loop's timeouts.
 *
 * Nothing is opened before a descriptor must be waited for. `poll` takes what is ready, `wait` also
 * sleeps; both first tell the kernel what changed, and fire the timeouts that are due.
 *
 * @module
 */

import { type Clock, systemClock } from "../runtime/clock.ts";
import { ClosedError } from "../runtime/errors.ts";
import { MAX_EVENTS } from "./constants.ts";
import { ReactorUnavailableError } from "./errors.ts";
import { Hooks } from "./hooks.ts";
import type { Kernel } from "./kernel.ts";
import { openLibc } from "./libc.ts";
import { LoopCalls } from "./loop_calls.ts";
import type { LoopSettings } from "./loop_settings.ts";
import { hostPlatform } from "./platform.ts";
import type { Poller } from "./poller.ts";
import { type Direction, type FdWaiter, type Source, Sources } from "./sources.ts";
import { TimeoutManager } from "./timeout_manager.ts";

/** How many full batches one poll takes before anything else is looked at. */
const MOST_BATCHES = 16;

/** Loops of this thread that are open: a descriptor may be waited for in any of them. */
const openLoops = new Set<LoopCore>();

/** Ends every wait for a descriptor, in its own loop and any other; it is about to be closed. */
export function forgetEverywhere(fd: number, error: Error, own: LoopCore): void {
  own.forget(fd, error); // also when it never waited, and opened nothing
  for (const loop of openLoops) if (loop !== own) loop.forget(fd, error);
}

/** An event loop, as the parker and the operations see it. */
export class LoopCore {
  readonly sources: Sources = new Sources();
  readonly timeouts: TimeoutManager;
  readonly clock: Clock;
  readonly #backend: "auto" | "epoll" | "kqueue";
  readonly #maxEvents: number;
  #kernel: Kernel | undefined;
  #poller: Poller | undefined;
  #isClosed = false;
  /** A wait beside the thread goes on in the queue: it is closed by whoever waits. */
  #isWaitedFor = false;
  #onClosed: (() => void) | undefined;
  /** Settles once the queue is closed: at once, or when the wait beside the thread has returned. */
  closed: Promise<void> = Promise.resolve();
  /** Other threads may wake the loop, so it must be parked in the kernel. */
  isRemote = false;
  /** Called before each look at the kernel; see {@linkcode prepoll}. */
  readonly prepollers: Hooks = new Hooks();
  /** Called after a wake was taken. */
  readonly wakeHooks: Hooks = new Hooks();
  /** Called first of all when the loop is closed. */
  readonly closers: Set<() => void> = new Set();
  /** The user's callbacks. */
  readonly calls: LoopCalls;
  /** Registrations that keep `EventLoop.run` going. */
  refs = 0;
  /** Called when there are none any more; set while the loop runs. */
  onIdle: (() => void) | undefined;
  #wakes = 0;
  #isAsking = false;
  /** Events of the last poll are read from here; its count of them. */
  lastCount = 0;
  /** Times the kernel was asked. */
  polls = 0;
  /** Events taken. */
  taken = 0;

  constructor(settings: LoopSettings) {
    const { backend = "auto", maxEvents = MAX_EVENTS } = settings;
    this.#backend = backend;
    this.#maxEvents = maxEvents;
    this.#kernel = settings.kernel;
    this.clock = settings.clock ?? systemClock;
    this.timeouts = new TimeoutManager(this.clock);
    this.calls = new LoopCalls(settings.onError);
  }

  /** Counts a registration; see `Registration`. */
  readonly countRef = (change: 1 | -1): void => {
    this.refs += change;
    if (this.refs === 0) this.onIdle?.();
  };

  /** Something changed that a parked loop must look at. */
  changed(): void {
    this.sources.onChange?.();
  }

  /** The system calls; opened here. Throws `ReactorUnavailableError`. */
  get kernel(): Kernel {
    return this.#kernel ??= this.#openKernel();
  }

  #openKernel(): Kernel {
    const libc = openLibc();
    const own = libc.platform.os === "linux" ? "epoll" : "kqueue";
    const backend = this.#backend;
    if (backend !== "auto" && backend !== own) {
      throw new ReactorUnavailableError(
        "platform",
        `${libc.platform.os} has no ${backend} (use "${own}" or "auto")`,
      );
    }
    return libc;
  }

  /** The kernel's queue; opened here. Throws `ReactorUnavailableError`, `ClosedError`, `IoError`. */
  get poller(): Poller {
    return this.#poller ??= this.#openPoller();
  }

  #openPoller(): Poller {
    if (this.#isClosed) throw new ClosedError("Cannot wait: the event loop is closed");
    const poller = this.kernel.createPoller(this.#maxEvents);
    openLoops.add(this);
    return poller;
  }

  /** The system calls, if they were opened. */
  get openedKernel(): Kernel | undefined {
    return this.#kernel;
  }

  /** Which kernel interface this is, or would be. */
  get backend(): "epoll" | "kqueue" | "none" {
    const backend = this.#backend;
    if (backend !== "auto") return backend;
    const os = this.#kernel?.platform.os ?? hostPlatform().os;
    return os === "linux" ? "epoll" : os === "darwin" || os === "freebsd" ? "kqueue" : "none";
  }

  /** The queue, if it was opened. */
  get openPoller(): Poller | undefined {
    return this.#poller;
  }

  /** True when nothing outside can make a descriptor ready. */
  get isSimulated(): boolean {
    return this.#kernel?.isSimulated === true;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Throws `ClosedError` when it is closed. */
  mustBeOpen(action: string): void {
    if (this.#isClosed) throw new ClosedError(`Cannot ${action}: the loop is closed`);
  }

  /** True when something in the kernel can end a wait. */
  get isWatching(): boolean {
    return this.sources.waiting > 0 || this.isRemote;
  }

  /** Begins a wait for a descriptor; see `Sources.wait`. */
  watch(source: Source, direction: Direction, waiter: FdWaiter, drained: boolean): void {
    if (this.#poller === undefined) this.poller;
    this.sources.wait(source, direction, waiter, drained);
  }

  /** Ends every wait for the descriptor. Answers false when nothing was known of it. */
  forget(fd: number, error: Error): boolean {
    const known = this.sources.get(fd) !== undefined;
    this.sources.forget(fd, error, this.#poller);
    return known;
  }

  /** Takes what is ready, without waiting; answers how much that was, with the callbacks made. */
  poll(): number {
    let taken = 0;
    this.calls.hold();
    try {
      if (this.timeouts.pendingTimeouts > 0) taken = this.timeouts.process();
      if (this.prepollers.size > 0) this.prepoll();
      const poller = this.#poller;
      if (poller !== undefined) taken += this.#ask(poller, 0);
    } finally {
      taken += this.calls.release();
    }
    return taken;
  }

  /** Calls the prepollers. `wait` does not: whoever calls it has polled, or does this. */
  prepoll(): void {
    this.prepollers.call(this.calls, "prepoller");
  }

  /** As {@linkcode poll}, but blocks the thread for at most `ms` until there is something. */
  wait(ms: number): number {
    let taken = 0;
    this.calls.hold();
    try {
      taken = this.timeouts.process();
      const untilMs = this.clock.now() + ms;
      while (taken === 0 && !this.#isClosed) {
        const leftMs = Math.min(untilMs - this.clock.now(), this.timeouts.nextTimeout());
        taken += this.#ask(this.poller, leftMs === Infinity ? -1 : Math.max(0, leftMs));
        taken += this.timeouts.process();
        // A wake ends the wait as well, although nothing is taken.
        if (this.lastCount > 0 || untilMs <= this.clock.now()) break;
      }
    } finally {
      taken += this.calls.release();
    }
    return taken;
  }

  #ask(poller: Poller, timeoutMs: number): number {
    if (this.#isAsking) {
      throw new TypeError("Cannot poll events: called by a wake() of the same loop (only enqueue)");
    }
    this.#isAsking = true;
    try {
      const { sources } = this;
      let taken = sources.hasChanges ? sources.flush(poller) : 0;
      if (taken > 0) timeoutMs = 0;
      for (let i = 0; i < MOST_BATCHES; i++) {
        this.polls++;
        const count = this.#waitIn(poller, i === 0 ? timeoutMs : 0);
        this.lastCount = count;
        if (count === 0) break;
        taken += this.#dispatch(poller, count);
        if (count < poller.maxEvents) break;
      }
      this.taken += taken;
      return taken;
    } finally {
      this.#isAsking = false;
    }
  }

  #dispatch(poller: Poller, count: number): number {
    const taken = this.sources.dispatch(poller, count);
    if (this.sources.wakes !== this.#wakes) {
      this.#wakes = this.sources.wakes;
      if (this.wakeHooks.size > 0) this.calls.later(this);
    }
    return taken;
  }

  /** Calls the wake hooks; see `LoopCall`. */
  call(): void {
    this.wakeHooks.call(this.calls, "onWake");
  }

  #waitIn(poller: Poller, timeoutMs: number): number {
    try {
      return poller.wait(timeoutMs);
    } catch (error) {
      // The queue itself is broken (somebody closed it): whoever waits in it must hear of it.
      this.sources.forgetAll(error as Error);
      return 0;
    }
  }

  /** Whether {@linkcode waitAsync} can be had. */
  get canWaitAsync(): boolean {
    return this.#poller?.whenReady !== undefined;
  }

  /** Waits beside the thread until there is something, a wake or a signal; takes it. */
  async waitAsync(): Promise<void> {
    const { poller } = this;
    if (this.sources.hasChanges) {
      this.calls.hold();
      const refused = this.sources.flush(poller);
      this.calls.release();
      if (refused > 0 || this.#isClosed) return;
    }
    this.#isWaitedFor = true;
    try {
      await poller.whenReady!();
    } finally {
      this.#isWaitedFor = false;
      if (this.#isClosed) {
        poller.close();
        this.#onClosed?.();
      }
    }
    this.poll();
  }

  /** Ends the wait beside the thread, if there is one: it keeps the process alive. */
  rest(): void {
    if (this.#isWaitedFor) this.#poller?.recall();
  }

  /** Ends every wait by `ClosedError` and closes the queue. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.calls.hold();
    this.calls.clear();
    for (const closer of [...this.closers]) closer();
    openLoops.delete(this);
    this.prepollers.takeAll();
    this.wakeHooks.takeAll();
    this.timeouts.clear();
    this.sources.forgetAll(new ClosedError("Cannot wait: the event loop was closed"));
    const poller = this.#poller;
    this.#poller = undefined;
    if (poller !== undefined) {
      if (this.#isWaitedFor) {
        this.closed = new Promise((resolve) => this.#onClosed = resolve);
        poller.recall();
      } else poller.close();
    }
    this.calls.release();
  }
}
