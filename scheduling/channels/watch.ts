/**
 * The latest value, and being told that it changed: settings, progress, a state others follow.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { ClosedError } from "../../runtime/errors.ts";
import type { Future } from "../../runtime/future.ts";
import { PENDING, type Poll } from "../../runtime/poll.ts";
import { Waiters } from "../waiters.ts";
import { checkValue } from "./channel.ts";
import { iterate } from "./iterate.ts";
import { Look } from "./look.ts";

class WatchState<T> {
  version = 0;
  isClosed = false;
  readonly changes: Waiters = new Waiters();

  constructor(readonly name: string, public value: T) {}
}

let watches = 0;

/**
 * A value that many follow. Who is slow sees the latest value only; nothing is kept for anybody.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { scope, watch } from "@vais/runtime";
 *
 * const progress = watch(0);
 * const seen = await scope(async (s) => {
 *   const follower = progress.subscribe();
 *   s.spawn(function* () {
 *     for (const percent of [10, 20, 100]) progress.value = percent;
 *     progress.close();
 *   });
 *   const seen: number[] = [];
 *   for await (const percent of follower) seen.push(percent);
 *   return seen;
 * });
 * assertEquals(seen, [100]);
 * ```
 */
export class Watch<T> implements Disposable {
  readonly #state: WatchState<T>;

  /**
   * A watch that begins with a value.
   *
   * @param name For errors and dumps
   * @throws {TypeError} If the value is a promise or a future, or the name no string
   */
  constructor(value: T, name: string = `watch-${++watches}`) {
    if (typeof name !== "string") {
      throw new TypeError(`Cannot make Watch: name is ${typeOf(name)} (must be a string)`);
    }
    this.#state = new WatchState(name, checkValue(value, "make Watch"));
  }

  /** Its name. */
  get name(): string {
    return this.#state.name;
  }

  /** The latest value. */
  get value(): T {
    return this.#state.value;
  }

  /** Changes it, and wakes all who wait, also when the value is the same. */
  set value(value: T) {
    const state = this.#state;
    checkValue(value, "set Watch");
    if (state.isClosed) throw new ClosedError(`Cannot set watch ${state.name}: it is closed`);
    state.value = value;
    state.version++;
    state.changes.wakeAll();
  }

  /**
   * Changes it by what `change` makes of the latest value.
   *
   * @returns The new value
   */
  update(change: (value: T) => T): T {
    if (typeof change !== "function") {
      throw new TypeError(`Cannot update Watch: change is ${typeOf(change)} (must be a function)`);
    }
    return this.value = change(this.#state.value);
  }

  /** True after {@linkcode close}. */
  get isClosed(): boolean {
    return this.#state.isClosed;
  }

  /** One who follows it; the value of now counts as seen. */
  subscribe(): WatchReceiver<T> {
    return new WatchReceiver(this.#state);
  }

  /** No more changes; those who follow see the last value, then the end. Wakes all who wait. */
  close(): void {
    this.#state.isClosed = true;
    this.#state.changes.wakeAll();
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Makes a {@linkcode Watch}.
 *
 * @param name For errors and dumps
 * @throws {TypeError} If the value is a promise or a future
 */
export function watch<T>(value: T, name?: string): Watch<T> {
  return new Watch(value, name);
}

/** One who follows a {@linkcode Watch}. Holds nothing: it need not be disposed of. */
export class WatchReceiver<T> implements AsyncIterable<T, undefined> {
  readonly #state: WatchState<T>;
  #seen: number;

  /** @internal */
  constructor(state: WatchState<T>) {
    this.#state = state;
    this.#seen = state.version;
  }

  /** The latest value; reading it does not count as seeing it. */
  get value(): T {
    return this.#state.value;
  }

  /** True when the value was set since it was last seen. */
  get hasChanged(): boolean {
    return this.#seen !== this.#state.version;
  }

  /**
   * The next value that was not seen yet; waits for it. Values that others replaced meanwhile are gone.
   *
   * Throws `ClosedError` when the watch is closed and its last value was seen.
   */
  changed(): Future<T> {
    return this.#look(() => {
      const value = this.#take();
      if (value === PENDING && this.#state.isClosed) throw this.#closedError();
      return value;
    });
  }

  /**
   * The first value for which `test` is true, the latest included; waits for it.
   *
   * Throws what `test` throws, and `ClosedError` when the watch is closed before.
   */
  until(test: (value: T) => boolean): Future<T> {
    if (typeof test !== "function") {
      throw new TypeError(`Cannot wait for watch: test is ${typeOf(test)} (must be a function)`);
    }
    let asked = -1;
    return this.#look(() => {
      const state = this.#state;
      if (asked !== state.version) {
        asked = state.version;
        if (test(state.value)) {
          this.#seen = state.version;
          return state.value;
        }
      }
      if (state.isClosed) throw this.#closedError();
      return PENDING;
    });
  }

  /** As {@linkcode changed}, but a close is the end and no error. */
  next(): Future<IteratorResult<T, undefined>> {
    return this.#look<IteratorResult<T, undefined>>(() => {
      const value = this.#take();
      if (value !== PENDING) return { done: false, value };
      return this.#state.isClosed ? { done: true, value: undefined } : PENDING;
    });
  }

  /** Each change that it is in time for. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return iterate(() => this.next());
  }

  #look<R>(look: () => Poll<R>): Future<R> {
    return new Look(this.#state.changes, `watch ${this.#state.name}`, look);
  }

  #take(): Poll<T> {
    if (!this.hasChanged) return PENDING;
    this.#seen = this.#state.version;
    return this.#state.value;
  }

  #closedError(): ClosedError {
    return new ClosedError(`Cannot wait for watch ${this.#state.name}: it is closed`);
  }
}
