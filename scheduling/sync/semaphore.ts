/**
 * Semaphores: so many at once, and no more.
 *
 * @module
 */

import { checkInteger } from "../../runtime/clock.ts";
import type { Future } from "../../runtime/future.ts";
import { currentTask } from "../../runtime/host.ts";
import type { Permit } from "./permit.ts";
import { AcquireWait, PermitCore } from "./permit_core.ts";
import { checkBody, Section, type SectionBody } from "./section.ts";
import { type NameOptions, titleOf } from "./title.ts";
import { limited, type WaitOptions } from "./wait_options.ts";

/** The options of an acquire that may be for several permits. */
export interface AcquireOptions extends WaitOptions {
  /** How many permits. Default 1. */
  readonly weight?: number;
}

/**
 * Permits for so many at once; others wait, first come, first served.
 *
 * Fair by weight too: who wants many is not overtaken by those who want few. Acquiring is atomic
 * under cancellation: whoever is cancelled, times out or loses a race has taken nothing, and what it
 * was granted goes to the next. A permit may be handed on, and released by anybody.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parallelForEach, Semaphore } from "@vais/runtime";
 *
 * const semaphore = new Semaphore(2, { name: "db" });
 * let running = 0, most = 0;
 * await parallelForEach([1, 2, 3, 4, 5], async (_item, _i, task) => {
 *   using _permit = await semaphore.acquire();
 *   most = Math.max(most, ++running);
 *   await task.sleep(1);
 *   running--;
 * });
 * assertEquals([most, semaphore.available], [2, 2]);
 * ```
 */
export class Semaphore implements Disposable {
  readonly #core: PermitCore;
  /** The most permits there ever were: a wait for more would be a mistake. */
  #most: number;

  /**
   * A semaphore with `permits` permits; with 0, everybody waits until it is resized.
   *
   * @throws {TypeError | RangeError} If `permits` is no whole number, 0 or more; if the name is no string
   */
  constructor(permits: number, options?: NameOptions) {
    const action = "create Semaphore";
    checkInteger(permits, 0, action, "permits");
    this.#core = new PermitCore(titleOf("semaphore", options, action), permits, false);
    this.#most = Math.max(1, permits);
  }

  /** Permits there are, free or not. */
  get capacity(): number {
    return this.#core.capacity;
  }

  /** Permits that are free; 0 also while more are out than there are since a resize. */
  get available(): number {
    return Math.max(0, this.#core.capacity - this.#core.used);
  }

  /** How many wait. */
  get waiting(): number {
    return this.#core.queue.size;
  }

  /** True after {@linkcode close}. */
  get isClosed(): boolean {
    return this.#core.isClosed;
  }

  /**
   * A future of a permit. It stands in the line from its first poll on. O(1).
   *
   * @param weight How many permits it is for
   * @throws {RangeError} If `weight` is no whole number, 1 or more, or more than there ever were
   * @throws {TimeoutError} When `options.timeoutMs` passes first
   * @throws {ClosedError} When the semaphore is closed first
   */
  acquire(weight = 1, options?: WaitOptions): Future<Permit> {
    this.#check(weight);
    return limited(new AcquireWait(this.#core, weight), options, "acquire");
  }

  /**
   * A permit, if it is free and nobody waits before us; else `undefined`.
   *
   * @throws {RangeError} As {@linkcode acquire}
   * @throws {ClosedError} If the semaphore is closed
   */
  tryAcquire(weight = 1): Permit | undefined {
    this.#check(weight);
    const core = this.#core;
    core.checkOpen();
    if (!core.isFree(weight)) return undefined;
    const task = currentTask();
    return core.take(weight, task, core.tieOf(task, false));
  }

  #check(weight: number): void {
    if (weight === 1) return;
    checkInteger(weight, 1, "acquire", "weight");
    if (weight > this.#most) {
      throw new RangeError(
        `Cannot acquire: weight is ${weight} (${this.#core.title} has ${this.#core.capacity} permits; resize it first)`,
      );
    }
  }

  /**
   * A future of what `body` answers, run while a permit is held. The body begins when it is polled.
   *
   * Cancelled inside, the body's cleanup is over before the permit is released. In a generator task a
   * generator function is a part of that task; any other body costs a scope. (A `function*` written
   * anew for each call costs the engine a microsecond: where that counts, write it once.)
   *
   * @throws {TypeError} If `body` is no function; else as {@linkcode acquire}
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Semaphore } from "@vais/runtime";
   *
   * const semaphore = new Semaphore(1);
   * assertEquals(await semaphore.withPermit(async () => await Promise.resolve(7)), 7);
   * ```
   */
  withPermit<T>(body: SectionBody<Permit, T>, options?: AcquireOptions): Future<T> {
    checkBody(body, "run with a permit");
    return new Section<Permit, T>({
      name: body.name || this.#core.title,
      wait: this.acquire(options?.weight, options),
      release: (permit) => void permit.release(),
    }, body);
  }

  /**
   * Changes how many permits there are. With more, those who wait are let in; with fewer, permits
   * that are out stay out, and those who want more than there are wait until it grows again.
   *
   * @throws {TypeError | RangeError} If `permits` is no whole number, 0 or more
   */
  resize(permits: number): void {
    this.#core.capacity = checkInteger(permits, 0, "resize Semaphore", "permits");
    this.#most = Math.max(this.#most, permits);
    this.#core.serve();
  }

  /** Ends every wait by `ClosedError`, those to come too. Permits that are out may still be released. */
  close(): void {
    this.#core.close();
  }

  /** See {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
