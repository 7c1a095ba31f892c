/**
 * Waiting, inside a lock, for something to become true.
 *
 * @module
 */

import { checkInteger, typeOf } from "../../runtime/clock.ts";
import { AwaitNode } from "../../runtime/await_node.ts";
import { ClosedError, TimeoutError } from "../../runtime/errors.ts";
import type { Future } from "../../runtime/future.ts";
import { context, WAKE_MAYBE, type WakeSource } from "../../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../../runtime/poll.ts";
import { Task } from "../../runtime/task.ts";
import { coreOfMutex, Mutex } from "./mutex.ts";
import type { Permit } from "./permit.ts";
import { AcquireWait, Hold, type PermitCore } from "./permit_core.ts";
import { type NameOptions, titleOf } from "./title.ts";
import { limited, type WaitOptions } from "./wait_options.ts";
import { WaitQueue } from "./wait_queue.ts";

/**
 * A condition of what a {@linkcode Mutex} protects.
 *
 * `wait` gives the lock up, waits for a notification, and takes the lock again: all at once, so that
 * whoever changes the state under the lock and notifies cannot be missed. A notification that reached
 * a waiter which was cancelled, or timed out, goes to the next. Notifying costs no lock.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Condition, delay, Mutex, scope } from "@vais/runtime";
 *
 * const mutex = new Mutex();
 * const notEmpty = new Condition(mutex);
 * const jobs: string[] = [];
 * const taken = await scope(async (s) => {
 *   const worker = s.spawn(async () => {
 *     using lock = await mutex.lock();
 *     await notEmpty.waitUntil(() => jobs.length > 0, lock);
 *     return jobs.shift();
 *   });
 *   await delay(1);
 *   await mutex.withLock(() => {
 *     jobs.push("job");
 *     notEmpty.notifyOne();
 *   });
 *   return await worker;
 * });
 * assertEquals(taken, "job");
 * ```
 */
export class Condition implements Disposable {
  readonly #core: PermitCore;
  readonly #title: string;
  readonly #queue: WaitQueue<ConditionWait> = new WaitQueue();
  #closed = false;
  readonly #line: Line;

  /**
   * A condition of what `mutex` protects; a mutex may have several.
   *
   * @throws {TypeError} If `mutex` is no Mutex, the options no object, or the name no string
   */
  constructor(mutex: Mutex, options?: NameOptions) {
    const action = "create Condition";
    if (!(mutex instanceof Mutex)) {
      throw new TypeError(`Cannot ${action}: mutex is ${typeOf(mutex)} (must be a Mutex)`);
    }
    this.#title = titleOf("condition", options, action);
    this.#core = coreOfMutex(mutex);
    this.#line = {
      title: this.#title,
      queue: this.#queue,
      checkOpen: () => {
        if (this.#closed) throw this.#closedError();
      },
      passOn: () => void this.notifyOne(),
    };
  }

  /** How many wait for a notification. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** True after {@linkcode close}. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /**
   * A future that is ready, with the lock held again, after a notification. Check the state in a
   * loop: others may have held the lock in between; {@linkcode waitUntil} does so.
   *
   * When it throws (`Cancelled`, `TimeoutError`, the reason of a signal) it has first taken the lock
   * again, as long as that takes, so that cleanup runs under the lock. As the loser of a
   * `Future.race`, or under a limit put around it from outside, it has not: `permit.isReleased`. One
   * that had ended in a `Future.all` which then failed, or was cancelled, has the lock, as after any
   * end; its notification goes to the next.
   *
   * @param permit The lock, held; it is given up meanwhile, and the same one is held again
   * @throws {TypeError} If `permit` is no lock of the mutex, or was released
   * @throws {ClosedError} When the condition or the mutex is closed; the lock is not held then
   */
  wait(permit: Permit, options?: WaitOptions): Future<Permit> {
    return this.#wait(permit, undefined, options);
  }

  /**
   * A future that is ready, with the lock held, when `isTrue()` is: looked at first, and after each
   * notification. Otherwise as {@linkcode wait}; what `isTrue` throws is thrown, with the lock held.
   *
   * @throws {TypeError} If `isTrue` is no function; else as {@linkcode wait}
   */
  waitUntil(isTrue: () => boolean, permit: Permit, options?: WaitOptions): Future<Permit> {
    if (typeof isTrue !== "function") {
      throw new TypeError(
        `Cannot wait for ${this.#title}: isTrue is ${typeOf(isTrue)} (must be a function)`,
      );
    }
    return this.#wait(permit, isTrue, options);
  }

