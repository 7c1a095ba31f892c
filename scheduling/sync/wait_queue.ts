/**
 * Those who wait for one thing, first come, first served: under every primitive of this folder.
 *
 * A wait is one object: the future that is awaited, and the link of the list. It is lazy: its first
 * poll takes what it wants (`start`), or joins a queue. Whoever has something for a queued wait calls
 * `grant` or `refuse`, which take it out of the queue and wake it; no code of the waiter runs there.
 *
 * Between a grant and the waiter's next poll the waiter may be cancelled, time out, or lose a race.
 * Then `giveBack` gets what was granted, so that it goes to the next one: a cancel ends either before
 * the grant is taken, and nothing was taken, or after it, and the waiter has it. A granted wait is in
 * no queue, so there is exactly one place where a value is: the primitive, the wait, or the waiter.
 *
 * Everything is O(1), but for closing and for looking at all.
 *
 * @module
 */

import { Future } from "../../runtime/future.ts";
import { context, WAKE_MAYBE, type WakeSource } from "../../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../../runtime/poll.ts";

const NEW = 0;
const QUEUED = 1;
const GRANTED = 2;
const REFUSED = 3;
const TAKEN = 4;

/**
 * One wait, and its place in a {@linkcode WaitQueue}.
 *
 * Awaited by one waiter: a second one that polls it takes it over, and the first is told by a `TypeError`.
 * A wait that was given up may be awaited again, and then stands at the end of the queue.
 */
export abstract class QueuedWait<T> extends Future<T> {
  /** Owned by the queue: where it stands. */
  queue: WaitQueue<QueuedWait<T>> | undefined = undefined;
  /** Owned by the queue. */
  prevWait: QueuedWait<T> | undefined = undefined;
  /** Owned by the queue. */
  nextWait: QueuedWait<T> | undefined = undefined;
  #phase = NEW;
  #source: WakeSource = WAKE_MAYBE;
  #waker: Waker | undefined = undefined;
  /** Whose wait was taken over. */
  #ousted: Waker | undefined = undefined;
  #result: unknown = undefined;

  /**
   * Takes at once what is waited for, or joins a queue and answers `PENDING`; may throw.
   *
   * `context.task` is who waits; when that is `waker` too, it is a task that waits for nothing else.
   */
  protected abstract start(waker: Waker): Poll<T>;

  /** The waiter was granted this, and gave up before it took it: it goes to the next one. */
  protected abstract giveBack(value: T): void;

  /** The waiter gave up, and is out of `queue`: those behind it may get what it waited for. */
  protected leftQueue(_queue: WaitQueue<QueuedWait<T>>): void {}

  /**
   * Polled after it gave its value. Most values must not be had twice, so it throws.
   *
   * @throws {TypeError}
   */
  protected pollAgain(): Poll<T> {
    throw new TypeError(
      `Cannot wait again for ${this.describe()}: its value was taken (call the method again)`,
    );
  }

  /**
   * Who can end this wait; asked at each poll that leaves it waiting.
   *
   * Host code may hold what it waits for. In virtual time it does not, so that deadlocks are told.
   */
  protected currentSource(): WakeSource {
    return context.host === undefined ? WAKE_MAYBE : context.host.bodySource;
  }

  /** Who waits: a task that is parked on nothing else is its own waker. */
  get waker(): Waker | undefined {
    return this.#waker;
  }

  /** True while it stands in a queue. */
  get isQueued(): boolean {
    return this.#phase === QUEUED;
  }

  /** True when it has an error to throw. */
  get isRefused(): boolean {
    return this.#phase === REFUSED;
  }

  /** For a wait that has its value and does not want it yet: starts once more. */
  protected startAgain(waker: Waker): Poll<T> {
    return this.#begin(waker);
  }

  /** Takes what was granted, throws what was refused, begins, or waits on. */
  poll(waker: Waker): Poll<T> {
    switch (this.#phase) {
      case NEW:
        return this.#begin(waker);
      case QUEUED:
        if (waker !== this.#waker) this.#takeOver(waker);
        this.#source = this.currentSource();
        return PENDING;
      case GRANTED: {
        const value = this.#result as T;
        this.#end();
        return value;
      }
      case REFUSED: {
        const error = this.#result;
        this.#end();
        throw error;
      }
      default:
        return this.pollAgain();
    }
  }

  /** Another one waits from now on; who did before is woken, to hear of it. */
  #takeOver(waker: Waker): void {
    if (waker === this.#ousted) throw ousted(this);
    this.#ousted = this.#waker;
    this.#waker = waker;
    this.#ousted?.wake();
  }

  #begin(waker: Waker): Poll<T> {
    const value = this.start(waker);
    if (value !== PENDING) {
      this.#phase = TAKEN;
      return value;
    }
    // Granted while it joined the queue, it is not pending at all.
    if (this.#phase !== QUEUED) return this.poll(waker);
    this.#waker = waker;
    this.#source = this.currentSource();
    return PENDING;
  }

  #end(): void {
    this.#phase = TAKEN;
    this.#waker = this.#ousted = undefined;
    this.#result = undefined;
  }

