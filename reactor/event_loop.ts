/**
 * The event loop: descriptors, timers, wakes and commands, waited for in one place.
 *
 * Nothing is opened before something must be waited for. The loop itself is passive: `pollEvents`
 * waits once and blocks the thread, `run` goes on together with the host, and a `ReactorRuntime`
 * polls its loop between the turns of its tasks. Callbacks are called in all three.
 *
 * @module
 */

import { checkInteger, checkTimeout, type Clock, systemClock, typeOf } from "../runtime/clock.ts";
import { ClosedError } from "../runtime/errors.ts";
import type { Waker } from "../runtime/poll.ts";
import { EVFILT_READ, EVFILT_TIMER, EVFILT_WRITE, MAX_EVENTS } from "./constants.ts";
import { UnsupportedError } from "./errors.ts";
import { FdHandler } from "./fd_handler.ts";
import { checkCallback, Hooks } from "./hooks.ts";
import { checkSignals } from "./host_signals.ts";
import type { Kernel } from "./kernel.ts";
import { Libc } from "./libc.ts";
import { callOutside, type OnLoopError } from "./loop_calls.ts";
import { LoopCommands } from "./loop_commands.ts";
import { LoopCore } from "./loop_core.ts";
import { LoopExplanation } from "./loop_explanation.ts";
import { LoopRun, type LoopRunOptions } from "./loop_run.ts";
import { READABLE, WRITABLE } from "./poller.ts";
import { Registration } from "./registration.ts";
import type { RemoteHandle } from "./remote_loop.ts";
import { RemoteState } from "./remote_state.ts";
import { byteOfCommand, type LoopCommand } from "./self_pipe.ts";
import type { Direction } from "./sources.ts";
import { WakeOnce } from "./wake_once.ts";

/**
 * Called when a descriptor is ready, with what is: `READABLE` and `WRITABLE` as far as they were
 * asked for, and `HANGUP`, `FAILED` and `URGENT`, which are told to every handler.
 */
export type FdHandlerCallback = (fd: number, ready: number, loop: EventLoop) => unknown;

/** Called when a command came. */
export type CommandCallback = (command: LoopCommand, loop: EventLoop) => unknown;

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
  /** Told what a callback threw; the loop goes on. Default: the console. */
  readonly onError?: OnLoopError;
  /** What commands do, beside what `onCommand` registers. They do not keep `run` going. */
  readonly commands?: Readonly<Partial<Record<LoopCommand, CommandCallback>>>;
}

/** An event of the last `pollEvents`. */
export interface LoopEvent {
  /** The descriptor, or the id of a timer. */
  readonly fd: number;
  /** `EVFILT_READ`, `EVFILT_WRITE` or `EVFILT_TIMER`. */
  readonly filter: number;
}

let coreIn: (loop: EventLoop) => LoopCore;
let claim: (loop: EventLoop, owner: string) => void;

