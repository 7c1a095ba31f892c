/**
 * The kinds of bodies a task can have, and how each is told apart, resumed and given up.
 *
 * @module
 */

import { typeOf } from "./clock.ts";
import { Cancelled } from "./errors.ts";
import { Future } from "./future.ts";
import { cancelSafely, isPromiseLike, type Poll, type Pollable, type Waker } from "./poll.ts";

const generatorFunctionPrototype = Object.getPrototypeOf(function* () {});

/** True for a native `function*`. */
export function isGeneratorFunction(body: object): boolean {
  return Object.getPrototypeOf(body) === generatorFunctionPrototype;
}

const generatorPrototype = Object.getPrototypeOf(function* () {}).prototype as Generator;
/** Called on any generator without a look-up: each `function*` object has a map of its own. */
export const generatorNext = generatorPrototype.next;
/** See {@linkcode generatorNext}. */
export const generatorThrow = generatorPrototype.throw;

/** A poll function over a state: the Vais form of a body. */
export type PollFn = (state: unknown, waker: Waker) => Poll<unknown>;

/** The native generator of a body; one made by a compiler for old engines is wrapped in one. */
export function asGenerator<T>(made: object): Generator<unknown, T> | undefined {
  if (Object.prototype.isPrototypeOf.call(generatorPrototype, made)) {
    return made as Generator<unknown, T>;
  }
  const like = made as Partial<Generator<unknown, T>>;
  if (
    typeof like.next !== "function" || typeof like.throw !== "function" ||
    typeof like[Symbol.iterator] !== "function"
  ) return undefined;
  return (function* () {
    return yield* like as Generator<unknown, T>;
  })();
}

/** True for what an `async function*` made. */
export function isAsyncGenerator(made: object): boolean {
  return Object.prototype.toString.call(made) === "[object AsyncGenerator]";
}

/** What a task is told whose body is one. */
export function notABody(name: string): TypeError {
  return new TypeError(
    `Cannot run ${name}: the body is an async generator (write function* or async function)`,
  );
}

/** What a wait tells of itself, for dumps and reports. */
export function describeWait(wait: object | undefined): string | undefined {
  if (wait === undefined) return undefined;
  const { describe } = wait as { describe?: () => string };
  return typeof describe === "function" ? describe.call(wait) : "pollable";
}

/** What a task is told that yielded something else than a future. */
export function notAFuture(value: unknown): TypeError {
  const hint = isPromiseLike(value)
    ? "wrap the promise: yield* Future.from(promise), or spawn an async function"
    : "yield* a Future";
  return new TypeError(`Cannot wait: the task yielded ${typeOf(value)} (${hint})`);
}

/** The platform's own functions answer an aborted signal with their own errors of this name. */
export function isCancellation(error: unknown): boolean {
  return error instanceof Cancelled ||
    (typeof error === "object" && error !== null && (error as Error).name === "AbortError");
}

/** Tells a pollable that its waiter gives up; answers whether the wait ended at once. */
export function abandon(pollable: Pollable<unknown>, waker: Waker, reason: unknown): boolean {
  if (pollable instanceof Future) return pollable.abandon(waker, reason);
  cancelSafely(pollable, reason);
  return true;
}
