/**
 * A group that has begun and is waited for: what `scope()` and the joins answer.
 *
 * @module
 */

import { Cancelled } from "../runtime/errors.ts";
import type { Failure } from "../runtime/failures.ts";
import { type Deadlocked, type Host, sourceFor, type WakeSource } from "../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import type { GroupCore } from "./group_core.ts";
import { Operation } from "./operation.ts";

/** An operation over a group: ends when the group is over, never before its children. */
export abstract class GroupOperation<R> extends Operation<R> implements Deadlocked, Waker {
  protected readonly core: GroupCore;
  /** Begun by host code: it keeps its runtime driven by itself. */
  #drives = false;
  #observed = false;
  /** What nobody has looked at yet. */
  #unobserved: Failure | undefined;

  constructor(core: GroupCore) {
    super();
    this.core = core;
  }

  /** Called by the constructor of a subclass, when the first children are spawned. */
  protected begin(): void {
    const { core } = this;
    core.join();
    if (core.isSettled) return this.wake();
    this.#drives = core.parent === undefined;
    if (this.#drives) core.host.hold(this);
    core.waiters.add(this);
  }

  /** The value, or a throw; called when the group is over, perhaps more than once. */
  protected abstract conclude(): R;

  /** The group is over. */
  wake(): void {
    const { core } = this;
    if (this.#drives) core.host.release(this);
    if (this.#observed) return;
    // Nobody waits: what it throws is told if nobody ever looks.
    try {
      this.conclude();
    } catch (error) {
      if (error === core.cancelled) return;
      const task = core.allFailures()[0]?.task ?? { id: core.body?.id ?? -1, name: core.label };
      this.#unobserved = { error, task, during: "body" };
      core.host.unobserved(this.#unobserved, this);
    }
  }

  /** Nothing can wake what is in here: fails with that, after its cleanup. */
  onDeadlock(error: Error): void {
    const { core } = this;
    const task = { id: core.body?.id ?? -1, name: core.label };
    core.failures.push({ error, task, during: "body" });
    core.cancel(toCancelled(error, core.label), core.graceMs);
  }

  poll(waker: Waker): Poll<R> {
    const { core } = this;
    this.#observed = true;
    if (!core.isSettled) {
      core.waiters.add(waker);
      return PENDING;
    }
    if (this.#unobserved !== undefined) {
      core.host.observed(this.#unobserved.task, this);
      this.#unobserved = undefined;
    }
    return this.conclude();
  }

  /** A group ends by itself, after its children: it is only told. */
  override abandon(_waker: Waker, reason: unknown): boolean {
    const { core } = this;
    if (core.isSettled) return false; // how it ended is still to be told
    // A cancelled parent has told its groups already.
    if (core.parent?.cancelled === undefined) {
      core.cancel(toCancelled(reason, core.label), core.graceMs);
    }
    return false;
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
