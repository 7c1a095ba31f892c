/**
 * The state of a channel, and the waits at its two ends.
 *
 * Nobody is handed a value: who waits is only given a claim, and takes or puts the value when it is
 * polled. A claim that is given up costs nothing and reorders nothing, so a cancel loses no value and
 * sends none twice. `claimed` counts the receivers that have a claim to a value of the buffer, `granted`
 * the senders that have a claim to room in it. While receivers wait, each asks for one value beyond
 * the capacity; of capacity 0 this is all the room there is, and that is a rendezvous.
 *
 * Invariants: receivers wait only if every value in the buffer is claimed; senders wait only if there
 * is no room. After either end moved, `#serve` makes both true again.
 *
 * @module
 */

import { ClosedError } from "../../runtime/errors.ts";
import { PENDING, type Poll, type Waker } from "../../runtime/poll.ts";
import { QueuedWait, WaitQueue } from "../sync/wait_queue.ts";
import { Ring } from "./ring.ts";

/** What a full channel does with one more value. */
export type Overflow = "wait" | "drop-newest" | "drop-oldest";

/** What a wait is granted: not the value, but its turn. */
const TURN: unique symbol = Symbol("TURN");

/** Buffer, queues and claims of one channel. */
export class ChannelCore<T> {
  readonly name: string;
  readonly capacity: number;
  readonly overflow: Overflow;
  readonly buffer: Ring<T> = new Ring<T>();
  readonly senders: WaitQueue<QueuedWait<unknown>> = new WaitQueue();
  readonly receivers: WaitQueue<QueuedWait<unknown>> = new WaitQueue();
  /** How it was closed; `undefined` while it is open. */
  closed: { readonly error: unknown; readonly failed: boolean } | undefined = undefined;
  /** Values that the overflow policy dropped. */
  dropped = 0;
  #claimed = 0;
  #onLeft: ((value: T) => void) | undefined = undefined;
  #granted = 0;

  constructor(name: string, capacity: number, overflow: Overflow) {
    this.name = name;
    this.capacity = capacity;
    this.overflow = overflow;
  }

  /** Values that no receiver has a claim to. */
  get unclaimed(): number {
    return this.buffer.size - this.#claimed;
  }

  /** True once nothing will ever be received any more; a value that is claimed may yet come back. */
  get isDrained(): boolean {
    return this.closed !== undefined && this.buffer.size === 0;
  }

  #room(): number {
    return this.capacity + this.receivers.size - this.unclaimed - this.#granted;
  }

  /** Puts the value in; false when there is no room and the policy is to wait. */
  put(value: T): boolean {
    if (this.#room() <= 0) {
      if (this.overflow === "wait") return false;
      this.dropped++;
      if (this.overflow === "drop-newest") return true;
      this.buffer.drop(this.#claimed); // the oldest that nobody is about to take
    }
    this.buffer.push(value);
    this.#serve();
    return true;
  }

  /** A sender that was granted room puts its value in. */
  putGranted(value: T): void {
    this.#granted--;
    // The receiver that asked for it may be gone: then the value waits for the next one.
    this.buffer.push(value);
    this.#serve();
  }

  /** A sender that was granted room does not need it. */
  returnRoom(): void {
    this.#granted--;
    this.#serve();
  }

  /** Takes the oldest value; `PENDING` when none is free. */
  take(): Poll<T> {
    if (this.unclaimed <= 0) return PENDING;
    const value = this.buffer.shift();
    this.#serve();
    return value;
  }

  /** Takes the oldest value, or lets `wait` queue for one; throws once there will be none. */
  receiveOrWait(wait: QueuedWait<unknown>): Poll<T> {
    const value = this.take();
    if (value !== PENDING) return value;
    if (this.isDrained) throw this.closedError("receive from");
    this.receivers.push(wait);
    this.#serve(); // it is one more who asks: a sender may come in
    return PENDING;
  }

  /** A receiver that has a claim takes its value. */
  takeClaimed(): T {
    this.#claimed--;
    const value = this.buffer.shift();
    this.#serve();
    return value;
  }

  /** A receiver that has a claim does not need it. */
  returnClaim(): void {
    this.#claimed--;
    this.#serve();
  }

  /** A value that was taken, and is not wanted, is the oldest again; also in a channel that is full or closed. */
  putBack(value: T): void {
    this.buffer.unshift(value);
    this.#serve();
  }

  /** Claims for receivers while there are values, room for senders while there is some. */
  #serve(): void {
    const { receivers, senders } = this;
    while (receivers.size > 0 && this.unclaimed > 0) {
      this.#claimed++;
      receivers.first!.grant(TURN);
    }
    while (senders.size > 0 && this.#room() > 0) {
      this.#granted++;
      senders.first!.grant(TURN);
    }
    if (this.#onLeft !== undefined) this.#drop(this.#onLeft);
    if (this.isDrained) this.#refuse(receivers, "receive from");
  }

  /** Closes it for good: `onLeft` gets every value that nobody takes, also one that comes back later. */
  dispose(onLeft: (value: T) => void): void {
    this.close(undefined, false);
    this.#onLeft = onLeft;
    this.#drop(onLeft);
  }

  #drop(onLeft: (value: T) => void): void {
    while (this.unclaimed > 0) {
      const value = this.buffer.at(this.#claimed);
      this.buffer.drop(this.#claimed);
      onLeft(value);
    }
  }

  /** No more values; those in the buffer can still be received. */
  close(error: unknown, failed: boolean): void {
    if (this.closed !== undefined) return;
    this.closed = { error, failed };
    this.#refuse(this.senders, "send to");
    this.#serve();
  }

  #refuse(queue: WaitQueue<QueuedWait<unknown>>, action: string): void {
    while (queue.size > 0) queue.first!.refuse(this.closedError(action));
  }

  /** What is thrown at somebody who wants to `action` a closed channel; one error for each. */
  closedError(action: string): unknown {
    const { error, failed } = this.closed!;
    if (failed && action !== "send to") return error;
    const closed = new ClosedError(
      `Cannot ${action} channel ${this.name}: it is closed` +
        (action === "send to" ? " (send before close)" : " and all its values were received"),
    );
    if (failed) closed.cause = error;
    return closed;
  }

  /** For dumps. */
  describe(action: string): string {
    const { name, buffer, capacity } = this;
    return `${action} on channel ${name} (${buffer.size} of ${capacity})`;
  }
}

