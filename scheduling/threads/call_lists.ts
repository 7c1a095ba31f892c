/**
 * Lists of calls: their arguments, taken one after another.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { checkArgs } from "./run_options.ts";

/** The arguments of calls. */
export type Calls = Iterator<readonly unknown[]>;

/**
 * Each item as the only argument of a call.
 *
 * @throws {TypeError} If it is no iterable
 */
export function itemCalls(items: unknown, action: string): Calls {
  return new Mapped(iteratorOf(items, action, "items"), (item) => [item]);
}

/**
 * Each item as the arguments of a call; `next` throws for one that is no array.
 *
 * @throws {TypeError} If it is no iterable
 */
export function argCalls(calls: unknown, action: string): Calls {
  return new Mapped(iteratorOf(calls, action, "calls"), (args) => checkArgs(args, action));
}

function iteratorOf(iterable: unknown, action: string, what: string): Iterator<unknown> {
  const isIterable = typeof iterable === "object" || typeof iterable === "string";
  if (!isIterable || iterable === null || !(Symbol.iterator in Object(iterable))) {
    const type = isAsync(iterable) ? "an async iterable" : typeOf(iterable);
    throw new TypeError(`Cannot ${action}: ${what} is ${type} (must be an iterable)`);
  }
  return (iterable as Iterable<unknown>)[Symbol.iterator]();
}

function isAsync(value: unknown): boolean {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

class Mapped implements Calls {
  readonly #iterator: Iterator<unknown>;
  readonly #toArgs: (item: unknown) => readonly unknown[];

  constructor(iterator: Iterator<unknown>, toArgs: (item: unknown) => readonly unknown[]) {
    this.#iterator = iterator;
    this.#toArgs = toArgs;
  }

  next(): IteratorResult<readonly unknown[]> {
    const step = this.#iterator.next();
    return step.done
      ? { done: true, value: undefined }
      : { done: false, value: this.#toArgs(step.value) };
  }

  return(): IteratorResult<readonly unknown[]> {
    this.#iterator.return?.();
    return { done: true, value: undefined };
  }
}
