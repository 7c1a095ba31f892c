/**
 * The wait of a small primitive: everything it does, its owner does.
 *
 * @module
 */

import { ClosedError } from "../../runtime/errors.ts";
import type { Poll, Waker } from "../../runtime/poll.ts";
import { QueuedWait, WaitQueue } from "./wait_queue.ts";

/** A primitive as its waits see it. */
export interface WaitOwner<T> {
  /** Answers the value at once, or queues the wait and answers `PENDING`; may throw. */
  begin(wait: OwnedWait<T>, waker: Waker): Poll<T>;
  /** A wait gave up a value it was granted. */
  giveBack?(value: T, wait: OwnedWait<T>): void;
  /** What is waited for, for dumps. */
  describe(): string;
  /** The value is nothing that is used up: a wait may be awaited twice. */
  readonly isRepeatable?: boolean;
}

/** A wait for its owner. */
export class OwnedWait<T> extends QueuedWait<T> {
  readonly #owner: WaitOwner<T>;
  /** Owned by the owner. */
  isMarked = false;

  constructor(owner: WaitOwner<T>) {
    super();
    this.#owner = owner;
  }

  protected start(waker: Waker): Poll<T> {
    return this.#owner.begin(this, waker);
  }

  protected giveBack(value: T): void {
    this.#owner.giveBack?.(value, this);
  }

  override putBack(value: T): void {
    this.giveBack(value);
  }

  protected override pollAgain(): Poll<T> {
    return this.#owner.isRepeatable === true ? undefined as T : super.pollAgain();
  }

  override describe(): string {
    return this.#owner.describe();
  }
}

/** A queue that can be closed. */
export class ClosableQueue<T> extends WaitQueue<OwnedWait<T>> {
  readonly #title: string;
  #closed = false;

  /** `title` is what is waited for, for the error. */
  constructor(title: string) {
    super();
    this.#title = title;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Ends every wait by `ClosedError`, those to come too. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.refuseAll(this.#error());
  }

  checkOpen(): void {
    if (this.#closed) throw this.#error();
  }

  #error(): ClosedError {
    return new ClosedError(`Cannot wait for ${this.#title}: it is closed`);
  }

  /** Grants every wait that stands here now; answers how many. */
  grantAll(value: T): number {
    const all = this.size;
    for (let left = all; left > 0; left--) this.first!.grant(value);
    return all;
  }
}
