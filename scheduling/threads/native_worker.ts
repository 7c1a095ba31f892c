/**
 * A thread as a host gives it: what {@linkcode startWorker} is built on, once per host.
 *
 * @module
 */

import type { HostPort, WorkerResourceLimits } from "./host_threads.ts";

/** What a thread is started with. */
export interface NativeStart {
  /** Module that the thread runs. */
  readonly entry: URL;
  /** The thread's name. */
  readonly name: string;
  /** Handed to the module with its end of the connection. */
  readonly setup: unknown;
  /** Limits, where the host has them. */
  readonly resourceLimits: WorkerResourceLimits | undefined;
}

/** Told by the host, each at most once, never during the call that starts the thread. */
export interface NativeEvents {
  /** The thread ends because of `error`. {@linkcode onGone} follows. */
  onFault(error: unknown): void;
  /** The thread is over. What it had sent can still be taken off the port. */
  onGone(exitCode: number | undefined): void;
}

/** A thread. */
export interface NativeWorker {
  /** The starter's end of the connection. */
  readonly port: HostPort;
  /** The host may say that the thread is gone before it says why. */
  readonly faultsComeLate: boolean;
  /** The host ends threads whatever they do; else only those that are neither busy nor parked. */
  readonly canAlwaysEnd: boolean;
  /** Whether the thread keeps the process alive; at first it does. */
  hold(on: boolean): void;
  /** Asks the host to end it. */
  terminate(): void;
}
