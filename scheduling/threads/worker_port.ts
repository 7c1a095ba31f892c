/**
 * The worker's end of the connection to the thread that started it, and what a worker runs.
 *
 * What a worker sends is a pair: what it is, and what it carries. So the thread's own news (ready,
 * threw, exits) travel in order with the program's messages, and none overtakes the end.
 *
 * @module
 */

import { type HostPort, hostThreads, unwrapped } from "./host_threads.ts";

/** Of the program; carries its message. */
export const NEWS_MESSAGE = 0;
/** The program is ready. */
export const NEWS_READY = 1;
/** Something was thrown that ends the thread; carries it, encoded. */
export const NEWS_THREW = 2;
/** Something was thrown that nobody has caught so far; the host decides. Carries it, encoded. */
export const NEWS_UNCAUGHT = 3;
/** The thread ends itself; carries its exit code. */
export const NEWS_EXITS = 4;

/** What a worker sends. */
export type News = readonly [kind: number, carried: unknown];

/** What a worker is sent first. */
export interface StartOrder {
  /** Its name. */
  readonly name: string;
  /** Its end of the connection. */
  readonly port: HostPort;
  /** What its program is started with. */
  readonly setup: unknown;
}

/** The connection to the thread that started this one. Messages arrive once each, in order. */
export interface WorkerPort {
  /** The name this worker was started with. */
  readonly name: string;
  /**
   * Sends `message`, structured-cloned; shared memory is shared, `transfer` is moved.
   *
   * @throws {DOMException} `DataCloneError`, if it cannot be cloned
   */
  post(message: unknown, transfer?: readonly object[]): void;
  /**
   * Calls `handler` with each message, in turns of the event loop.
   *
   * Use this or {@linkcode receiveNow}, not both: on Deno a message may be on its way to the
   * handler, where `receiveNow` does not see it and gets the next one.
   */
  onMessage(handler: (message: unknown) => void): void;
  /**
   * Takes the oldest message, without a turn of the event loop: for a worker that blocks. What was
   * posted before the store that woke the worker is there. 1 to 6 µs, and the cost of the clone.
   *
   * @returns `undefined` when there is none
   */
  receiveNow(): unknown;
}

/**
 * What a worker runs once it has been called ready. It may block the thread. When it returns, or
 * what it returns resolves, the thread ends itself with exit code 0.
 */
export type ThreadBody = () => unknown;

/**
 * What a worker runs: gets ready (loads modules, attaches to shared memory), then answers its body.
 * Without a body the thread goes on until it is terminated. What it throws, or rejects with, fails
 * the start of the worker.
 */
export type ThreadProgram = (
  setup: unknown,
  port: WorkerPort,
) => ThreadBody | void | PromiseLike<ThreadBody | void>;

/** The one implementation of {@linkcode WorkerPort}. */
export class ThreadPort implements WorkerPort {
  readonly name: string;
  readonly #port: HostPort;

  constructor({ name, port }: StartOrder) {
    this.name = name;
    this.#port = port;
  }

  post(message: unknown, transfer?: readonly object[]): void {
    this.tell(NEWS_MESSAGE, message, transfer);
  }

  /** Sends news of the thread itself. */
  tell(kind: number, carried?: unknown, transfer?: readonly object[]): void {
    const news: News = [kind, carried];
    // Deno is faster when there is no second argument at all.
    if (transfer === undefined || transfer.length === 0) this.#port.postMessage(news);
    else this.#port.postMessage(news, transfer);
  }

  onMessage(handler: (message: unknown) => void): void {
    this.#port.onmessage = (event) => handler(unwrapped(event.data));
  }

  receiveNow(): unknown {
    // Present where workers can be started at all.
    const got = hostThreads()!.receiveMessageOnPort(this.#port);
    return got === undefined ? undefined : unwrapped(got.message);
  }
}
