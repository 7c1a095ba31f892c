/**
 * The Vais globals: the reactor of this thread, and the functions that use it.
 *
 * @module
 */

import type { Future } from "../runtime/future.ts";
import type { JoinHandle } from "../runtime/join_handle.ts";
import type { Poll, Waker } from "../runtime/poll.ts";
import type { SpawnOptions, TaskBody } from "../runtime/task_body.ts";
import { Sleep } from "../runtime/time.ts";
import { FdReady } from "./fd_op.ts";
import { READABLE, WRITABLE } from "./poller.ts";
import { checkFd, currentReactor, type FdLike, getReactor } from "./reactor_runtime.ts";

/**
 * Starts a task on the reactor of this thread; see `Runtime.spawn`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { reactorRun, reactorSpawn, sleepMs } from "@vais/runtime/reactor";
 *
 * const handle = reactorSpawn(function* () {
 *   yield* sleepMs(1);
 *   return "rested";
 * });
 * await reactorRun();
 * assertEquals(handle.outcome(), { status: "ok", value: "rested" });
 * ```
 */
export function reactorSpawn<T>(body: TaskBody<T>, options?: SpawnOptions): JoinHandle<T>;
/** Starts a poll-style task over a state: the Vais form. */
export function reactorSpawn<S, T>(
  state: S,
  poll: (state: S, waker: Waker) => Poll<T>,
): JoinHandle<T>;
export function reactorSpawn(body: unknown, second?: unknown): JoinHandle<unknown> {
  return getReactor().spawn(body as TaskBody<unknown>, second as SpawnOptions);
}

/** `blockOn` of the reactor of this thread: it sleeps in the kernel, and the host stands still. */
export function reactorBlockOn<T>(body: TaskBody<T> | JoinHandle<T>): T {
  return getReactor().blockOn(body);
}

/** `run` of the reactor of this thread. */
export function reactorRun(): Promise<void> {
  return getReactor().run();
}

/** `readable` of the reactor of the task that calls, else of this thread. */
export function waitReadable(fd: FdLike): Future<void> {
  return new FdReady(currentReactor(), checkFd(fd, "wait for"), READABLE);
}

/** `writable` of the reactor of the task that calls, else of this thread. */
export function waitWritable(fd: FdLike): Future<void> {
  return new FdReady(currentReactor(), checkFd(fd, "wait for"), WRITABLE);
}

/** A future of nothing, ready `ms` after its first poll. */
export function sleepMs(ms: number): Future<void> {
  return new Sleep(ms, currentReactor().host as never);
}
