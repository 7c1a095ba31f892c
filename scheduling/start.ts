/**
 * Waiting for a child to say that it is ready.
 *
 * @module
 */

import { type Host, WAKE_INSIDE, type WakeSource } from "../runtime/host.ts";
import { failureOf } from "../runtime/root_owner.ts";
import type { JoinHandle } from "../runtime/join_handle.ts";
import { TASK_FAILED } from "../runtime/outcome.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import type { Task } from "../runtime/task.ts";
import type { GroupCore } from "./group_core.ts";
import { Operation } from "./operation.ts";
import { Waiters } from "./waiters.ts";

/** The caller's side of `TaskGroup.start`. */
export class StartOperation<V, T> extends Operation<{ value: V; handle: JoinHandle<T> }> {
  readonly #core: GroupCore;
  readonly #task: Task<T>;
  readonly #waiters = new Waiters();
  readonly #excuse: { done(): void };
  #ready: { readonly value: V } | undefined;
  #observed = false;

  constructor(core: GroupCore, spawn: (ready: (value: V) => void) => Task<T>) {
    super();
    this.#core = core;
    this.#task = spawn((value) => {
      if (this.#ready !== undefined || this.#task.isFinished) return;
      this.#ready = { value };
      this.#excuse.done();
      this.#waiters.wakeAll();
    });
    this.#excuse = core.excuse(this.#task);
    this.#task.onEnd = () => this.#ended();
  }

  /** The child ended; before it was ready, its failure is the caller's, if there is one. */
  #ended(): void {
    this.#waiters.wakeAll();
    if (this.#ready !== undefined || this.#observed || this.#task.status !== TASK_FAILED) return;
    this.#core.host.unobserved(failureOf(this.#task), this);
  }

  poll(waker: Waker): Poll<{ value: V; handle: JoinHandle<T> }> {
    this.#observed = true;
    if (this.#ready !== undefined) return { value: this.#ready.value, handle: this.#task };
    const outcome = this.#task.outcome();
    if (outcome === undefined) {
      this.#waiters.add(waker);
      return PENDING;
    }
    if (outcome.status === "ok") {
      throw new Error(`Cannot start ${this.#task.name}: it returned before it was ready`);
    }
    this.#task.host.observed(this);
    throw this.#task.result;
  }

  /** Nobody waits any more for a child that is not ready: it is cancelled. */
  override abandon(waker: Waker, reason: unknown): boolean {
    if (this.#ready !== undefined || this.#task.isFinished) return false;
    this.#waiters.remove(waker);
    this.#excuse.done(); // what it throws now is the group's
    this.#task.cancel(reason);
    return true;
  }

  override describe(): string {
    return `${this.#task.name} to be ready`;
  }

  override get source(): WakeSource {
    return WAKE_INSIDE;
  }

  /** @internal */
  override get home(): Host {
    return this.#task.host;
  }
}
