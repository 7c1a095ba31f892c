/**
 * The default runtime, made when first needed, and the functions that use it.
 *
 * @module
 */

import { combine, type Future, toFutures } from "./future.ts";
import { allPolicy, selectPolicy } from "./combinators.ts";
import { context, currentTask } from "./host.ts";
import type { JoinHandle } from "./join_handle.ts";
import type { Poll, Pollable, Waker } from "./poll.ts";
import { coreOf, Runtime } from "./runtime.ts";
import type { SpawnOptions, TaskBody } from "./task_body.ts";
import { Sleep } from "./time.ts";

let runtime: Runtime | undefined;

context.defaultHost = () => coreOf(getRuntime(), "wait");

/** Makes the default runtime if there is none; answers it. Idempotent. */
export function runtimeInit(): Runtime {
  return runtime ??= new Runtime({ name: "default runtime" });
}

/**
 * The default runtime of this thread, made at the first call.
 *
 * @example
 * ```ts
 * import { assertStrictEquals } from "@std/assert";
 * import { getRuntime, runtimeInit } from "@vais/runtime";
 *
 * assertStrictEquals(runtimeInit(), getRuntime());
 * ```
 */
export function getRuntime(): Runtime {
  return runtimeInit();
}

/**
 * Starts a task on the current runtime: that of the task which calls, else the default one.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { runAll, spawn } from "@vais/runtime";
 *
 * const handle = spawn(() => "ran");
 * await runAll();
 * assertEquals(handle.outcome(), { status: "ok", value: "ran" });
 * ```
 */
export function spawn<T>(body: TaskBody<T>, options?: SpawnOptions): JoinHandle<T>;
/** Starts a poll-style task over a state: the Vais form. */
export function spawn<S, T>(state: S, poll: (state: S, waker: Waker) => Poll<T>): JoinHandle<T>;
export function spawn(body: unknown, second?: unknown): JoinHandle<unknown> {
  const owner = (currentTask()?.host.api as Runtime | undefined) ?? getRuntime();
  return owner.spawn(body as TaskBody<unknown>, second as SpawnOptions);
}

/** `Runtime.blockOn` of the default runtime. */
export function blockOn<T>(body: TaskBody<T> | JoinHandle<T>): T {
  return getRuntime().blockOn(body);
}

/** `Runtime.run` of the default runtime. */
export function runAll(): Promise<void> {
  return getRuntime().run();
}

/**
 * A future of nothing, ready `ms` after its first poll, on the runtime that polls it.
 *
 * @throws {RangeError} If `ms` is negative, NaN or infinite
 *
 * @example
 * ```ts
 * import { assertGreaterOrEqual } from "@std/assert";
 * import { sleep } from "@vais/runtime";
 *
 * const start = performance.now();
 * await sleep(5);
 * assertGreaterOrEqual(performance.now() - start, 5);
 * ```
 */
export function sleep(ms: number): Future<void> {
  return new Sleep(ms, undefined);
}

/**
 * The first of several futures to be ready, with its position; the others are cancelled.
 *
 * Fair: which one is looked at first rotates. An error of any of them is thrown.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Future, select, sleep } from "@vais/runtime";
 *
 * assertEquals(await select(sleep(60_000), Future.ready("now")), { index: 1, value: "now" });
 * ```
 */
export function select<const F extends readonly (Pollable<unknown> | PromiseLike<unknown>)[]>(
  ...futures: F
): Future<
  {
    [K in keyof F]: {
      index: number;
      value: F[K] extends Pollable<infer T> ? T : F[K] extends PromiseLike<infer T> ? T : never;
    };
  }[number]
> {
  return combine(selectPolicy<unknown>(), toFutures<unknown>(futures, "select"));
}

/**
 * The values of all futures, as a tuple; the first error cancels the others and is thrown.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Future, join } from "@vais/runtime";
 *
 * const [n, s]: [number, string] = await join(Future.ready(1), Future.ready("one"));
 * assertEquals([n, s], [1, "one"]);
 * ```
 */
export function join<const F extends readonly (Pollable<unknown> | PromiseLike<unknown>)[]>(
  ...futures: F
): Future<
  {
    -readonly [K in keyof F]: F[K] extends Pollable<infer T> ? T
      : F[K] extends PromiseLike<infer T> ? T
      : never;
  }
> {
  const branches = toFutures<unknown>(futures, "join");
  return combine(allPolicy(branches.length, "join"), branches);
}
