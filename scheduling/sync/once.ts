/**
 * Doing something once.
 *
 * @module
 */

import { isGeneratorFunction } from "../../runtime/bodies.ts";
import type { Future } from "../../runtime/future.ts";
import { OnceCell } from "./once_cell.ts";
import { checkBody, whenMade } from "./section.ts";
import { type NameOptions, titleOf } from "./title.ts";
import type { WaitOptions } from "./wait_options.ts";

/**
 * Runs a body at most once with success; those who come meanwhile wait for its end.
 *
 * When it fails, its caller gets the error, and the next who waits runs its own; the same when it is
 * cancelled. For a value, use `OnceCell`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Once } from "@vais/runtime";
 *
 * const migration = new Once();
 * let runs = 0;
 * const migrate = () => migration.run(() => void runs++);
 * await migrate();
 * await migrate();
 * assertEquals([runs, migration.isDone], [1, true]);
 * ```
 */
export class Once {
  readonly #cell: OnceCell<void>;

  /**
   * Nothing is done yet.
   *
   * @throws {TypeError} If the options are no object, or the name is no string
   */
  constructor(options?: NameOptions) {
    const name = titleOf("", options, "create Once").trim();
    this.#cell = new OnceCell<void>({ name });
  }

  /** True when it was done. */
  get isDone(): boolean {
    return this.#cell.isSet;
  }

  /** How many wait for somebody who does it. */
  get waiting(): number {
    return this.#cell.waiting;
  }

  /**
   * A future that is ready when it is done; by `body`, if nobody did it or does it already.
   *
   * @throws What `body` throws, if it is this one that runs; else as `OnceCell.getOrInit`
   */
  run(
    body: () => Generator<unknown, unknown> | PromiseLike<unknown> | unknown,
    options?: WaitOptions,
  ): Future<void> {
    checkBody(body, "run once");
    return this.#cell.getOrInit(
      isGeneratorFunction(body)
        ? function* () {
          yield* body() as Generator<unknown, unknown>;
        }
        : () => whenMade(body(), () => {}),
      options,
    );
  }
}
