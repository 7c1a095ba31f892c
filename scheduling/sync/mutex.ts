/**
 * Mutual exclusion across awaits.
 *
 * @module
 */

import type { Future } from "../../runtime/future.ts";
import { currentTask } from "../../runtime/host.ts";
import type { Permit } from "./permit.ts";
import { AcquireWait, PermitCore } from "./permit_core.ts";
import { checkBody, Section, type SectionBody } from "./section.ts";
import { type NameOptions, titleOf } from "./title.ts";
import { limited, type WaitOptions } from "./wait_options.ts";

let coreIn: (mutex: Mutex) => PermitCore;

/**
 * A lock that one holds at a time; others wait, first come, first served.
 *
 * Between two awaits a task is alone anyway; a mutex protects what must not be seen half done across
 * an await. The task that took it releases it. Acquiring is atomic under cancellation, as in a
 * `Semaphore`.
 *
 * Not re-entrant: a generator task that waits for a lock it holds gets a `DeadlockError`, as do tasks
 * that wait for each other's locks. (An async body may be in several awaits at once, so its waits
 * are told only where nothing else can end them: by `run()` in virtual time.)
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { delay, Mutex, parallelForEach } from "@vais/runtime";
 *
 * const mutex = new Mutex({ name: "account" });
 * let balance = 0;
 * await parallelForEach([1, 2, 3], async (amount) => {
 *   using _lock = await mutex.lock();
 *   const read = balance;
 *   await delay(1);
 *   balance = read + amount;
 * });
 * assertEquals(balance, 6);
 * ```
 */
export class Mutex implements Disposable {
  readonly #core: PermitCore;

  /**
   * A mutex that nobody holds.
   *
   * @throws {TypeError} If the options are no object, or the name is no string
   */
  constructor(options?: NameOptions) {
    this.#core = new PermitCore(titleOf("mutex", options, "create Mutex"), 1, true);
  }

  static {
    coreIn = (mutex) => mutex.#core;
  }

  /** True while somebody holds it. */
  get isLocked(): boolean {
    return this.#core.used > 0;
  }

  /** Who holds it, as "worker #3"; `undefined` when nobody does. */
  get holder(): string | undefined {
    return this.#core.holders()[0];
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
   * A future of the lock. It stands in the line from its first poll on. O(1).
   *
   * @throws {TimeoutError} When `options.timeoutMs` passes first
   * @throws {ClosedError} When the mutex is closed first
   * @throws {DeadlockError} When the wait could never end: the task holds it, or a cycle of tasks does
   */
  lock(options?: WaitOptions): Future<Permit> {
    return limited(new AcquireWait(this.#core, 1), options, "lock");
  }

  /**
   * The lock, if nobody holds it or waits for it; else `undefined`.
   *
   * @throws {ClosedError} If the mutex is closed
   */
  tryLock(): Permit | undefined {
    const core = this.#core;
    core.checkOpen();
    if (!core.isFree(1)) return undefined;
    const task = currentTask();
    return core.take(1, task, core.tieOf(task, false));
  }

  /**
   * A future of what `body` answers, run while the lock is held; see `Semaphore.withPermit`.
   *
   * @throws {TypeError} If `body` is no function; else as {@linkcode lock}
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Mutex, Runtime, yieldNow } from "@vais/runtime";
   *
   * const runtime = new Runtime();
   * const mutex = new Mutex();
   * const log: string[] = [];
   * for (const name of ["a", "b"]) {
   *   runtime.spawn(function* () {
   *     yield* mutex.withLock(function* () {
   *       log.push(`${name} in`);
   *       yield* yieldNow();
   *       log.push(`${name} out`);
   *     });
   *   });
   * }
   * await runtime.run();
   * assertEquals(log, ["a in", "a out", "b in", "b out"]);
   * ```
   */
  withLock<T>(body: SectionBody<Permit, T>, options?: WaitOptions): Future<T> {
    checkBody(body, "run with a lock");
    return new Section<Permit, T>({
      name: body.name || this.#core.title,
      wait: this.lock(options),
      release: (lock) => void lock.release(),
    }, body);
  }

  /** Ends every wait by `ClosedError`, those to come too. A lock that is held may still be released. */
  close(): void {
    this.#core.close();
  }

  /** See {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** The inside of a mutex. */
export function coreOfMutex(mutex: Mutex): PermitCore {
  return coreIn(mutex);
}