/** A `send`; its value enters the channel at the poll that ends it. */
export class SendWait<T> extends QueuedWait<void> {
  readonly #core: ChannelCore<T>;
  readonly #value: T;

  constructor(core: ChannelCore<T>, value: T) {
    super();
    this.#core = core;
    this.#value = value;
  }

  protected override start(): Poll<void> {
    const core = this.#core;
    if (core.closed !== undefined) throw core.closedError("send to");
    if (core.put(this.#value)) return undefined;
    core.senders.push(this);
    return PENDING;
  }

  override poll(waker: Waker): Poll<void> {
    const answer: unknown = super.poll(waker);
    if (answer !== TURN) return answer as Poll<void>;
    const core = this.#core;
    if (core.closed !== undefined) {
      core.returnRoom();
      throw core.closedError("send to");
    }
    core.putGranted(this.#value);
    return undefined;
  }

  protected override giveBack(): void {
    this.#core.returnRoom();
  }

  override describe(): string {
    return this.#core.describe("send");
  }
}

/** A `receive`; it takes the oldest value at the poll that ends it. */
export class ReceiveWait<T> extends QueuedWait<T> {
  readonly #core: ChannelCore<T>;

  constructor(core: ChannelCore<T>) {
    super();
    this.#core = core;
  }

  protected override start(): Poll<T> {
    return this.#core.receiveOrWait(this);
  }

  override poll(waker: Waker): Poll<T> {
    const answer: unknown = super.poll(waker);
    return answer === TURN ? this.#core.takeClaimed() : answer as Poll<T>;
  }

  protected override giveBack(): void {
    this.#core.returnClaim();
  }

  override putBack(value: T): void {
    this.#core.putBack(value);
  }

  override describe(): string {
    return this.#core.describe("receive");
  }
}

/** A `next`: a `receive` that a plain close ends like the end of a list. */
export class NextWait<T> extends QueuedWait<IteratorResult<T, undefined>> {
  readonly #core: ChannelCore<T>;

  constructor(core: ChannelCore<T>) {
    super();
    this.#core = core;
  }

  protected override start(): Poll<IteratorResult<T, undefined>> {
    const core = this.#core;
    if (core.isDrained && !core.closed!.failed) return { done: true, value: undefined };
    const value = core.receiveOrWait(this);
    return value === PENDING ? PENDING : { done: false, value: value as T };
  }

  override poll(waker: Waker): Poll<IteratorResult<T, undefined>> {
    const answer: unknown = super.poll(waker);
    if (answer === TURN) return { done: false, value: this.#core.takeClaimed() };
    return answer as Poll<IteratorResult<T, undefined>>;
  }

  /** Refused because the channel was closed, it has come to the end. */
  override refuse(error: unknown): void {
    if (this.#core.closed!.failed) super.refuse(error);
    else this.grant({ done: true, value: undefined });
  }

  protected override giveBack(value: unknown): void {
    if (value === TURN) this.#core.returnClaim();
  }

  override putBack(next: IteratorResult<T, undefined>): void {
    if (next.done !== true) this.#core.putBack(next.value);
  }

  override describe(): string {
    return this.#core.describe("next");
  }
}
