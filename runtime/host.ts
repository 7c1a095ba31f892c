/**
 * What a future or a task sees of its runtime, and who is running now.
 *
 * These interfaces stand low so that imports run one way: a task knows its host, the runtime knows
 * both, and nothing points back.
 *
 * @module
 */

import { storedOwner } from "./async_context.ts";
import type { Clock } from "./clock.ts";
import type { Failure } from "./failures.ts";
import type { Watch } from "./observer.ts";
import type { TimerWheel } from "./timer_wheel.ts";
import type { Waker } from "./poll.ts";

/** Only code driven by this runtime can wake the wait: a join, a timer, `never`. */
export const WAKE_INSIDE = 0;
/** Host code might wake it: a deferred, a hand-written pollable. */
export const WAKE_MAYBE = 1;
/** Something outside is at work and will wake it: a descriptor, a thread. */
export const WAKE_OUTSIDE = 2;
/** A promise will wake it, in a round of the microtask queue: also an async body on its way. */
export const WAKE_PROMISE = 3;
/** Who can end a wait; what deadlock detection, virtual time and the driver go by. */
export type WakeSource = 0 | 1 | 2 | 3;

/** An entry of the run queue: a task, or a wait of host code. */
export interface Runnable {
  /** Runs one poll. Must not throw. */
  runOnce(): void;
}

/** The runtime as its futures and tasks see it. */
export interface Host {
  /** The runtime's name. */
  readonly name: string;
  /** Its public face, a `RuntimeApi`. */
  readonly api: unknown;
  /** Its time. */
  readonly clock: Clock;
  /** Its timers. */
  readonly timers: TimerWheel;
  /** Its hooks, if somebody watches. */
  readonly watch: Watch | undefined;
  /**
   * What an async body counts as while it awaits something of ours: perhaps something else wakes
   * it. In virtual time the answer is no, so that its clock can jump and its deadlocks be told.
   */
  readonly bodySource: WakeSource;
  /** Waits by who can end them, indexed by {@linkcode WakeSource}. */
  readonly waits: Int32Array;
  /** Code that awaited something was resumed: it goes on in the next rounds of microtasks. */
  hasResumed: boolean;
  /** Races begun in it; see `combinators.ts`. */
  races: number;
  /** Appends to the run queue; wakes the loop if it is parked. */
  enqueue(runnable: Runnable): void;
  /** Something a parked loop must look at changed: a timer was armed, a wait began. */
  kick(): void;
  /** Keeps the runtime driven until `release`: host code waits for something in it. */
  hold(onDeadlock: Deadlocked | undefined): void;
  /** Ends a `hold`. */
  release(onDeadlock: Deadlocked | undefined): void;
  /** Takes one unit of this turn's allowance of ready awaits; false when it is spent. */
  takeBudget(): boolean;
  /** A task ended. */
  exited(task: Waiter): void;
  /** A task waits for another one: a cycle may have closed. */
  joinParked(task: Waiter): void;
  /** Something failed and, at this moment, nobody waits for `holder`, which has the error. */
  unobserved(failure: Failure, holder: object): void;
  /** Somebody looked at the outcome after all. */
  observed(holder: object): void;
}

/** A host wait that wants to know when the runtime finds that nothing can wake it. */
export interface Deadlocked {
  /** The runtime is deadlocked; `error` is a `DeadlockError`. */
  onDeadlock(error: Error): void;
}

/** The task side of an `await` in an async body: lists the body's awaits, so a cancel reaches them. */
export interface Waiter {
  /** Unique within its runtime. */
  readonly id: number;
  /** Name for reports. */
  readonly name: string;
  /** The runtime it lives in. */
  readonly host: Host;
  /** True once it has ended. */
  readonly isFinished: boolean;
  /** True once its body has ended: whatever awaits now is no part of it. */
  readonly isEnding: boolean;
  /** The cancellation that its next await must throw, if there is one. */
  readonly pendingCancel: Error | undefined;
  /** What `then` answers inside this task, made at its first await; owned by future.ts. */
  awaitHook: unknown;
  /** Adds an await; answers true when a cancellation of the task ended it at once. */
  attach(wait: AttachedWait): boolean;
  /** An await threw by itself. */
  sawThrow(error: unknown): void;
  /** Removes an await that is over. */
  detach(wait: AttachedWait): void;
}

/** An `await` of one of our futures inside an async body. */
export interface AttachedWait extends Waker {
  /** Owned by the task: list links. */
  prevWait: AttachedWait | undefined;
  /** Owned by the task: list links. */
  nextWait: AttachedWait | undefined;
  /** What the body waits for, for dumps. */
  readonly target: { describe(): string; readonly source: WakeSource };
  /** Ends the wait by throwing `error` there, unless it must end by itself; answers whether it did. */
  interrupt(error: unknown): boolean;
  /** The task ended while this wait goes on: it becomes host code's own. */
  orphan(): void;
}

/** Who ends a wait for something in `host`: for the runtime that polls it now, inside or outside. */
export function sourceFor(host: Host): WakeSource {
  return context.host === undefined || context.host === host ? WAKE_INSIDE : WAKE_OUTSIDE;
}

/** Who is polled now: set while a runtime polls, never across a turn of the microtask queue. */
export const context: {
  task: Waiter | undefined;
  host: Host | undefined;
  /** Makes the default runtime; set by globals.ts. */
  defaultHost: (() => Host) | undefined;
} = { task: undefined, host: undefined, defaultHost: undefined };

/** The task that runs now: the one that is polled, else the one whose async body goes on. */
export function currentTask(): Waiter | undefined {
  if (context.task !== undefined) return context.task;
  if (context.host !== undefined) return undefined; // a runtime polls, but no task
  const owner = storedOwner() as Waiter | undefined;
  return owner === undefined || owner.isFinished ? undefined : owner;
}

/** The runtime that polls now, else that of the current task, else the default one. */
export function currentHost(): Host {
  const host = context.host ?? currentTask()?.host ?? context.defaultHost?.();
  if (host === undefined) {
    throw new Error("Cannot wait: no runtime (import @vais/runtime, or wait inside a task)");
  }
  return host;
}
