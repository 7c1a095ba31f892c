/**
 * The children of a group as they end.
 *
 * @module
 */

import { Future } from "../runtime/future.ts";
import { type Host, WAKE_INSIDE, type WakeSource } from "../runtime/host.ts";
import type { JoinHandle } from "../runtime/join_handle.ts";
import type { Outcome } from "../runtime/outcome.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import type { Task } from "../runtime/task.ts";
import { unwatchForgotten } from "./forgotten.ts";
import type { GroupCore } from "./group_core.ts";
import { Waiters } from "./waiters.ts";

/** A child that has ended. */
export interface Completion {
  /** The child. */
  readonly handle: JoinHandle<unknown>;
  /** How it ended. */
  readonly outcome: Outcome<unknown>;
}

type Step = IteratorResult<Completion, undefined>;

/** Iterates over completions; `next()` is a future, so a generator task may `yield*` it. */
export class Completions implements AsyncIterableIterator<Completion> {
  readonly #core: GroupCore;
  /** Keeps the group's public face from being collected, and reported, while this is in use. */
  readonly group: unknown;
  #ended: Task<unknown>[] = [];
  #taken = 0;
  readonly #waiters = new Waiters();
  readonly #tell = (task: Task<unknown>) => {
    this.#ended.push(task);
    this.#waiters.wakeAll();
  };
  #done = false;
  readonly #watching: { stop(): void };

  /** Goes on after the last child: for whoever asks again when there are more. */
  readonly #endless: boolean;

  constructor(core: GroupCore, group: unknown, endless = false) {
    this.#core = core;
    this.#endless = endless;
    this.group = group;
    for (const task of core.remembered) if (task.isFinished) this.#ended.push(task);
    this.#watching = core.completions.add(this.#tell);
  }

  next(): Future<Step> & Promise<Step> {
    return new NextCompletion(this, this.#core.host);
  }

  /** Stops watching. */
  return(): Promise<Step> {
    this.#stop();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  take(waker: Waker): Poll<Step> {
    const task = this.#ended[this.#taken];
    if (task !== undefined) {
      this.#ended[this.#taken++] = undefined!;
      if (this.#taken === this.#ended.length) {
        this.#ended = [];
        this.#taken = 0;
      }
      return { done: false, value: { handle: task, outcome: task.outcome()! } };
    }
    if (this.#done || this.#core.liveForeground === 0) {
      if (!this.#endless) this.#stop();
      // Whoever has seen every end has not forgotten the group.
      unwatchForgotten(this.#core);
      return { done: true, value: undefined };
    }
    this.#waiters.add(waker);
    return PENDING;
  }

  #stop(): void {
    this.#done = true;
    this.#watching.stop();
    this.#waiters.wakeAll();
  }

  forget(waker: Waker): void {
    this.#waiters.remove(waker);
  }
}

class NextCompletion extends Future<Step> {
  readonly #completions: Completions;
  readonly #host: Host;

  constructor(completions: Completions, host: Host) {
    super();
    this.#completions = completions;
    this.#host = host;
  }

  poll(waker: Waker): Poll<Step> {
    return this.#completions.take(waker);
  }

  override abandon(waker: Waker): boolean {
    this.#completions.forget(waker);
    return true;
  }

  override describe(): string {
    return "the next child to end";
  }

  override get source(): WakeSource {
    return WAKE_INSIDE;
  }

  /** @internal */
  override get home(): Host {
    return this.#host;
  }
}
