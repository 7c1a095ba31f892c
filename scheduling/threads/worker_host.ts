/**
 * Threads of either host behind one small interface: web workers on Deno, `node:worker_threads` on
 * Node and Bun.
 *
 * The connection is one message port. The worker's end dies with its thread, whatever ends that, and
 * what the thread had sent is taken off the port before anybody is told of its end. So no message is
 * lost, and none comes after the end. A port, unlike a lock, need not hold the process.
 *
 * @module
 */

import { checkTimeout, typeOf } from "../../runtime/clock.ts";
import { decodeThrown, type EncodedThrown } from "./error_codec.ts";
import { hostThreads, type WorkerResourceLimits, wrapped } from "./host_threads.ts";
import type { NativeStart, NativeWorker } from "./native_worker.ts";
import { startError, startNative } from "./start_native.ts";
import type { EntryName } from "./worker_entry.ts";
import { type WorkerEndKind, WorkerStartError } from "./worker_errors.ts";
import {
  type News,
  NEWS_EXITS,
  NEWS_MESSAGE,
  NEWS_READY,
  NEWS_THREW,
  NEWS_UNCAUGHT,
} from "./worker_port.ts";

/** How a worker ended. */
export interface WorkerEnd {
  /** What happened. */
  readonly how: WorkerEndKind;
  /** What was thrown, class, code and cause restored; or the host's error. */
  readonly error?: unknown;
  /** The thread's exit code, when it ended itself and the host tells it. */
  readonly exitCode?: number;
}

/** Who hears of a worker. */
export interface WorkerHandlers {
  /** The worker's program posted `message`. May come before {@linkcode startWorker} resolves. */
  onMessage(message: unknown): void;
  /**
   * The worker ended, whatever the cause: exactly once for each worker that {@linkcode startWorker}
   * resolved with, after its last message.
   */
  onEnd(end: WorkerEnd): void;
}

/** What a worker is started with. */
export interface WorkerStart {
  /** Its name: in error texts, and where the host shows names of threads. */
  readonly name: string;
  /** Handed to its program: structured-cloned, shared memory is shared. */
  readonly setup: unknown;
  /** How long it may take until it is ready, in ms. `undefined`, `null` or `Infinity`: for ever. */
  readonly timeoutMs?: number | null | undefined;
  /** Limits of the thread's memory, in MiB. Deno has none for its workers: ignored there. */
  readonly resourceLimits?: WorkerResourceLimits | undefined;
  /**
   * The module that the thread runs, if it is not the library's own `worker_entry` beside this
   * file: a program that bundles the library puts that module elsewhere.
   */
  readonly entry?: URL | string | undefined;
  /**
   * Deno: how long to wait for a thread that was terminated, in ms, before it counts as abandoned.
   * Default 500.
   */
  readonly abandonAfterMs?: number | undefined;
}

/** A worker that is ready. It holds the process until `unref` is called or it ends. */
export interface HostedWorker {
  /** The name it was started with. */
  readonly name: string;
  /**
   * Sends `message` to its program: structured-cloned, shared memory is shared, `transfer` is moved.
   * Does nothing once the worker has ended.
   *
   * @throws {DOMException} `DataCloneError`, if it cannot be cloned
   */
  post(message: unknown, transfer?: readonly object[]): void;
  /**
   * Ends the thread, and resolves when that is settled, after `onEnd`.
   *
   * Node and Bun end it whatever it does. Deno ends it unless it is busy or parked in
   * `Atomics.wait`; then, after `abandonAfterMs`, the answer is `"abandoned"`: the thread goes on,
   * and nobody hears of it any more. It does not keep the process from ending.
   */
  terminate(): Promise<"ended" | "abandoned">;
  /** From now on it holds the process. */
  ref(): void;
  /** From now on it does not: an idle worker lets the process end. */
  unref(): void;
}

/**
 * Starts a thread and waits until its program is ready.
 *
 * Nothing of it is left when it rejects, and `handlers.onEnd` is not called then. Takes 10 to 30 ms.
 *
 * @throws {TypeError | RangeError} If `start` has a value of a wrong type, or out of range
 * @throws {WorkerStartError} If the thread does not start, with the reason and the cause
 * @throws {DOMException} `DataCloneError`, if `setup` cannot be cloned
 */
