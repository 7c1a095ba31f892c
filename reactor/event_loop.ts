/**
 * The event loop: descriptors, timers, wakes and commands, waited for in one place.
 *
 * Nothing is opened before something must be waited for. The loop itself is passive: `pollEvents`
 * waits once and blocks the thread, `run` goes on together with the host, and a `ReactorRuntime`
 * polls its loop between the turns of its tasks. Callbacks are called in all three.
 *
 * @module
 */

import { checkInteger, typeOf } from "../runtime/clock.ts";
import type { Waker } from "../runtime/poll.ts";
import { UnsupportedError } from "./errors.ts";
import { FdHandler } from "./fd_handler.ts";
import { checkCallback } from "./hooks.ts";
import { Libc } from "./libc.ts";
import { LoopCommands } from "./loop_commands.ts";
import { LoopCore } from "./loop_core.ts";
import { LoopExplanation } from "./loop_explanation.ts";
import { LoopRun, type LoopRunOptions } from "./loop_run.ts";
import { checkOptions, checkSettings, type LoopSettings } from "./loop_settings.ts";
import { READABLE, WRITABLE } from "./poller.ts";
import type { Registration } from "./registration.ts";
import type { RemoteHandle } from "./remote_loop.ts";
import { RemoteState } from "./remote_state.ts";
import { byteOfCommand, type LoopCommand } from "./self_pipe.ts";
import { type LoopEvent, VaisForm } from "./vais_form.ts";

/**
 * Called when a descriptor is ready, with what is: `READABLE` and `WRITABLE` as far as they were
 * asked for, and `HANGUP`, `FAILED` and `URGENT`, which are told to every handler.
 */
export type FdHandlerCallback = (fd: number, ready: number, loop: EventLoop) => unknown;

/** Called when a command came. */
export type CommandCallback = (command: LoopCommand, loop: EventLoop) => unknown;

/** How to make an event loop. */
export interface EventLoopOptions extends LoopSettings {
  /** What commands do, beside what `onCommand` registers. They do not keep `run` going. */
  readonly commands?: Readonly<Partial<Record<LoopCommand, CommandCallback>>>;
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
  readonly #commands: LoopCommands;
  readonly #vais: VaisForm;
  readonly #run: LoopRun;
  #remote: RemoteState | undefined;

  /**
   * Opens nothing yet.
   *
   * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
   */
  constructor(options: EventLoopOptions = {}) {
    const action = "create EventLoop";
    const core = this.#core = new LoopCore(checkSettings(options, action));
    // First of all, before anything is closed that other threads use.
    core.closers.add(() => this.#remote?.close());
    this.#commands = new LoopCommands(core, () => this.stop());
    this.#vais = new VaisForm(core, this.#commands);
    this.#run = new LoopRun(core, () => core.refs > 0 || this.#commands.pending > 0);
    const { commands = {} } = options;
    checkOptions(commands, action, "commands");
    for (const [name, fn] of Object.entries(commands)) {
      const command = name as LoopCommand;
      byteOfCommand(command, action);
      checkCallback(fn, action, `commands.${name}`);
      this.#commands.on(command, () => fn(command, this));
    }
  }

  static {
    coreIn = (loop) => loop.#core;
    claim = (loop, owner) => loop.#run.owner = owner;
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
    return this.#vais.register(fd, READABLE, waker, "register read");
  }

  /** Wakes `waker` once, when the descriptor can be written. See {@linkcode registerRead}. */
  registerWrite(fd: number, waker: Waker): Registration {
    return this.#vais.register(fd, WRITABLE, waker, "register write");
  }

  /**
   * Wakes `waker` once, `delayMs` from now. An `id` that is registered already is registered anew.
   *
   * @throws {RangeError} If `delayMs` is negative, NaN or infinite
   */
  registerTimer(id: number, delayMs: number, waker: Waker): Registration {
    return this.#vais.registerTimer(id, delayMs, waker);
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
    this.#core.mustBeOpen("add prepoller");
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
    this.#core.mustBeOpen("register command");
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
    this.#core.mustBeOpen("register wake callback");
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
    this.#core.mustBeOpen("take remote handle");
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
    return this.#vais.deregister(fd, filter);
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
    return this.#vais.pollEvents(timeoutMs);
  }

  /** What the last {@linkcode pollEvents} took; a descriptor ready for both directions is there twice. */
  events(): readonly LoopEvent[] {
    return this.#vais.events;
  }

  /** Descriptor of event `i` of the last {@linkcode pollEvents}, or id of a timer. */
  eventFd(i: number): number {
    return this.#vais.event(i).fd;
  }

  /** Filter of event `i` of the last {@linkcode pollEvents}. */
  eventFilter(i: number): number {
    return this.#vais.event(i).filter;
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
  run(options: LoopRunOptions = {}): Promise<void> {
    return this.#run.run(options);
  }

  /** True inside {@linkcode run}. */
  get running(): boolean {
    return this.#run.isRunning;
  }

  /**
   * Ends {@linkcode run}, after what the loop does now. Where nobody runs the loop, also where a
   * runtime drives it, this calls the `onStop` callbacks at once, and what they throw goes to
   * `onError`.
   */
  stop(): void {
    this.#run.stop();
  }

  /**
   * Calls `fn` once, when the loop was stopped, or its {@linkcode run} ended otherwise, or it was
   * closed. The last one registered is called first; all are called, whatever others throw.
   *
   * @throws {ClosedError} If the loop is closed
   */
  onStop(fn: (loop: EventLoop) => void): Registration {
    checkCallback(fn, "register stop callback");
    this.#core.mustBeOpen("register stop callback");
    return this.#run.onStop(() => fn(this));
  }

  /** What the loop is doing, as plain data; `toString()` is for people. O(descriptors). */
  explain(): LoopExplanation {
    return new LoopExplanation(this.#core, this.#commands, this.running);
  }

  /** Ends every wait by `ClosedError` and closes what the loop opened; `run` ends. Idempotent. */
  close(): void {
    this.#run.close();
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