/**
 * Waits for descriptors, timers, wakes and commands.
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
  readonly #timers = new Map<number, Registration>();
  readonly #commands: LoopCommands;
  readonly #stopHooks = new Hooks();
  #runner: LoopRun | undefined;
  /** The runtime that drives it. */
  #owner: string | undefined;
  #remote: RemoteState | undefined;
  /** During `pollEvents`. */
  #firedTimers: number[] | undefined;
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
    const { onError, commands = {} } = options;
    if (onError !== undefined) checkCallback(onError, "create EventLoop", "onError");
    if (typeof commands !== "object" || commands === null) {
      throw new TypeError(
        `Cannot create EventLoop: commands is ${typeOf(commands)} (must be an object)`,
      );
    }
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
      onError,
    });
    this.#core.closers.add(() => this.#onClose());
    this.#commands = new LoopCommands(this.#core, () => this.stop());
    for (const [command, fn] of Object.entries(commands)) {
      byteOfCommand(command as LoopCommand, "create EventLoop");
      checkCallback(fn, "create EventLoop", `commands.${command}`);
      this.#commands.on(command as LoopCommand, () => fn(command as LoopCommand, this));
    }
  }

  static {
    coreIn = (loop) => loop.#core;
    claim = (loop, owner) => loop.#owner = owner;
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
    return new WakeOnce(this.#core, fd, direction, waker).registration;
  }

  /**
   * Wakes `waker` once, `delayMs` from now. An `id` that is registered already is registered anew.
   *
   * @throws {RangeError} If `delayMs` is negative, NaN or infinite
   */
  registerTimer(id: number, delayMs: number, waker: Waker): Registration {
    checkInteger(id, 0, "register timer", "id");
    checkWaker(waker, "register timer");
    this.#mustBeOpen("register timer");
    const core = this.#core;
    const inner = core.timeouts.schedule(delayMs, () => {
      this.#timers.delete(id);
      registration.settle();
      this.#firedTimers?.push(id);
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

  /**
   * Calls back whenever the descriptor is ready, until the registration is ended: the RefPerSys form.
   *
   * After each call the kernel looks again, so what was not drained is told again; so is a hang-up,
   * until the handler is ended or the descriptor closed, which ends it. After an async callback it
   * does so when the promise is settled. Callbacks run outside of any task, once the kernel's answer
   * is taken apart, and may do anything: also end handlers, close descriptors or the loop. What they
   * throw goes to `onError`.
   *
   * @param events `READABLE`, `WRITABLE` or both
   * @param options `explanation`: for {@linkcode explain} and errors
   * @throws {TypeError | RangeError} If an argument has the wrong type or is out of range
   * @throws {BusyError} If somebody else waits for a direction of the descriptor
   * @throws {ReactorUnavailableError} If descriptors cannot be waited for here
   * @throws {ClosedError} If the loop is closed
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { close, EventLoop, HANGUP, pipe, READABLE, write } from "@vais/runtime/reactor";
   *
   * const loop = new EventLoop();
   * const { readFd, writeFd } = pipe();
   * await write(writeFd, new Uint8Array([1]));
   * close(writeFd);
   * let told = 0;
   * const handler = loop.addHandler(readFd, READABLE, (_fd, ready) => {
   *   told |= ready;
   *   handler.cancel();
   * }, { explanation: "what the demo reads" });
   * await loop.run(); // until nothing is registered
   * assertEquals(told, READABLE | HANGUP);
   * close(readFd);
   * loop.close();
   * ```
   */
  addHandler(
    fd: number,
    events: number,
    callback: FdHandlerCallback,
    options: { readonly explanation?: string } = {},
  ): Registration {
    const action = "add handler";
    checkInteger(fd, 0, action, "fd");
    checkInteger(events, 0, action, "events");
    if (events === 0 || (events & ~(READABLE | WRITABLE)) !== 0) {
      throw new RangeError(
        `Cannot ${action}: events is ${events} (must be READABLE, WRITABLE or both)`,
      );
    }
    checkCallback(callback, action, "callback");
    checkOptions(options, action);
    const { explanation = callback.name || "handler" } = options;
    if (typeof explanation !== "string") {
      throw new TypeError(
        `Cannot ${action}: explanation is ${typeOf(explanation)} (must be a string)`,
      );
    }
    const call = (fd: number, ready: number) => callback(fd, ready, this);
    return new FdHandler(this.#core, fd, events, call, explanation).registration;
  }

  /**
   * Calls `fn` before each look at the kernel, in order of registration. It may register anything;
   * it does not keep {@linkcode run} going, and should be quick.
   *
   * @throws {ClosedError} If the loop is closed
   */
  addPrepoller(fn: (loop: EventLoop) => unknown): Registration {
    checkCallback(fn, "add prepoller");
    this.#mustBeOpen("add prepoller");
    const registration = this.#core.prepollers.add(() => fn(this));
    this.#core.changed();
    return registration;
  }

  /**
   * Sends a command to the loop: a byte in its self-pipe, handled in the order of sending when the
   * loop is polled. `"quit"` also stops the loop, `"exit"` first does what `"dump"` does and then
   * stops it; what else they do is what `onCommand` and `options.commands` say.
   *
   * @throws {TypeError | RangeError} If there is no such command
   * @throws {ClosedError} If the loop is closed
   * @throws {ReactorUnavailableError} If there are no pipes here
   */
  postpone(command: LoopCommand): void {
    byteOfCommand(command, "postpone command");
    this.#commands.post(command);
  }

  /**
   * Calls `fn` whenever the command comes.
   *
   * @throws {TypeError | RangeError} If there is no such command
   * @throws {ClosedError} If the loop is closed
   */
  onCommand(command: LoopCommand, fn: CommandCallback): Registration {
    byteOfCommand(command, "register command");
    checkCallback(fn, "register command");
    this.#mustBeOpen("register command");
    return this.#commands.on(command, () => fn(command, this), this.#core.countRef);
  }

  /**
   * Calls `fn` after a wake was taken, by {@linkcode wake} or from another thread: at least once
   * after the last wake, but not once for each. It may also be called without one.
   *
   * @throws {ClosedError} If the loop is closed
   */
  onWake(fn: (loop: EventLoop) => unknown): Registration {
    checkCallback(fn, "register wake callback");
    this.#mustBeOpen("register wake callback");
    return this.#core.wakeHooks.add(() => fn(this), this.#core.countRef);
  }

  /**
   * What another thread needs to wake this loop and to send it commands: post it to a worker, which
   * gives it to `RemoteLoop.attach`. Does not keep {@linkcode run} going; `onWake` and `onCommand` do.
   *
   * @throws {ClosedError} If the loop is closed
   * @throws {ReactorUnavailableError} If there are no descriptors here
   * @throws {UnsupportedError} If the kernel is simulated
   */
  remote(): RemoteHandle {
    this.#mustBeOpen("take remote handle");
    const core = this.#core;
    if (!(core.kernel instanceof Libc)) {
      throw new UnsupportedError(
        `Cannot take remote handle: the kernel is ${core.kernel.via} (must be the system's own)`,
      );
    }
    const { wakeFd } = core.poller;
    const commandFd = this.#commands.openRemote();
    this.#remote ??= new RemoteState();
    core.isRemote = true;
    core.changed();
    return { wakeFd, commandFd, state: this.#remote.buffer };
  }

  /**
   * Ends the wait for exactly this descriptor (or timer id) and filter; false when there was none.
   *
   * @throws {RangeError} If the filter is not one of `EVFILT_READ`, `EVFILT_WRITE`, `EVFILT_TIMER`
   */
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
    if (source === undefined || waiter === undefined || waiter === this.#commands) return false;
    if (waiter instanceof WakeOnce) return waiter.registration.cancel();
    const direction = filter === EVFILT_READ ? READABLE : WRITABLE;
    if (waiter instanceof FdHandler) return waiter.drop(direction);
    sources.unwait(source, direction, waiter);
    waiter.onFailed(new ClosedError(`Cannot wait for fd ${fd}: it was deregistered`));
    return true;
  }

  /** Ends the current `pollEvents`, or else the next one, at once. */
  wake(): void {
    if (this.#core.isClosed) return;
    this.#core.poller.wake();
    this.#core.changed();
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
    this.#mustBeOpen("poll events");
    const limitMs = timeoutMs < 0 ? Infinity : checkTimeout(timeoutMs, "poll events", "timeoutMs");
    const fired: number[] = this.#firedTimers = [];
    const events: LoopEvent[] = [];
    core.prepoll();
    core.sources.onEvent = (fd, ready) => {
      if (fd === this.#commands.readFd) return;
      if ((ready & ~WRITABLE) !== 0) events.push({ fd, filter: EVFILT_READ });
      if ((ready & WRITABLE) !== 0) events.push({ fd, filter: EVFILT_WRITE });
    };
    try {
      core.wait(limitMs);
    } finally {
      core.sources.onEvent = this.#firedTimers = undefined;
    }
    for (const fd of fired) events.push({ fd, filter: EVFILT_TIMER });
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

  /**
   * Drives the loop together with the host: its promises, timers and signals go on meanwhile.
   *
   * It ends when it is stopped, closed, or nothing is registered that keeps it going (descriptors,
   * timers, `onWake` and `onCommand`, unless unref'd) and no command is on its way. It may be run
   * again. While nothing happens it sleeps.
   *
   * Rejects with an `AggregateError` of what `onStop` callbacks threw.
   *
   * @throws {TypeError | RangeError} If an option is wrong; if it runs already, or a runtime drives it
   * @throws {ClosedError} If the loop is closed
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { EventLoop } from "@vais/runtime/reactor";
   *
   * using loop = new EventLoop({ commands: { dump: (_, loop) => console.log(`${loop.explain()}`) } });
   * const log: string[] = [];
   * loop.onStop(() => log.push("stopped"));
   * loop.onCommand("process", () => log.push("process"));
   * loop.postpone("process");
   * loop.postpone("quit");
   * await loop.run({ signals: ["SIGINT", "SIGTERM"], runFor: 60_000 });
   * assertEquals(log, ["process", "stopped"]);
   * ```
   */
  async run(options: LoopRunOptions = {}): Promise<void> {
    const action = "run EventLoop";
    checkOptions(options, action);
    const { runFor, signals = [] } = options;
    const limitMs = checkTimeout(runFor, action, "runFor");
    if (!Array.isArray(signals)) {
      throw new TypeError(`Cannot ${action}: signals is ${typeOf(signals)} (must be an array)`);
    }
    const names = checkSignals(signals, action);
    if (this.#owner !== undefined) {
      throw new TypeError(`Cannot ${action}: runtime ${this.#owner} drives it (use its run())`);
    }
    if (this.running) throw new TypeError(`Cannot ${action}: it is running already (await that)`);
    this.#mustBeOpen("run EventLoop");
    const hasWork = () => this.#core.refs > 0 || this.#commands.pending > 0;
    this.#runner ??= new LoopRun(this.#core);
    await this.#runner.run(limitMs, names, hasWork, () => {
      const errors = this.#callStopHooks();
      if (errors.length === 0) return;
      throw new AggregateError(
        errors,
        `Cannot stop EventLoop cleanly: ${errors.length} callbacks threw`,
      );
    });
  }

  /** True inside {@linkcode run}. */
  get running(): boolean {
    return this.#runner?.isRunning ?? false;
  }

  /**
   * Ends {@linkcode run}, after what the loop does now. Where nobody runs the loop, also where a
   * runtime drives it, this calls the `onStop` callbacks at once, and what they throw goes to
   * `onError`.
   */
  stop(): void {
    if (this.running) this.#runner!.stop();
    else this.#reportStopHooks();
  }

  /**
   * Calls `fn` once, when the loop was stopped, or its {@linkcode run} ended otherwise, or it was
   * closed. The last one registered is called first; all are called, whatever others throw.
   *
   * @throws {ClosedError} If the loop is closed
   */
  onStop(fn: (loop: EventLoop) => void): Registration {
    checkCallback(fn, "register stop callback");
    this.#mustBeOpen("register stop callback");
    return this.#stopHooks.add(() => fn(this));
  }

  #callStopHooks(): unknown[] {
    const errors: unknown[] = [];
    for (const hook of this.#stopHooks.takeAll().reverse()) {
      try {
        callOutside(hook);
      } catch (error) {
        errors.push(error);
      }
    }
    return errors;
  }

  #reportStopHooks(): void {
    for (const error of this.#callStopHooks()) this.#core.calls.report(error, "onStop");
  }

  /** What the loop is doing, as plain data; `toString()` is for people. O(descriptors). */
  explain(): LoopExplanation {
    return new LoopExplanation(this.#core, this.#commands, this.running);
  }

  #mustBeOpen(action: string): void {
    if (this.#core.isClosed) throw new ClosedError(`Cannot ${action}: the loop is closed`);
  }

  #onClose(): void {
    // Before anything is closed that other threads use.
    this.#remote?.close();
    for (const registration of this.#timers.values()) registration.settle();
    this.#timers.clear();
    this.#core.prepollers.takeAll();
    this.#core.wakeHooks.takeAll();
    if (!this.running) this.#reportStopHooks();
  }

  /** Ends every wait by `ClosedError` and closes what the loop opened; `run` ends. Idempotent. */
  close(): void {
    if (this.#core.isClosed) return;
    if (this.#runner === undefined) this.#core.close();
    else this.#runner.close();
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

/** The loop is driven by a runtime of this name. */
export function claimLoop(loop: EventLoop, owner: string): void {
  claim(loop, owner);
}

function checkOptions(options: unknown, action: string): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
  }
}

function checkWaker(waker: unknown, action: string): void {
  if (typeof (waker as Partial<Waker> | undefined)?.wake !== "function") {
    throw new TypeError(`Cannot ${action}: waker is ${typeOf(waker)} (must have wake())`);
  }
}