export async function startWorker(
  start: WorkerStart,
  handlers: WorkerHandlers,
): Promise<HostedWorker> {
  const thread = new HostedThread(check(start), handlers);
  await thread.ready;
  return thread;
}

const ENTRY: EntryName = "worker_entry";

/** Sources end in .ts, the npm package in .js; this module and the entry alike. */
function ownEntry(): URL {
  const ending = /\.\w+$/.exec(new URL(import.meta.url).pathname)?.[0] ?? "";
  return new URL(`./${ENTRY}${ending}`, import.meta.url);
}

interface CheckedStart extends NativeStart {
  readonly timeoutMs: number;
  readonly abandonAfterMs: number;
}

function check(
  { name, entry, setup, resourceLimits, timeoutMs, abandonAfterMs = 500 }: WorkerStart,
): CheckedStart {
  if (typeof name !== "string") {
    throw new TypeError(`Cannot start worker: name is ${typeOf(name)} (must be a string)`);
  }
  let url: URL;
  try {
    url = entry === undefined ? ownEntry() : new URL(entry);
  } catch (cause) {
    throw new TypeError(
      `Cannot start worker ${name}: entry is ${typeOf(entry)} (must be an absolute URL)`,
      { cause },
    );
  }
  return {
    name,
    entry: url,
    setup,
    resourceLimits,
    timeoutMs: checkTimeout(timeoutMs, `start worker ${name}`),
    abandonAfterMs: checkTimeout(abandonAfterMs, `start worker ${name}`, "abandonAfterMs"),
  };
}

/** A timer of the host's, in whole ms; longer than it can take means never. */
function after(ms: number, run: () => void): ReturnType<typeof setTimeout> | undefined {
  return ms < 2 ** 31 ? setTimeout(run, ms) : undefined;
}

/** How long the reason of an end may come after the end, in ms: of a start, and later. */
const LATE_START_FAULT_MS = 300;
const LATE_FAULT_MS = 20;

class HostedThread implements HostedWorker {
  readonly name: string;
  /** Resolves when the program is ready, or rejects with a {@linkcode WorkerStartError}. */
  readonly ready: Promise<void>;
  readonly #handlers: WorkerHandlers;
  readonly #native: NativeWorker;
  readonly #abandonAfterMs: number;
  #settleReady!: { resolve(): void; reject(error: unknown): void };
  #isReady = false;
  #answer: "ended" | "abandoned" | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #termination: Promise<"ended" | "abandoned"> | undefined;
  #settleTermination: ((answer: "ended" | "abandoned") => void) | undefined;
  /** What the thread said that ends it. */
  #thrown: { readonly error: unknown } | undefined;
  /** What the thread said that perhaps ends it. */
  #uncaught: { readonly error: unknown } | undefined;
  /** What the host said that ends it. */
  #fault: { readonly error: unknown } | undefined;
  #exitCode: number | undefined;
  #gone = false;

  constructor(start: CheckedStart, handlers: WorkerHandlers) {
    this.name = start.name;
    this.#handlers = handlers;
    this.#abandonAfterMs = start.abandonAfterMs;
    this.ready = new Promise((resolve, reject) => this.#settleReady = { resolve, reject });
    this.#native = startNative(start, {
      onFault: (error) => {
        this.#fault ??= { error };
        if (this.#gone) this.#end();
      },
      onGone: (exitCode) => this.#onGone(exitCode),
    });
    const { port } = this.#native;
    port.onmessage = ({ data }) => this.#onNews(data as News);
    port.onmessageerror = ({ data }) => this.#onUnreadable(data);
    port.ref();
    this.#timer = after(start.timeoutMs, () => this.#onStartTimeout(start.timeoutMs));
  }