  #wait(permit: Permit, isTrue: (() => boolean) | undefined, options?: WaitOptions) {
    const action = `wait for ${this.#title}`;
    if (!(permit instanceof Hold) || permit.core !== this.#core) {
      const what = permit instanceof Hold ? `one of ${permit.core.title}` : typeOf(permit);
      throw new TypeError(
        `Cannot ${action}: permit is ${what} (must be a lock of its ${this.#core.title})`,
      );
    }
    if (permit.isReleased) {
      throw new TypeError(`Cannot ${action}: permit was released (must be held)`);
    }
    return limited(new ConditionWait(this.#core, this.#line, permit, isTrue), options, action);
  }

  /**
   * Notifies who has waited longest; with nobody there, nothing is kept. Hold the lock while the
   * state is changed; notify then or after.
   *
   * @returns Whether somebody waited
   */
  notifyOne(): boolean {
    return this.notify(1) === 1;
  }

  /**
   * Notifies up to `count`, longest wait first.
   *
   * @returns How many
   * @throws {TypeError | RangeError} If `count` is no whole number, 0 or more
   */
  notify(count: number): number {
    checkInteger(count, 0, "notify", "count");
    let notified = 0;
    while (notified < count && this.#queue.first !== undefined) {
      this.#queue.first.notified(true);
      notified++;
    }
    return notified;
  }

  /**
   * Notifies all who wait now.
   *
   * @returns How many
   */
  notifyAll(): number {
    const all = this.#queue.size;
    while (this.#queue.first !== undefined) this.#queue.first.notified(false);
    return all;
  }

  #closedError(): ClosedError {
    return new ClosedError(`Cannot wait for ${this.#title}: it is closed`);
  }

  /** Ends every wait by `ClosedError`, without the lock, those to come too. The mutex goes on. */
  close(): void {
    this.#closed = true;
    this.#core.lines.delete(this.#queue);
    this.#queue.refuseAll(this.#closedError());
  }

  /** See {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** The condition as its waits see it. */
interface Line {
  readonly title: string;
  readonly queue: WaitQueue<ConditionWait>;
  checkOpen(): void;
  /** A notification was taken by a waiter that gives up. */
  passOn(): void;
}

/** Waits twice: in the line of the condition, then in that of the mutex. */
class ConditionWait extends AcquireWait {
  readonly #line: Line;
  readonly #hold: Hold;
  readonly #isTrue: (() => boolean) | undefined;
  /** It was notified alone, and that may go to the next if it gives up. */
  #owesNotification = false;
  /** `isTrue` was just looked at, by `start` or by `poll`. */
  #looked = false;
  /** It gave up, and throws this once it has the lock. */
  #end: { readonly error: unknown } | undefined = undefined;

  constructor(core: PermitCore, line: Line, hold: Hold, isTrue: (() => boolean) | undefined) {
    super(core, 1);
    this.#line = line;
    this.#hold = hold;
    this.#isTrue = isTrue;
  }

  protected override start(waker: Waker): Poll<Permit> {
    this.#line.checkOpen();
    if (this.#hold.isReleased) {
      throw new TypeError(`Cannot wait for ${this.#line.title}: permit was released`);
    }
    this.#end = undefined;
    this.#owesNotification = false;
    this.meet(waker);
    if (!this.#looked && this.#isTrue?.()) {
      this.#looked = true;
      return this.#hold;
    }
    this.#looked = false;
    this.#line.queue.push(this);
    this.core.lines.add(this.#line.queue);
    this.#hold.lend();
    return PENDING;
  }

  override poll(waker: Waker): Poll<Permit> {
    const value = super.poll(waker);
    if (value === PENDING) return PENDING;
    if (this.#end !== undefined) throw this.#end.error;
    if (this.#looked || this.#isTrue === undefined || this.#isTrue()) {
      this.#looked = false;
      return value;
    }
    this.#looked = true;
    return this.startAgain(waker);
  }

  /** Goes over to the line of the mutex. */
  notified(alone: boolean): void {
    this.#owesNotification = alone;
    this.#lockAgain();
  }

  #lockAgain(): void {
    const { core } = this;
    this.#line.queue.remove(this);
    this.#leaveLine();
    this.join();
    if (core.isClosed) this.refuse(core.closedError());
    else core.serve();
  }

  #leaveLine(): void {
    if (this.#line.queue.size === 0) this.core.lines.delete(this.#line.queue);
  }

  override admit(): void {
    this.core.count(this.tie, -1);
    this.#hold.restore();
    this.grant(this.#hold);
  }

  get #isStandingBy(): boolean {
    return this.isQueued && this.queue as unknown === this.#line.queue;
  }

  /** Takes the lock before it throws, if the waiter will ask for it. */
  override abandon(waker: Waker, reason: unknown): boolean {
    const asks = waker instanceof Task || waker instanceof AwaitNode;
    if (asks && !(reason instanceof TimeoutError)) return this.endBy(waker, reason);
    return super.abandon(waker, reason);
  }

  override endBy(waker: Waker, error: unknown): boolean {
    if (waker !== this.waker || this.isRefused) return super.abandon(waker, error);
    this.#end ??= { error };
    this.#passOn();
    if (this.#isStandingBy) this.#lockAgain();
    return false;
  }

  #passOn(): void {
    if (!this.#owesNotification) return;
    this.#owesNotification = false;
    this.#line.passOn();
  }

  /** Given up for good: the lock is not taken again. */
  protected override leftQueue(queue: unknown = undefined): void {
    this.#hold.release();
    if (queue === this.#line.queue) this.#leaveLine();
    else super.leftQueue();
    this.#passOn();
  }

  protected override giveBack(): void {
    this.#hold.release();
    this.#passOn();
  }

  /** It has ended, and the lock is held by the waiter's own permit: only the notification goes on. */
  override putBack(): void {
    this.#passOn();
  }

  override timeout(ms: number): Future<Permit> {
    return limited(this, { timeoutMs: ms }, "set timeout");
  }

  protected override currentSource(): WakeSource {
    if (!this.#isStandingBy) return super.currentSource();
    return context.host?.bodySource ?? WAKE_MAYBE;
  }

  override get isLockWait(): boolean {
    return this.isQueued && !this.#isStandingBy;
  }

  override describe(): string {
    return this.#isStandingBy ? this.#line.title : super.describe();
  }
}
