/**
 * The executor whose tasks wait for descriptors: a `Runtime` that parks in an event loop.
 *
 * @module
 */

import { checkInteger, typeOf } from "../runtime/clock.ts";
import type { RuntimeOptions } from "../runtime/core.ts";
import { ClosedError } from "../runtime/errors.ts";
import type { Future } from "../runtime/future.ts";
import { currentTask, type Host } from "../runtime/host.ts";
import { coreOf, Runtime } from "../runtime/runtime.ts";
import { claimLoop, EventLoop, type EventLoopOptions, loopCoreOf } from "./event_loop.ts";
import { FdReady, type Reactor } from "./fd_op.ts";
import type { Signal } from "./host_signals.ts";
import { READABLE, WRITABLE } from "./poller.ts";
import { ReactorParker } from "./reactor_parker.ts";
import type { SignalOptions } from "./signal_state.ts";
import { SignalStream } from "./signal_stream.ts";

/** How to make a reactor runtime. */
export interface ReactorOptions
  extends Omit<RuntimeOptions, "parker">, Omit<EventLoopOptions, "clock"> {}

/** A descriptor, or what has one: a stream, a listener. */
export type FdLike = number | { readonly fd: number };

let reactorIn: (runtime: object) => Reactor | undefined;

/**
 * A `Runtime` whose tasks can wait for file descriptors.
 *
 * Nothing is opened before the first such wait; where descriptors cannot be waited for (no
 * `--allow-ffi`, no koffi on Node, Windows), that wait throws `ReactorUnavailableError` and all else
 * works.
 *
 * `run()` and awaited handles let the host go on: while tasks are busy the kernel is asked between
 * turns, and when nothing is to be done the runtime sleeps until a descriptor, a timer or the host
 * has something. `blockOn` sleeps in the kernel itself: host promises, timers and signal listeners
 * cannot progress inside it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { close, pipe, ReactorRuntime, read, write } from "@vais/runtime/reactor";
 *
 * await using runtime = new ReactorRuntime();
 * const { readFd, writeFd } = pipe();
 * const got = runtime.spawn(function* () {
 *   const buffer = new Uint8Array(16);
 *   const n = yield* read(readFd, buffer); // waits until there is something
 *   return new TextDecoder().decode(buffer.subarray(0, n));
 * });
 * runtime.spawn(function* (task) {
 *   yield* task.sleep(1);
 *   yield* write(writeFd, new TextEncoder().encode("hello"));
 * });
 * assertEquals(await got, "hello");
 * close(readFd);
 * close(writeFd);
 * ```
 */
export class ReactorRuntime extends Runtime {
  readonly #loop: EventLoop;
  readonly #reactor: Reactor;

  /**
   * Makes a runtime with an event loop of its own; opens nothing yet.
   *
   * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
   */
  constructor(options: ReactorOptions = {}) {
    if (typeof options !== "object" || options === null) {
      throw new TypeError(
        `Cannot create ReactorRuntime: options is ${typeOf(options)} (must be an object)`,
      );
    }
    const loop = new EventLoop(options);
    const core = loopCoreOf(loop);
    const parker = options.kernel?.makeParker?.(() => core.poll() > 0) ?? new ReactorParker(core);
    super({ name: "reactor", ...options, parker });
    claimLoop(loop, this.name);
    this.#loop = loop;
    this.#reactor = { loop: core, host: coreOf(this, "create ReactorRuntime") };
  }

  static {
    reactorIn = (runtime) => #reactor in runtime ? runtime.#reactor : undefined;
  }

