/**
 * Groups of tasks: none outlives its group, and no failure in one is lost.
 *
 * @module
 */

import { checkDuration, typeOf } from "../runtime/clock.ts";
import { Cancelled } from "../runtime/errors.ts";

import type { Future } from "../runtime/future.ts";
import type { CancelOptions, JoinHandle } from "../runtime/join_handle.ts";
import { TASK_FAILED, type TaskStatus } from "../runtime/outcome.ts";
import type { Poll, Waker } from "../runtime/poll.ts";
import type { Task } from "../runtime/task.ts";
import type { SpawnOptions, TaskBody, TaskScope } from "../runtime/task_body.ts";
import { type Completion, Completions } from "./completions.ts";
import { GroupCore } from "./group_core.ts";
import { Admission, GroupBudget } from "./group_budget.ts";
import { checkFlag, type GroupOptions, mustBeOptions } from "./group_options.ts";
import { type GroupStats, type GroupTaskInfo, statsOf, tasksOf } from "./group_stats.ts";
import { mapInGroup } from "./group_map.ts";
import { GroupOperation } from "./group_operation.ts";
import type { Operation } from "./operation.ts";
import { StartOperation } from "./start.ts";
import { unwatchForgotten, watchForgotten } from "./forgotten.ts";

/** How to spawn into a group. */
export interface GroupSpawnOptions extends SpawnOptions {
  /** A service: does not keep the group open, and is cancelled after all others have ended. */
  readonly background?: boolean;
  /** What the child takes of the group's `budget` while it lives, also in the background. Default 1. */
  readonly cost?: number;
}

/** The inside of a group, for the rest of this folder. */
export let coreOfGroup: (group: TaskGroup) => GroupCore;

/**
 * A group of tasks that end together.
 *
 * Spawn children, then `run()`: it waits for all of them. The first failure cancels the others, and
 * when their cleanup is done `run()` rejects with that very error; `failuresOf(error)` has the rest.
 * Prefer {@linkcode scope}, which cannot be forgotten.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { TaskGroup } from "@vais/runtime";
 *
 * const group = new TaskGroup({ name: "squares", maxConcurrency: 2 });
 * for (let n = 1; n <= 3; n++) group.spawn(() => n * n);
 * await group.run();
 * assertEquals([0, 1, 2].map((i) => group.result(i)), [1, 4, 9]);
 * ```
 */
export class TaskGroup implements AsyncIterable<Completion>, AsyncDisposable {
  readonly #core: GroupCore;
  #any: Completions | undefined;

  /**
   * Makes an empty group. Inside a task it belongs to that task, and ends with it at the latest.
   *
   * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
   */
  constructor(options?: GroupOptions) {
    this.#core = new GroupCore(options);
  }

  static {
    coreOfGroup = (group) => group.#core;
  }

  /** A group with a name. */
  static named(name: string): TaskGroup {
    return new TaskGroup({ name });
  }

  /** The group's name. */
  get name(): string {
    return this.#core.label;
  }

