/**
 * A child per item, in parallel, with the results in order.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import { type Host, WAKE_INSIDE, type WakeSource } from "../runtime/host.ts";
import { TASK_COMPLETED, TASK_FAILED } from "../runtime/outcome.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import type { Task } from "../runtime/task.ts";
import type { TaskScope } from "../runtime/task_body.ts";
import { Admission, type GroupBudget } from "./group_budget.ts";
import type { GroupCore } from "./group_core.ts";
import { GroupClosedError } from "./group_errors.ts";
import { Operation } from "./operation.ts";
import { Waiters } from "./waiters.ts";

/** Runs `fn` over the items as children of the group; the operation answers the results. */
export function mapInGroup<I, R>(
  core: GroupCore,
  group: unknown,
  items: Iterable<I>,
  fn: (item: I, index: number, task: TaskScope) => unknown,
  keep: true,
): Operation<R[]>;
/** As above, without the results. */
export function mapInGroup<I>(
  core: GroupCore,
  group: unknown,
  items: Iterable<I>,
  fn: (item: I, index: number, task: TaskScope) => unknown,
  keep: false,
): Operation<void>;
export function mapInGroup<I, R>(
  core: GroupCore,
  group: unknown,
  items: Iterable<I>,
  fn: (item: I, index: number, task: TaskScope) => unknown,
  keep: boolean,
): Operation<R[] | void> {
  const action = keep ? "map" : "forEach";
  if (
    typeof items !== "object" && typeof items !== "string" || items === null ||
    !(Symbol.iterator in Object(items))
  ) {
    throw new TypeError(`Cannot ${action}: items is ${typeOf(items)} (must be an iterable)`);
  }
  if (typeof fn !== "function") {
    throw new TypeError(`Cannot ${action}: fn is ${typeOf(fn)} (must be a function)`);
  }
  return new MapOperation<I, R>(core, group, items[Symbol.iterator](), fn, keep);
}

class MapOperation<I, R> extends Operation<R[] | void> {
  readonly #core: GroupCore;
  /** Keeps the group's public face alive while its children run. */
  readonly group: unknown;
  readonly #items: Iterator<I>;
  readonly #fn: (item: I, index: number, task: TaskScope) => unknown;
  readonly #keep: boolean;
  readonly #results: R[] = [];
  readonly #live = new Set<Task<unknown>>();
  readonly #waiters = new Waiters();
  readonly #room: { stop(): void };
  #next = 0;
  #exhausted = false;
  /** The first thing that went wrong: the items, a child's error, or a child's cancellation. */
  #trouble: { readonly error: unknown } | undefined;
  #pulling = false;
  /** While it waits for room in the group's budget. */
  #inLine: Admission<void> | undefined;

  constructor(
    core: GroupCore,
    group: unknown,
    items: Iterator<I>,
    fn: (item: I, index: number, task: TaskScope) => unknown,
    keep: boolean,
  ) {
    super();
    this.#core = core;
    this.group = group;
    this.#items = items;
    this.#fn = fn;
    this.#keep = keep;
    this.#room = core.room.add(() => this.#pull());
    this.#pull();
  }

  /** Takes items while there is room for their children. */
  #pull(): void {
    if (this.#pulling) return;
    this.#pulling = true;
    try {
      while (!this.#exhausted) {
        const { maxConcurrency: limit, budget } = this.#core;
        if (limit > 0 && this.#live.size >= limit) break;
        if (this.#core.isClosed) {
          this.#stop({ error: this.#core.cancelled ?? this.#core.closedError() });
          break;
        }
        if (budget !== undefined && !budget.hasRoom(1)) {
          this.#standInLine(budget);
          break;
        }
        this.#take();
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#pulling = false;
    }
    if (!this.#isDone) return;
    this.#room.stop();
    this.#waiters.wakeAll();
  }

  #take(): void {
    const step = this.#items.next();
    if (step.done) this.#exhausted = true;
    else this.#spawn(step.value, this.#next++);
  }

  /** Waits for room as everybody does; the next item is taken when there is some. */
  #standInLine(budget: GroupBudget): void {
    if (this.#inLine !== undefined) return;
    const line = this.#inLine = new Admission(budget, 1, () => this.#take());
    const turn = (): void => {
      if (this.#inLine !== line) return;
      this.#inLine = undefined;
      try {
        line.poll({ wake: () => {} });
      } catch (error) {
        if (!(error instanceof GroupClosedError)) this.#failed(error);
      }
      this.#pull();
    };
    line.poll({ wake: turn });
  }

  /** The items, or a spawn, threw. */
  #failed(error: unknown): void {
    this.#exhausted = true;
    this.#trouble ??= { error };
    const name = `items of ${this.#core.label}`;
    this.#core.fail({ error, task: { id: -1, name }, during: "body" });
  }

  #spawn(item: I, index: number): void {
    const fn = this.#fn;
    const task = this.#core.spawn((task: TaskScope) => fn(item, index, task), {
      name: fn.name === "" ? `item ${index}` : `${fn.name} ${index}`,
    });
    this.#live.add(task);
    task.onEnd = () => this.#ended(task, index);
  }

  #ended(task: Task<unknown>, index: number): void {
    this.#live.delete(task);
    if (task.status === TASK_COMPLETED) {
      if (this.#keep) this.#results[index] = task.result as R;
    } else {
      // A supervisor goes on with the other items.
      const goOn = task.status === TASK_FAILED && !this.#core.cancelOnError;
      if (!goOn) this.#stop({ error: task.result });
      else this.#trouble ??= { error: task.result };
    }
    this.#pull();
  }

  #stop(trouble: { readonly error: unknown }): void {
    this.#trouble ??= trouble;
    const line = this.#inLine;
    this.#inLine = undefined;
    line?.cancel(trouble.error);
    if (this.#exhausted) return;
    this.#exhausted = true;
    try {
      this.#items.return?.();
    } catch {
      // The first trouble is the one to tell.
    }
  }

  get #isDone(): boolean {
    return this.#exhausted && this.#live.size === 0;
  }

  poll(waker: Waker): Poll<R[] | void> {
    if (!this.#isDone) {
      this.#waiters.add(waker);
      return PENDING;
    }
    if (this.#trouble !== undefined) throw this.#trouble.error;
    if (this.#keep) return this.#results;
  }

  /** The children belong to the group, and go on; no more items are taken. */
  override abandon(waker: Waker, reason: unknown): boolean {
    if (this.#isDone) return false;
    this.#waiters.remove(waker);
    this.#stop({ error: reason });
    for (const task of [...this.#live]) task.cancel(reason);
    return true;
  }

  override describe(): string {
    return `${this.#live.size} items in ${this.#core.label}`;
  }

  override get source(): WakeSource {
    return WAKE_INSIDE;
  }

  /** @internal */
  override get home(): Host {
    return this.#core.host;
  }
}
