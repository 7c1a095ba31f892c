/**
 * A group that has begun and is waited for: what `scope()` and the joins answer.
 *
 * @module
 */

import { Cancelled } from "../runtime/errors.ts";
import { type Deadlocked, type Host, sourceFor, type WakeSource } from "../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import type { GroupCore } from "./group_core.ts";
import { Operation } from "./operation.ts";

/** An operation over a group: ends when the group is over, never before its children. */
export abstract class GroupOperation<R> extends Operation<R> implements Deadlocked, Waker {
  protected readonly core: GroupCore;
  /** Begun by host code: it keeps its runtime driven by itself. */
  #drives = false;
  #ended = false;
  /** Somebody has looked, or waits. */
  #observed = false;
  /** Somebody was told how it ended. */
  #told = false;

  constructor(core: GroupCore) {
    super();
    this.core = core;
  }

  /** Called by the constructor of a subclass, when the first children are spawned. */
  protected begin(): void {
    const { core } = this;
    if (core.parent === undefined && core.live + (core.body === undefined ? 0 : 1) > 0) {
      this.#drives = true;
      core.host.hold(this);
    }
    core.waiters.add(this);
    core.join();
  }

  /** True when the group has ended. */
  protected get hasEnded(): boolean {
    return this.#ended;
  }

  /** The value, or a throw; called when the group has ended, perhaps more than once. */
  protected abstract conclude(): R;

  /** The group has ended. */
  wake(): void {
    const { core } = this;
    this.#ended = true;
    if (this.#drives) core.host.release(this);
    if (!this.#observed) this.#tellIfNobodyLooks();
  }

  /** What it throws is told, if nobody ever looks. */
  #tellIfNobodyLooks(): void {
    const { core } = this;
    try {
      this.conclude();
    } catch (error) {
      if (error === core.cancelled) return;
      const task = core.verdict.all()[0]?.task ?? { id: core.body?.id ?? -1, name: core.label };
      core.host.unobserved({ error, task, during: "body" }, this);
    }
  }

  /** Nothing can wake what is in here: fails with that, after its cleanup. */
  onDeadlock(error: Error): void {
    const { core } = this;
    const task = { id: core.body?.id ?? -1, name: core.label };
    core.verdict.list.push({ error, task, during: "body" });
    core.cancel(toCancelled(error, core.label), core.graceMs);
  }

  poll(waker: Waker): Poll<R> {
    this.#observed = true;
    if (!this.#ended) {
      this.core.waiters.add(waker);
      return PENDING;
    }
    this.#told = true;
    this.core.host.observed(this);
    return this.conclude();
  }

  /** Nobody waits at the moment: how it ends is told, unless somebody looks again. */
  lookAway(): void {
    if (!this.#observed) return;
    this.#observed = false;
    if (this.#ended && !this.#told) this.#tellIfNobodyLooks();
  }

  /** A group ends by itself, after its children: it is only told. */
  override abandon(waker: Waker, reason: unknown): boolean {
    // Whoever gave up may never ask again.
    this.lookAway();
    // A cancelled parent has told its groups already.
    if (!this.#ended && this.core.parent?.cancelled === undefined) this.giveUp(waker, reason);
    return false;
  }

  /** The waiter does not want the result any more: the group is cancelled. */
  protected giveUp(_waker: Waker, reason: unknown): void {
    this.core.cancel(toCancelled(reason, this.core.label), this.core.graceMs);
  }

  /**
   * For the wait-for graph: a wait for this is a wait for the group's children.
   *
   * @internal
   */
  get awaitedOwner(): GroupCore {
    return this.core;
  }

  override describe(): string {
    const { core } = this;
    const body = core.body === undefined || core.body.isFinished ? "" : "body and ";
    return `${core.label} (${body}${core.live} children left)`;
  }

  override get source(): WakeSource {
    return sourceFor(this.core.host);
  }

  /** @internal */
  override get home(): Host {
    return this.core.host;
  }
}

function toCancelled(reason: unknown, by: string): Cancelled {
  return reason instanceof Cancelled
    ? reason
    : Cancelled.quiet({ kind: "requested", by, note: reason });
}
