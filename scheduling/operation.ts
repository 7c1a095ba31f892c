/**
 * Work that has begun: as eager as a promise, and still a future that `yield*` takes.
 *
 * @module
 */

import { DeadlockError } from "../runtime/errors.ts";
import { Future } from "../runtime/future.ts";
import { currentHost, type Host, type WakeSource } from "../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import { Waiters } from "./waiters.ts";

/**
 * What `scope()` and its kin answer: a `Promise` that has already begun, usable with `yield*` too.
 *
 * Dropping it does not stop the work; what it throws and nobody looks at is reported.
 */
export abstract class Operation<T> extends Future<T> {
  /** As `Promise.prototype.catch`: subscribes at once. */
  override catch<R = never>(
    // deno-lint-ignore no-explicit-any -- as Promise has it
    onError?: ((error: any) => R | PromiseLike<R>) | null,
  ): Future<T | R> {
    return new Shared(super.catch(onError));
  }

  /** As `Promise.prototype.finally`: subscribes at once. */
  override finally(onEnd?: (() => void) | null): Future<T> {
    return new Shared(super.finally(onEnd));
  }
}

/** Drives `inner` at once and keeps its end; what it throws and nobody looks at is reported. */
class Shared<T> extends Operation<T> {
  readonly #inner: Future<T>;
  readonly #host: Host;
  readonly #waiters = new Waiters();
  #observed = false;
  #end: { readonly value: T } | { readonly error: unknown } | undefined;

  constructor(inner: Future<T>) {
    super();
    this.#inner = inner;
    this.#host = inner.home ?? currentHost();
    inner.then((value) => this.#finish({ value }), (error) => this.#finish({ error }));
  }

  #finish(end: { readonly value: T } | { readonly error: unknown }): void {
    this.#end = end;
    if ("error" in end && !this.#observed) {
      const task = { id: -1, name: this.describe() };
      this.#host.unobserved({ error: end.error, task, during: "body" }, this);
    }
    this.#waiters.wakeAll();
  }

  poll(waker: Waker): Poll<T> {
    this.#observed = true;
    const end = this.#end;
    if (end === undefined) {
      this.#waiters.add(waker);
      return PENDING;
    }
    if ("value" in end) return end.value;
    this.#host.observed(this);
    throw end.error;
  }

  override abandon(waker: Waker, reason: unknown): boolean {
    // Its end is still to be told; a deadlock is told by what is inside.
    if (this.#end !== undefined || reason instanceof DeadlockError) return false;
    this.#waiters.remove(waker);
    this.#observed = false;
    return true;
  }

  override describe(): string {
    return this.#inner.describe();
  }

  override get source(): WakeSource {
    return this.#inner.source;
  }

  /** @internal */
  override get home(): Host {
    return this.#host;
  }
}