  post(message: unknown, transfer?: readonly object[]): void {
    if (this.#answer !== undefined) return;
    const { port } = this.#native;
    // Deno is faster when there is no second argument at all.
    if (transfer === undefined || transfer.length === 0) port.postMessage(wrapped(message));
    else port.postMessage(wrapped(message), transfer);
  }

  terminate(): Promise<"ended" | "abandoned"> {
    if (this.#answer !== undefined) return Promise.resolve(this.#answer);
    this.#termination ??= new Promise((resolve) => {
      this.#settleTermination = resolve;
      if (this.#gone) return this.#end();
      clearTimeout(this.#timer);
      this.#hold(true);
      this.#native.terminate();
      if (!this.#native.canAlwaysEnd) {
        this.#timer = after(this.#abandonAfterMs, () => this.#end("abandoned"));
      }
    });
    return this.#termination;
  }

  ref(): void {
    if (this.#answer === undefined) this.#hold(true);
  }

  unref(): void {
    if (this.#answer === undefined && this.#termination === undefined) this.#hold(false);
  }

  /** The port too: on Deno a thread is over for the host while its last messages are on their way. */
  #hold(on: boolean): void {
    this.#native.hold(on);
    if (on) this.#native.port.ref();
    else this.#native.port.unref();
  }

  #onNews([kind, carried]: News): void {
    if (this.#answer !== undefined) return;
    switch (kind) {
      case NEWS_MESSAGE:
        return this.#handlers.onMessage(carried);
      case NEWS_READY:
        clearTimeout(this.#timer);
        this.#isReady = true;
        return this.#settleReady.resolve();
      case NEWS_THREW:
        this.#thrown ??= { error: decodeThrown(carried as EncodedThrown) };
        return;
      case NEWS_UNCAUGHT:
        this.#uncaught = { error: decodeThrown(carried as EncodedThrown) };
        return;
      case NEWS_EXITS:
        this.#exitCode = carried as number;
    }
  }

  /** Something of the thread's is lost: nobody can tell what, so the thread is. */
  #onUnreadable(cause: unknown): void {
    const error = new TypeError(
      `Cannot read a message of worker ${this.name}: it cannot be cloned into this thread`,
      { cause },
    );
    this.#thrown ??= { error };
    void this.terminate();
  }

  #onStartTimeout(timeoutMs: number): void {
    this.#takeLeft(); // this thread itself may have been too busy to hear it
    if (this.#isReady || this.#answer !== undefined) return;
    this.#close("ended");
    this.#native.terminate();
    this.#settleReady.reject(
      new WorkerStartError(this.name, "timeout", `it was not ready after ${timeoutMs} ms`),
    );
  }

  #onGone(exitCode: number | undefined): void {
    if (this.#answer !== undefined) return;
    this.#gone = true;
    this.#takeLeft();
    const reasonKnown = this.#thrown !== undefined || this.#fault !== undefined ||
      this.#termination !== undefined || this.#exitCode !== undefined;
    this.#exitCode ??= exitCode;
    if (reasonKnown || !this.#native.faultsComeLate) return this.#end();
    clearTimeout(this.#timer);
    this.#timer = after(
      this.#isReady ? LATE_FAULT_MS : LATE_START_FAULT_MS,
      () => this.#end(),
    );
  }

  /** What the thread had sent, and has not been delivered yet. */
  #takeLeft(): void {
    const { receiveMessageOnPort } = hostThreads()!;
    for (let got; (got = receiveMessageOnPort(this.#native.port)) !== undefined;) {
      try {
        this.#onNews(got.message as News);
      } catch (error) {
        // The handler's own error: as from any other event, and the end is still told.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  #close(answer: "ended" | "abandoned"): void {
    this.#answer = answer;
    clearTimeout(this.#timer);
    this.#native.port.close();
    this.#native.hold(false);
  }

  #end(answer: "ended" | "abandoned" = "ended"): void {
    if (this.#answer !== undefined) return;
    this.#close(answer);
    const end = this.#howItEnded();
    try {
      if (this.#isReady) this.#handlers.onEnd(end);
      else this.#settleReady.reject(startError(this.name, end));
    } finally {
      this.#settleTermination?.(answer);
    }
  }

  #howItEnded(): WorkerEnd {
    if (this.#thrown !== undefined) return { how: "threw", error: this.#thrown.error };
    if (this.#fault !== undefined) {
      const { error } = this.#fault;
      const { code } = (error ?? {}) as { code?: unknown };
      if (code === "ERR_WORKER_OUT_OF_MEMORY") return { how: "out-of-memory", error };
      return { how: "threw", error: (this.#uncaught ?? this.#fault).error };
    }
    if (this.#termination !== undefined) return { how: "terminated" };
    return this.#exitCode === undefined
      ? { how: "exited" }
      : { how: "exited", exitCode: this.#exitCode };
  }
}
