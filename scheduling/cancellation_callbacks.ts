/**
 * The callbacks registered with a cancellation, on either side of it.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import type { CancellationCallback, Why } from "./cancellation_reason.ts";

/** A callback in a source's list. */
export class Registration implements Disposable {
  #list: Set<Registration> | undefined;
  readonly callback: CancellationCallback;

  constructor(callback: CancellationCallback, list: Set<Registration> | undefined) {
    this.callback = callback;
    this.#list = list;
    list?.add(this);
  }

  [Symbol.dispose](): void {
    this.#list?.delete(this);
    this.#list = undefined;
  }
}

/** @throws {TypeError} If it is not a function */
export function checkCallback(callback: unknown): void {
  if (typeof callback !== "function") {
    throw new TypeError(
      `Cannot register: the callback is ${typeOf(callback)} (must be a function)`,
    );
  }
}

/** Callbacks in the order of registration, each to be called once. */
export class Callbacks {
  readonly #list = new Set<Registration>();

  /** How many wait to be called. */
  get size(): number {
    return this.#list.size;
  }

  add(callback: CancellationCallback): Registration {
    return new Registration(callback, this.#list);
  }

  /** Calls all; what they throw is added to `errors`. */
  call({ reason, message }: Why, errors: unknown[]): void {
    // A live walk: what a callback removes is not called any more.
    for (const registration of this.#list) {
      this.#list.delete(registration);
      try {
        registration.callback(reason, message);
      } catch (error) {
        errors.push(error);
      }
    }
  }
}

/** What a cancel throws when callbacks threw. */
export function callbacksFailed(errors: readonly unknown[]): AggregateError {
  return new AggregateError(
    errors,
    `Cannot finish cancel: ${errors.length} ${
      errors.length === 1 ? "callback" : "callbacks"
    } threw (see errors; everything is cancelled)`,
    { cause: errors[0] },
  );
}
