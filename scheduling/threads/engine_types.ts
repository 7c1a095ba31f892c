/**
 * What can be called in an engine, with what, and what comes back.
 *
 * @module
 */

import type {
  FunctionArgs,
  FunctionName,
  FunctionResult,
  StreamItem,
  Unwrapped,
  Yielded,
} from "./module_functions.ts";

/** Any function, its arguments unchecked. */
// deno-lint-ignore no-explicit-any -- as what an untyped module exports
export type ThreadFunction = (...args: any[]) => any;

/** A module that nothing is known of: any name, any arguments, any result. */
export interface AnyModule {
  /** A function. */
  readonly [name: string]: ThreadFunction;
}

/** What can be called: an export of the module `M` by its name, or a self-contained function. */
export type Callable<M> = FunctionName<M> | ThreadFunction;

/** What it takes. */
export type CallArgs<M, F> = F extends ThreadFunction ? Parameters<F>
  : F extends FunctionName<M> ? FunctionArgs<M, F>
  : never;

/** What calling it comes to: of a promise its value, of a generator what it returns. */
export type CallResult<M, F> = F extends ThreadFunction ? Unwrapped<ReturnType<F>>
  : F extends FunctionName<M> ? FunctionResult<M, F>
  : never;

/** What it yields, when it is streamed. */
export type CallItem<M, F> = F extends ThreadFunction ? Yielded<ReturnType<F>>
  : F extends FunctionName<M> ? StreamItem<M, F>
  : never;

/** What can be called with an item of type `I` alone. */
export type ItemCallable<M, I> =
  | { [K in FunctionName<M>]: [I] extends FunctionArgs<M, K> ? K : never }[FunctionName<M>]
  // deno-lint-ignore no-explicit-any -- the result is what it is
  | ((item: I) => any);
