/**
 * A future that has begun by itself and keeps its end, for any number of waiters.
 *
 * @module
 */

import { DeadlockError } from "../runtime/errors.ts";
import { Future } from "../runtime/future.ts";
import { currentHost, type Host, type WakeSource } from "../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import { addWaker, removeWaker, wakeAll, type WakerSlot } from "../runtime/wakers.ts";

/** Drives `inner` at once; what it throws and nobody looks at is reported. */
export class Shared<T> extends Future<T> {
  readonly #inner: Future<T>;
  readonly #host: Host;
  #wakers: WakerSlot = undefined;
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
    const wakers = this.#wakers;
    this.#wakers = undefined;
    wakeAll(wakers);
  }

  poll(waker: Waker): Poll<T> {
    this.#observed = true;
    const end = this.#end;
    if (end === undefined) {
      this.#wakers = addWaker(this.#wakers, waker);
      return PENDING;
    }
    if ("value" in end) return end.value;
    this.#host.observed(this);
    throw end.error;
  }

  override abandon(waker: Waker, reason: unknown): boolean {
    // Its end is still to be told; a deadlock is told by what is inside.
    if (this.#end !== undefined || reason instanceof DeadlockError) return false;
    this.#wakers = removeWaker(this.#wakers, waker);
    this.#observed = false;
    return true;
  }

  override catch<R = never>(
    // deno-lint-ignore no-explicit-any -- as Promise has it
    onError?: ((error: any) => R | PromiseLike<R>) | null,
  ): Future<T | R> {
    return new Shared(super.catch(onError));
  }

  override finally(onEnd?: (() => void) | null): Future<T> {
    return new Shared(super.finally(onEnd));
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
