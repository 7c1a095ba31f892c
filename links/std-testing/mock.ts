/**
 * Stand-in for `jsr:@std/testing/mock`: the spies, which are all we use.
 *
 * @module
 */

// deno-lint-ignore no-explicit-any -- any function can be spied on
type AnyFunction = (this: any, ...args: any[]) => any;

/** One recorded call. */
export interface SpyCall<A extends unknown[] = unknown[], R = unknown> {
  /** What it was called with. */
  args: A;
  /** What it returned. */
  returned?: R;
  /** What it threw. */
  error?: unknown;
}

/** A function that records its calls. */
export type Spy<F extends AnyFunction> = F & {
  /** The calls so far, oldest first. */
  calls: SpyCall<Parameters<F>, ReturnType<F>>[];
};

/** Wraps `fn` (or nothing) in a function that records its calls. */
export function spy(): Spy<(...args: unknown[]) => void>;
export function spy<F extends AnyFunction>(fn: F): Spy<F>;
export function spy<F extends AnyFunction>(fn?: F): Spy<F> {
  const calls: SpyCall<Parameters<F>, ReturnType<F>>[] = [];
  const recorder = function (
    this: unknown,
    ...args: Parameters<F>
  ): ReturnType<F> {
    const call: SpyCall<Parameters<F>, ReturnType<F>> = { args };
    calls.push(call);
    try {
      const returned = fn?.apply(this, args);
      call.returned = returned;
      return returned;
    } catch (error) {
      call.error = error;
      throw error;
    }
  };
  return Object.assign(recorder, { calls }) as unknown as Spy<F>;
}

/** Throws unless `spied` was called `expected` times. */
export function assertSpyCalls(
  spied: { calls: unknown[] },
  expected: number,
): void {
  if (spied.calls.length !== expected) {
    throw new Error(
      `Spy was called ${spied.calls.length} times (expected ${expected})`,
    );
  }
}