  /**
   * Starts a child. It is polled in a later batch, or when a slot is free.
   *
   * @throws {GroupClosedError} If the group is closed, cancelled or over; the body never runs
   * @throws {GroupFullError} If its `budget` has no room for it, or others wait for room
   * @throws {TypeError} If the body is none of the kinds of `TaskBody`
   */
  spawn<T>(body: TaskBody<T>, options?: GroupSpawnOptions): JoinHandle<T>;
  /** Starts a poll-style child over a state: the Vais form. */
  spawn<S, T>(state: S, poll: (state: S, waker: Waker) => Poll<T>): JoinHandle<T>;
  spawn(body: unknown, second?: unknown): JoinHandle<unknown> {
    const options = typeof second === "object" ? second as GroupSpawnOptions | null : undefined;
    const background = checkFlag(options?.background, false, "spawn", "background");
    const task = this.#core.spawn(body, second, background, options?.cost);
    if (!this.#core.isWatched && !this.#core.joining) watchForgotten(this, this.#core);
    return task;
  }

  /**
   * Waits until the `budget` has room, first come, first served, then starts a child: back-pressure
   * for whoever makes the work. Without a budget it starts it at once.
   *
   * Cancelled while it waits, it has started nothing.
   *
   * @returns The child's `handle` (in an object, as an `await` would wait for the child's end)
   * @throws {GroupClosedError} If the group is closed, cancelled or over, also while it waits
   * @throws {TypeError | RangeError} If `cost` is no whole number from 0, or more than the budget
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { scope } from "@vais/runtime";
   *
   * const files = [400, 300, 600, 200];
   * const loaded: number[] = [];
   * await scope(async (s) => {
   *   for (const bytes of files) {
   *     await s.admit(async (task) => {
   *       await task.sleep(1);
   *       loaded.push(bytes);
   *     }, { cost: bytes });
   *   }
   * }, { budget: 1_000 }); // at most 1 000 bytes in memory
   * assertEquals(loaded.length, 4);
   * ```
   */
  admit<T>(body: TaskBody<T>, options?: GroupSpawnOptions): Future<{ handle: JoinHandle<T> }> {
    mustBeOptions(options, "admit");
    const budget = this.#core.budget ?? new GroupBudget(this.#core, Infinity);
    budget.checkCost(options?.cost ?? 1);
    return new Admission(
      budget,
      options?.cost ?? 1,
      () => ({ handle: this.spawn(body, options) }),
    );
  }

  /**
   * Starts a child that first gets ready, and answers when it says so: Trio's handshake.
   *
   * A failure before `ready` rejects the caller and leaves the group alone; after it, it is the
   * group's like any other.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { scope } from "@vais/runtime";
   *
   * await scope(async (s) => {
   *   const { value: port, handle } = await s.start(function* (task, ready: (port: number) => void) {
   *     ready(8080);
   *     yield* task.sleep(60_000);
   *   });
   *   assertEquals(port, 8080);
   *   handle.cancel();
   * });
   * ```
   */
  start<V, T>(
    body: (
      task: TaskScope,
      ready: (value: V) => void,
    ) => Generator<unknown, T> | PromiseLike<T> | T,
    options?: GroupSpawnOptions,
  ): Operation<{ value: V; handle: JoinHandle<T> }> {
    if (typeof body !== "function") {
      throw new TypeError(`Cannot start: body is ${typeOf(body)} (must be a function)`);
    }
    return new StartOperation<V, T>(
      this.#core,
      (ready) =>
        this.spawn((task: TaskScope) => body(task, ready) as Generator<unknown, T>, {
          ...options,
          name: options?.name ?? body.name ?? "",
        }) as Task<T>,
    );
  }

  /**
   * Waits for every child, also those spawned meanwhile. Drives the runtime.
   *
   * Rejects with the first failure (or a `TaskGroupError`, by option), with `TimeoutError`, or with
   * `Cancelled` when the group was cancelled. A child that was cancelled by its own handle counts as
   * neither success nor error.
   */
  run(): Operation<void> {
    return new GroupRun(this.#core);
  }

  /** As `run()`, blocking the thread; see `Runtime.blockOn` for what cannot progress meanwhile. */
  blockingRun(): void {
    this.#core.host.blockOn(new GroupRun(this.#core));
  }

  /**
   * Asks the whole group to end: `Cancelled` is thrown at the awaits of every child.
   *
   * Never throws for a second call, never waits. Nothing can be spawned afterwards.
   */
  cancel(reason?: unknown, options?: CancelOptions): void {
    this.#core.cancel(new Cancelled(reason), this.#grace(options));
  }

  /** Cancels, and waits for every child's cleanup. Rejects only with a failure, not with the cancellation. */
  cancelAndJoin(reason?: unknown, options?: CancelOptions): Operation<void> {
    this.cancel(reason, options);
    return new GroupRun(this.#core, true);
  }

  /** Cancels the children that live now; the group itself goes on, and may end well. */
  cancelRemaining(reason?: unknown): void {
    this.#core.cancelChildren(new Cancelled(reason), this.#core.graceMs, false);
  }

  /** No more children; those alive go on. Idempotent. */
  close(): void {
    this.#core.close();
  }

  #grace(options: CancelOptions | undefined): number {
    return options?.graceMs === undefined
      ? this.#core.graceMs
      : checkDuration(options.graceMs, "cancel group", "graceMs", true);
  }

  /** Children that have ended, in whatever way. */
  get completed(): number {
    const { completed, cancelledCount, failed } = this.#core;
    return completed + cancelledCount + failed;
  }

  /** Children spawned. */
  get total(): number {
    return this.#core.total;
  }

  /** True when no child is alive; also for an empty group. */
  get isDone(): boolean {
    return this.#core.live === 0;
  }

  /** True once the group is being cancelled, for whatever reason. */
  get isCancelled(): boolean {
    return this.#core.cancelled !== undefined;
  }

  /**
   * The value of child `index`, in the order of spawning, from 0.
   *
   * @returns `undefined` while it has none: look at `taskStatus`
   * @throws {RangeError} If there is no such child, or it ended long ago (1 024 are kept)
   */
  result(index: number): unknown {
    const outcome = this.#core.remembered.at(index, "read result").outcome();
    return outcome?.status === "ok" ? outcome.value : undefined;
  }

  /** True when child `index` threw. Bounds as for {@linkcode result}. */
  hasError(index: number): boolean {
    return this.#core.remembered.at(index, "read error").status === TASK_FAILED;
  }

  /** The `TASK_…` number of child `index`. Bounds as for {@linkcode result}. */
  taskStatus(index: number): TaskStatus {
    return this.#core.remembered.at(index, "read status").status;
  }

  /** Whether a failing child cancels its siblings, from now on. */
  setCancelOnError(enabled: boolean): void {
    if (typeof enabled !== "boolean") {
      throw new TypeError(`Cannot set cancelOnError: ${typeOf(enabled)} (must be a boolean)`);
    }
    this.#core.cancelOnError = enabled;
  }

  /**
   * How many children may run at once, from now on; 0 for no limit. Those running go on.
   *
   * @throws {RangeError} If it is not a whole number from 0
   */
  setMaxConcurrency(limit: number): void {
    this.#core.setMaxConcurrency(limit);
  }

  /** Counters, as of now. */
  stats(): GroupStats {
    return statsOf(this.#core);
  }

  /** The live children and the latest that ended, in the order of spawning. */
  tasks(): GroupTaskInfo[] {
    return tasksOf(this.#core);
  }

  /** Calls `fn` for each item, a child each, as many at once as the group allows; waits for all. */
  forEach<I>(items: Iterable<I>, fn: ItemBody<I, unknown>): Operation<void> {
    return mapInGroup(this.#core, this, items, fn, false);
  }

  /**
   * Calls `fn` for each item, a child each, as many at once as the group allows.
   *
   * Items are taken only when there is room for them.
   *
   * @returns The results, in the order of the items
   */
  map<I, R>(items: Iterable<I>, fn: ItemBody<I, R>): Operation<R[]> {
    return mapInGroup(this.#core, this, items, fn, true);
  }

  /**
   * The children as they end, those that ended before first. Ends when no child is alive.
   *
   * A supervisor's view: use it with `cancelOnError: false`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Completion> {
    return new Completions(this.#core, this);
  }

  /** The next child to end, each only once; `undefined` when none is left. */
  waitAny(): Future<Completion | undefined> {
    this.#any ??= new Completions(this.#core, this, true);
    return this.#any.next().map((step) => step.done ? undefined : step.value);
  }

  /** The end of an `await using` block: cancels and waits, unless `run()` was reached. */
  async [Symbol.asyncDispose](): Promise<void> {
    const core = this.#core;
    if (!core.joining && core.live > 0) {
      core.cancel(
        Cancelled.quiet({ kind: "requested", by: core.label, note: "its block was left" }),
        core.graceMs,
      );
    }
    const reached = core.joining;
    unwatchForgotten(core);
    core.close();
    if (!reached || core.live > 0) await new GroupRun(core, true);
  }
}

/** The body of one item: a function, async function or generator function. */
export type ItemBody<I, R> = (
  item: I,
  index: number,
  task: TaskScope,
) => Generator<unknown, R> | PromiseLike<R> | R;

/** Waits for a group. */
export class GroupRun extends GroupOperation<void> {
  /** A cancellation of the group is the expected end. */
  readonly #quiet: boolean;

  constructor(core: GroupCore, quiet = false) {
    super(core);
    unwatchForgotten(core);
    this.#quiet = quiet;
    this.begin();
  }

  protected conclude(): void {
    const verdict = this.core.error();
    if (verdict !== undefined && !(this.#quiet && verdict.error === this.core.cancelled)) {
      throw verdict.error;
    }
  }

  /** A group that is not the waiter's own goes on without it. */
  protected override giveUp(waker: Waker): void {
    this.core.waiters.remove(waker);
  }

  override abandon(waker: Waker, reason: unknown): boolean {
    const isOwn = this.core.parent?.cancelled !== undefined;
    return !super.abandon(waker, reason) && !isOwn && !this.hasEnded;
  }
}

/** A group; `new TaskGroup()`. */
export function taskGroup(options?: GroupOptions): TaskGroup {
  return new TaskGroup(options);
}

/** A group with a name. */
export function taskGroupNamed(name: string): TaskGroup {
  return TaskGroup.named(name);
}
