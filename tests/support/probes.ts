/**
 * Probes and helpers of the executor's tests: everything that can be counted is counted.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { DeadlockError, Future, PENDING, type Poll, type Runtime, type Waker } from "@vais/runtime";

/** A future that is settled by hand and counts what is done to it. */
export class Probe<T = unknown> extends Future<T> {
  /** Calls of `poll`. */
  polls = 0;
  /** Calls of `cancel`. */
  cancels = 0;
  /** What `cancel` was given last. */
  reason: unknown = undefined;
  /** The last waker. */
  waker: Waker | undefined;
  #end: { value: T } | { error: unknown } | undefined;

  poll(waker: Waker): Poll<T> {
    this.polls++;
    this.waker = waker;
    if (this.#end === undefined) return PENDING;
    if ("error" in this.#end) throw this.#end.error;
    return this.#end.value;
  }

  override cancel(reason: unknown): void {
    this.cancels++;
    this.reason = reason;
  }

  /** Gives it a value and wakes. */
  resolve(value: T): void {
    this.#end = { value };
    this.waker?.wake();
  }

  /** Makes it fail and wakes. */
  reject(error: unknown): void {
    this.#end = { error };
    this.waker?.wake();
  }
}

/** A waker that counts. */
export class CountingWaker implements Waker {
  /** Calls of `wake`. */
  wakes = 0;
  wake(): void {
    this.wakes++;
  }
}

interface HostTimers {
  setTimeout(callback: () => void, ms: number): number;
  clearTimeout(timer: number): void;
}
const host = globalThis as unknown as HostTimers;

/** Real time, for the few tests that need the host's event loop to go on. */
export function hostDelay(ms: number): Promise<void> {
  return new Promise((resolve) => host.setTimeout(resolve, ms));
}

/** `promise`, or an error after `ms` of real time: so that a lost wake fails instead of hanging. */
export async function within<T>(promise: PromiseLike<T>, what: string, ms = 10_000): Promise<T> {
  let timer = 0;
  const late = new Promise<never>((_, reject) => {
    timer = host.setTimeout(() => reject(new Error(`${what}: nothing happened in ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    host.clearTimeout(timer);
  }
}

/**
 * Fails unless the runtime holds nothing any more: no task, no timer, nothing queued, and no wait is
 * still counted (else the deadlock of a lone `never` would go unnoticed).
 */
export async function assertNothingLeft(runtime: Runtime): Promise<void> {
  const { alive, timers, runnable } = runtime.metrics();
  assertEquals({ alive, timers, runnable }, { alive: 0, timers: 0, runnable: 0 });
  const last = runtime.spawn(Future.never(), { name: "leak check" });
  const error = await within(
    runtime.run().catch((error) => error),
    "a wait is still counted: run() with a lone Future.never()",
    2_000,
  );
  assertEquals(error instanceof DeadlockError, true, String(error));
  last.cancel();
  assertEquals(runtime.taskCount, 0);
}