  /**
   * Ready when there is something to read, the other side hung up, or it failed.
   *
   * One waiter per descriptor and direction. The answer may be stale by the time it is used: read
   * non-blocking, as {@linkcode read} does.
   *
   * @throws {BusyError} When polled, if somebody else waits to read it
   * @throws {ClosedError} When it is closed meanwhile, by `close`
   * @throws {ReactorUnavailableError} When polled, if descriptors cannot be waited for here
   */
  readable(fd: FdLike): Future<void> {
    return new FdReady(this.#reactor, checkFd(fd, "wait for"), READABLE);
  }

  /** Ready when it takes something to write, or the other side is gone. See {@linkcode readable}. */
  writable(fd: FdLike): Future<void> {
    return new FdReady(this.#reactor, checkFd(fd, "wait for"), WRITABLE);
  }

  /** The Vais name of {@linkcode readable}. */
  waitReadable(fd: FdLike): Future<void> {
    return this.readable(fd);
  }

  /** The Vais name of {@linkcode writable}. */
  waitWritable(fd: FdLike): Future<void> {
    return this.writable(fd);
  }

  /** The Vais name of `sleep`. */
  sleepMs(ms: number): Future<void> {
    return this.sleep(ms);
  }

  /**
   * The signals of these names, as they come; see {@linkcode SignalStream}. Listens from now on,
   * until the stream or the runtime is closed; then what was there before is as it was.
   *
   * Several streams each see each signal. Two SIGINT that none of them has taken end the process, so
   * that Ctrl-C, Ctrl-C ends also a program that is stuck; see {@linkcode SignalOptions}. Inside
   * `blockOn` the host can call no listeners: use `run` or `await`.
   *
   * @throws {TypeError} If a name is no string
   * @throws {RangeError} If there is none, or one is not known here or cannot be caught
   * @throws {UnsupportedError} In a worker of Node, which gets no signals
   * @throws {ClosedError} If the runtime is closed
   */
  signals(...names: Signal[]): SignalStream;
  /** With options at the end. */
  signals(...names: [...names: Signal[], options: SignalOptions]): SignalStream;
  signals(...args: (Signal | SignalOptions)[]): SignalStream {
    const { loop, host } = this.#reactor;
    if (loop.isClosed) throw new ClosedError("Cannot listen for signals: the runtime is closed");
    const last = args.at(-1);
    const options = typeof last === "object" && last !== null ? last : undefined;
    const names = (options === undefined ? args : args.slice(0, -1)) as Signal[];
    const close = () => stream.close();
    const stream = new SignalStream(host, names, options, () => loop.closers.delete(close));
    loop.closers.add(close);
    return stream;
  }

  /** The event loop this runtime waits in. Closed with the runtime. */
  getEventLoop(): EventLoop {
    return this.#loop;
  }
}

/** Checks a descriptor; answers its number. */
export function checkFd(fd: FdLike, action: string): number {
  if (typeof fd !== "object" || fd === null) return checkInt(fd, action, "fd");
  const number = checkInt(fd.fd, action, "fd");
  // Its number may be somebody else's by now.
  if ((fd as { readonly isClosed?: boolean }).isClosed === true) {
    throw new ClosedError(`Cannot ${action} fd ${number}: it is closed`);
  }
  return number;
}

/** Checks a number that the kernel takes as an int; answers it. */
export function checkInt(value: number, action: string, what: string): number {
  checkInteger(value, 0, action, what);
  if (value <= 0x7fff_ffff) return value;
  throw new RangeError(`Cannot ${action}: ${what} is ${value} (must be at most 2147483647)`);
}

let global: ReactorRuntime | undefined;

/** Makes the reactor of this thread if there is none, or if it was closed; answers it. */
export function reactorInit(): ReactorRuntime {
  if (global === undefined || reactorIn(global)!.loop.isClosed) {
    global = new ReactorRuntime({ name: "default reactor" });
  }
  return global;
}

/**
 * The reactor of this thread, made at the first call.
 *
 * @example
 * ```ts
 * import { assertStrictEquals } from "@std/assert";
 * import { getReactor, reactorInit } from "@vais/runtime/reactor";
 *
 * assertStrictEquals(reactorInit(), getReactor());
 * ```
 */
export function getReactor(): ReactorRuntime {
  return reactorInit();
}

/** The reactor of the task that calls, else that of the thread. */
export function currentReactor(): Reactor {
  const host = currentTask()?.host;
  return (host === undefined ? undefined : reactorOfHost(host)) ?? reactorIn(getReactor())!;
}

/** The reactor whose executor this is, if it is one's. */
export function reactorOfHost(host: Host): Reactor | undefined {
  return reactorIn(host.api as object);
}

/** The inside of a reactor runtime. */
export function reactorOf(runtime: ReactorRuntime): Reactor {
  return reactorIn(runtime)!;
}
