/**
 * A value that is made once, by whoever needs it first.
 *
 * @module
 */

import { isGeneratorFunction } from "../../runtime/bodies.ts";
import { DeadlockError } from "../../runtime/errors.ts";
import { Future } from "../../runtime/future.ts";
import { context } from "../../runtime/host.ts";
import { PENDING } from "../../runtime/poll.ts";
import { OwnedWait, type WaitOwner } from "./owned_wait.ts";
import { checkBody, Section, whenMade } from "./section.ts";
import { type NameOptions, titleOf } from "./title.ts";
import { limited, type WaitOptions } from "./wait_options.ts";
import { WaitQueue } from "./wait_queue.ts";

/** What makes a value: a function, async function or generator function. */
export type Initializer<T> = () => Generator<unknown, T> | PromiseLike<T> | T;

/** What a wait for a cell is granted: the value, or nothing, and the turn to make it. */
type Turn<T> = { readonly value: T } | undefined;

/**
 * A value that is made at most once, however many ask for it at once.
 *
 * Only one initializer runs at a time; the others wait for its value. When it fails, its caller gets
 * the error, and the next who waits runs its own; the same when it is cancelled.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { all, OnceCell } from "@vais/runtime";
 *
 * let made = 0;
 * const config = new OnceCell<string>();
 * const load = () => config.getOrInit(async () => {
 *   made++;
 *   return await Promise.resolve("loaded");
 * });
 * assertEquals(await all([load, load, load]), ["loaded", "loaded", "loaded"]);
 * assertEquals([made, config.get()], [1, "loaded"]);
 * ```
 */
export class OnceCell<T> {
  readonly #queue: WaitQueue<OwnedWait<Turn<T>>> = new WaitQueue();
  readonly #owner: WaitOwner<Turn<T>>;
  readonly #title: string;
  #value: { readonly value: T } | undefined = undefined;
  #isBusy = false;
  /** Whose body the initializer is a part of: a wait of that task would be for itself. */
  #initializer: object | undefined = undefined;

  /**
   * An empty cell.
   *
   * @throws {TypeError} If the options are no object, or the name is no string
   */
  constructor(options?: NameOptions) {
    const title = this.#title = titleOf("once cell", options, "create OnceCell");
    this.#owner = {
      begin: (wait, waker) => {
        if (this.#value !== undefined) return this.#value;
        const { task } = context;
        const direct = task !== undefined && task === waker as unknown ? task : undefined;
        if (!this.#isBusy) {
          this.#isBusy = true;
          this.#initializer = direct;
          return undefined;
        }
        if (direct !== undefined && direct === this.#initializer) {
          throw new DeadlockError(
            `Cannot wait for ${title}: its initializer, in ${direct.name} #${direct.id}, waits for it`,
          );
        }
        this.#queue.push(wait);
        return PENDING;
      },
      giveBack: (turn) => void (turn === undefined && this.#next()),
      describe: () => `${title} (being made)`,
    };
  }

  /** The value, or `undefined` when there is none yet. */
  get(): T | undefined {
    return this.#value?.value;
  }

  /** True when there is a value. */
  get isSet(): boolean {
    return this.#value !== undefined;
  }

  /** How many wait for a value that is being made. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Gives it a value.
   *
   * @returns False when it has one, or one is being made
   */
  set(value: T): boolean {
    if (this.#value !== undefined || this.#isBusy) return false;
    this.#value = { value };
    return true;
  }

  /**
   * A future of the value; made by `init` if it is needed and nobody makes it already. The limits of
   * `options` are for the wait, not for `init`.
   *
   * @throws What `init` throws, if it is this one that runs
   * @throws {TypeError} If `init` is no function
   * @throws {TimeoutError} When `options.timeoutMs` passes while somebody else makes it
   */
  getOrInit(init: Initializer<T>, options?: WaitOptions): Future<T> {
    checkBody(init, "initialize");
    const wait = limited(new OwnedWait(this.#owner), options, "initialize");
    if (this.#value !== undefined) return Future.ready(this.#value.value);
    const fill = (value: T): T => this.#fill(value);
    return new Section<Turn<T>, T>(
      {
        name: init.name || this.#title,
        wait,
        shortcut: (turn) => turn,
        release: () => this.#next(),
      },
      isGeneratorFunction(init)
        ? function* () {
          return fill(yield* init() as Generator<unknown, T>);
        }
        : () => whenMade(init(), fill),
    );
  }

  #fill(value: T): T {
    this.#value = { value };
    return value;
  }

  /** The initializer has ended: all get the value, or the next one its turn. */
  #next(): void {
    this.#isBusy = false;
    this.#initializer = undefined;
    const value = this.#value;
    for (let left = this.#queue.size; left > 0; left--) {
      this.#queue.first!.grant(value);
      if (value !== undefined) continue;
      this.#isBusy = true;
      return;
    }
  }
}