  /** Gives a queued wait its value, and wakes it. */
  grant(value: T): void {
    this.#settle(GRANTED, value);
  }

  /** Ends a queued wait by an error, and wakes it. */
  refuse(error: unknown): void {
    this.#settle(REFUSED, error);
  }

  #settle(phase: number, result: unknown): void {
    if (this.#phase !== QUEUED) throw new TypeError(`${this.describe()} is not queued`);
    this.queue!.remove(this);
    this.#phase = phase;
    this.#result = result;
    this.#waker?.wake();
  }

  /** Called by the queue it joins. */
  joined(queue: WaitQueue<QueuedWait<T>>): void {
    this.queue = queue;
    this.#phase = QUEUED;
  }

  /** Gives up: leaves the queue, or gives back what was granted. */
  override cancel(_reason: unknown): void {
    const phase = this.#phase;
    if (phase === NEW || phase === TAKEN) return;
    const result = this.#result;
    this.#phase = NEW;
    this.#waker = this.#ousted = undefined;
    this.#result = undefined;
    if (phase === QUEUED) {
      const queue = this.queue!;
      queue.remove(this);
      this.leftQueue(queue);
    } else if (phase === GRANTED) this.giveBack(result as T);
  }

  /** See {@linkcode cancel}; a waiter that was replaced by another has nothing to give up. */
  override abandon(waker: Waker, reason: unknown): boolean {
    if (waker === this.#waker) this.cancel(reason);
    return true;
  }

  /**
   * Ends the wait for a limit: a time that passed, a signal that aborted.
   *
   * Answers true when it ended at once; else it must be polled on until it throws `error` itself.
   */
  endBy(waker: Waker, error: unknown): boolean {
    return this.abandon(waker, error);
  }

  /** See {@linkcode currentSource}: as of the last poll. */
  override get source(): WakeSource {
    return this.#source;
  }
}

/** What the first of two waiters for one future is told. */
export function ousted(future: Future<unknown>): TypeError {
  return new TypeError(
    `Cannot go on waiting for ${future.describe()}: somebody else awaits the same future ` +
      `(call the method once for each wait)`,
  );
}

/** Waits in the order they came. */
export class WaitQueue<W extends QueuedWait<unknown>> {
  #first: W | undefined = undefined;
  #last: W | undefined = undefined;
  #size = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Who came first; `undefined` when nobody waits. The one behind it is its `nextWait`. */
  get first(): W | undefined {
    return this.#first;
  }

  /** Appends a wait that is in no queue. */
  push(wait: W): void {
    const last = this.#last;
    wait.prevWait = last;
    if (last === undefined) this.#first = wait;
    else last.nextWait = wait;
    this.#last = wait;
    this.#size++;
    wait.joined(this as unknown as WaitQueue<QueuedWait<unknown>>);
  }

  /** Puts a wait that is in no queue before all others. */
  pushFirst(wait: W): void {
    const first = this.#first;
    wait.nextWait = first;
    if (first === undefined) this.#last = wait;
    else first.prevWait = wait;
    this.#first = wait;
    this.#size++;
    wait.joined(this as unknown as WaitQueue<QueuedWait<unknown>>);
  }

  /** Unlinks a wait of this queue; `grant`, `refuse` and `cancel` of the wait do so by themselves. */
  remove(wait: W): void {
    const prev = wait.prevWait as W | undefined;
    const next = wait.nextWait as W | undefined;
    if (prev === undefined) this.#first = next;
    else prev.nextWait = next;
    if (next === undefined) this.#last = prev;
    else next.prevWait = prev;
    wait.queue = wait.prevWait = wait.nextWait = undefined;
    this.#size--;
  }

  /** Ends every wait that stands here now by the same error. */
  refuseAll(error: unknown): void {
    for (let left = this.#size; left > 0; left--) this.#first!.refuse(error);
  }

  /** Those who wait, in order; the one at hand may leave meanwhile. */
  *[Symbol.iterator](): Generator<W> {
    for (let wait = this.#first; wait !== undefined;) {
      const next = wait.nextWait as W | undefined;
      yield wait;
      wait = next;
    }
  }
}
