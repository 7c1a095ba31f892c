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
import { ReactorUnavailableError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { openLibc } from "./libc.ts";
import type { Poller } from "./poller.ts";
import { type Direction, type FdWaiter, type Source, Sources } from "./sources.ts";
import { TimeoutManager } from "./timeout_manager.ts";

/** How many full batches one poll takes before anything else is looked at. */
const MOST_BATCHES = 16;

/** Loops of this thread that are open: a descriptor may be waited for in any of them. */
const openLoops = new Set<LoopCore>();

/** Ends every wait for a descriptor, in whichever loop; it is about to be closed. */
export function forgetEverywhere(fd: number, error: Error): void {
  for (const loop of openLoops) loop.forget(fd, error);
}

/** What the inside is made of. */
export interface LoopCoreOptions {
  readonly backend: "auto" | "epoll" | "kqueue";
  readonly maxEvents: number;
  readonly clock: Clock;
  readonly kernel: Kernel | undefined;
}

/** An event loop, as the parker and the operations see it. */
export class LoopCore {
  readonly sources: Sources = new Sources();
  readonly timeouts: TimeoutManager;
  readonly clock: Clock;
  readonly #options: LoopCoreOptions;
  #kernel: Kernel | undefined;
  #poller: Poller | undefined;
  #isClosed = false;
  /** A wait beside the thread goes on in the queue: it is closed by whoever waits. */
  #isWaitedFor = false;
  /** Other threads may wake the loop, so it must be parked in the kernel. */
  isRemote = false;
  /** Called before each look at the kernel. */
  readonly prepollers = new Set<() => void>();
  /** Events of the last poll are read from here; its count of them. */
  lastCount = 0;
  /** Times the kernel was asked. */
  polls = 0;
  /** Events taken. */
  taken = 0;

  constructor(options: LoopCoreOptions) {
    this.#options = options;
    this.#kernel = options.kernel;
    this.clock = options.clock ?? systemClock;
    this.timeouts = new TimeoutManager(this.clock);
  }

  /** The system calls; opened here. Throws `ReactorUnavailableError`. */
  get kernel(): Kernel {
    return this.#kernel ??= this.#openKernel();
  }

  #openKernel(): Kernel {
    const libc = openLibc();
    const own = libc.platform.os === "linux" ? "epoll" : "kqueue";
    const { backend } = this.#options;
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
    const poller = this.kernel.createPoller(this.#options.maxEvents);
    openLoops.add(this);
    return poller;
  }

  /** The queue, if it was opened. */
  get openPoller(): Poller | undefined {
    return this.#poller;
  }

  get isClosed(): boolean {
    return this.#isClosed;
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

  /** Takes what is ready, without waiting; answers how much that was. */
  poll(): number {
    let taken = this.timeouts.pendingTimeouts === 0 ? 0 : this.timeouts.process();
    const poller = this.#poller;
    if (poller !== undefined) taken += this.#ask(poller, 0);
    return taken;
  }

  /** As {@linkcode poll}, but blocks the thread for at most `ms` until there is something. */
  wait(ms: number): number {
    let taken = this.timeouts.process();
    const untilMs = this.clock.now() + ms;
    const poller = this.poller;
    while (taken === 0) {
      const leftMs = Math.min(untilMs - this.clock.now(), this.timeouts.nextTimeout());
      taken += this.#ask(poller, leftMs === Infinity ? -1 : Math.max(0, leftMs));
      taken += this.timeouts.process();
      // A wake ends the wait as well, although nothing is taken.
      if (this.lastCount > 0 || untilMs <= this.clock.now()) break;
    }
    return taken;
  }

  #ask(poller: Poller, timeoutMs: number): number {
    for (const prepoller of this.prepollers) prepoller();
    const { sources } = this;
    let taken = sources.hasChanges ? sources.flush(poller) : 0;
    if (taken > 0) timeoutMs = 0;
    for (let i = 0; i < MOST_BATCHES; i++) {
      this.polls++;
      const count = this.#waitIn(poller, i === 0 ? timeoutMs : 0);
      this.lastCount = count;
      if (count === 0) break;
      taken += sources.dispatch(poller, count);
      if (count < poller.maxEvents) break;
    }
    this.taken += taken;
    return taken;
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
    return this.#poller?.waitAsync !== undefined;
  }

  /** Waits beside the thread until there is something, a wake or a signal; takes it. */
  async waitAsync(): Promise<number> {
    const poller = this.poller;
    let taken = this.sources.hasChanges ? this.sources.flush(poller) : 0;
    if (taken > 0) return taken;
    this.#isWaitedFor = true;
    try {
      const count = await poller.waitAsync!(-1);
      poller.take();
      this.lastCount = count;
      if (!this.#isClosed && count > 0) taken = this.sources.dispatch(poller, count);
    } finally {
      this.#isWaitedFor = false;
      if (this.#isClosed) poller.close();
    }
    this.taken += taken;
    return taken;
  }

  /** Ends every wait by `ClosedError` and closes the queue. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    openLoops.delete(this);
    this.timeouts.clear();
    this.sources.forgetAll(new ClosedError("Cannot wait: the event loop was closed"));
    const poller = this.#poller;
    this.#poller = undefined;
    if (poller === undefined) return;
    if (this.#isWaitedFor) poller.wake();
    else poller.close();
  }
}
