/**
 * The inside of a runtime: tasks, timers, the run queue, and one turn over them.
 *
 * @module
 */

import { openAsyncContext } from "./async_context.ts";
import type { PollFn } from "./bodies.ts";
import { requestCancel } from "./cancel_state.ts";
import { checkInteger, type Clock, systemClock, typeOf } from "./clock.ts";
import { breakCycles } from "./deadlock.ts";
import { type Driven, Driver } from "./driver.ts";
import { collectDump, type TaskDump } from "./dump.ts";
import { Cancelled, ClosedError, TooManyTasksError } from "./errors.ts";
import type { Failure } from "./failures.ts";
import {
  context,
  currentTask,
  type Deadlocked,
  type Host,
  type Runnable,
  type Waiter,
  WAKE_INSIDE,
  WAKE_MAYBE,
  WAKE_OUTSIDE,
  WAKE_PROMISE,
  type WakeSource,
} from "./host.ts";
import type { JoinHandle } from "./join_handle.ts";
import { type Observer, type RuntimeMetrics, Watch } from "./observer.ts";
import { TASK_CANCELLED, TASK_COMPLETED, TASK_FAILED } from "./outcome.ts";
import { type Opener, ownersOf } from "./owned.ts";
import { HostParker, type Parker } from "./parker.ts";
import { isPollable, isPromiseLike } from "./poll.ts";
import { DEFAULT_GRACE_MS, RootOwner } from "./root_owner.ts";
import { RunQueue, seededPick } from "./run_queue.ts";
import { callerSite } from "./spawn_site.ts";
import { type Owner, Task } from "./task.ts";
import type { RuntimeApi, TaskBody } from "./task_body.ts";
import { TimerWheel } from "./timer_wheel.ts";
import { reportUnobserved, Unobserved, type UnobservedFailure } from "./unobserved.ts";

/** Ready awaits of async bodies, and operations on descriptors that need not wait, per turn. */
const ASYNC_BUDGET = 256;
/** Busy runtimes look for cycles of joins once per so many turns; idle ones at once. */
const CYCLE_CHECK_TURNS = 64;

/** How to make a runtime. */
export interface RuntimeOptions {
  /** For dumps and errors. */
  readonly name?: string;
  /** Live tasks allowed; `spawn` throws `TooManyTasksError` beyond. Default: no limit. */
  readonly maxTasks?: number;
  /** Where the time comes from. Default: the host's monotonic clock. */
  readonly clock?: Clock;
  /** Where it waits. Default: on the host's event loop. */
  readonly parker?: Parker;
  /** Shuffles the order within each batch, the same for the same seed. Default: first in, first out. */
  readonly seed?: number;
  /** Hooks. */
  readonly observer?: Observer;
}

/** The executor itself, as futures and tasks see it. */
export class Core implements Host, Opener<Owner>, Driven {
  readonly name: string;
  readonly api: RuntimeApi;
  readonly clock: Clock;
  readonly timers: TimerWheel;
  readonly watch: Watch | undefined;
  readonly waits = new Int32Array(4);
  hasResumed = false;
  races = 0;
  readonly bodySource: WakeSource;
  readonly root: RootOwner;
  firstOwned: Owner | undefined = undefined;
  taskCount = 0;
  readonly queue: RunQueue;
  readonly #driver: Driver;
  readonly #maxTasks: number;
  readonly #unobserved: Unobserved;
  #nextId = 0;
  #budget = ASYNC_BUDGET;
  #polling = false;
  #suspects: Task<unknown>[] = [];
  #closed: Promise<void> | undefined;
  #turns = 0;
  readonly #ended = [0, 0, 0];

  constructor(api: RuntimeApi, options: RuntimeOptions) {
    openAsyncContext();
    this.api = api;
    this.name = api.name;
    const { observer } = options;
    if (observer !== undefined && (typeof observer !== "object" || observer === null)) {
      throw new TypeError(
        `Cannot create Runtime: observer is ${typeOf(observer)} (must be an object)`,
      );
    }
    this.#maxTasks = options.maxTasks === undefined || options.maxTasks === Infinity
      ? Infinity
      : checkInteger(options.maxTasks, 1, "create Runtime", "maxTasks");
    this.clock = options.clock ?? systemClock;
    if (typeof this.clock.now !== "function") {
      throw new TypeError("Cannot create Runtime: clock has no now() (must be a Clock)");
    }
    const parker: Parker = options.parker ?? new HostParker();
    if (typeof parker.park !== "function") {
      throw new TypeError("Cannot create Runtime: parker has no park() (must be a Parker)");
    }
    this.queue = new RunQueue(
      options.seed === undefined
        ? undefined
        : seededPick(checkInteger(options.seed, 0, "create Runtime", "seed")),
    );
    this.#driver = new Driver(this, parker);
    this.bodySource = parker.isVirtual === true ? WAKE_INSIDE : WAKE_MAYBE;
    this.watch = observer === undefined ? undefined : new Watch(observer);
    this.timers = new TimerWheel(this.clock.now());
    this.#unobserved = new Unobserved(this.watch);
    this.root = new RootOwner(this);
  }

  // ---- tasks --------------------------------------------------------------------------------

  spawn<T>(owner: Owner, body: unknown, second: unknown): Task<T> {
    let poll: PollFn | undefined;
    let name: string | { readonly name: string } | undefined;
    if (typeof second === "function") poll = second as PollFn;
    else {
      if (typeof body !== "function" && !isPollable(body) && !isPromiseLike(body)) {
        throw new TypeError(
          `Cannot spawn: body is ${
            typeOf(body)
          } (must be a function, a Pollable, a promise, or a state with a poll function)`,
        );
      }
      if (second !== undefined) name = checkName(second, "spawn");
      if (name === undefined && typeof body === "function") name = body;
    }
    if (this.#closing && owner === this.root) {
      throw new ClosedError(`Cannot spawn: ${this.name} is closed`);
    }
    if (this.taskCount >= this.#maxTasks) throw new TooManyTasksError(this.#maxTasks);
    const task = new Task<T>(this.#nextId++, owner, body, poll, name);
    this.taskCount++;
    if (this.watch !== undefined) {
      if (this.watch.spawnSites) task.spawnSite = callerSite();
      this.watch.tell("onSpawn", task);
    }
    return task;
  }

  /** A task of the runtime itself, in no group. */
  spawnRoot<T>(body: unknown, second: unknown): Task<T> {
    const task = this.spawn<T>(this.root, body, second);
    this.root.adopt(task);
    task.start();
    return task;
  }

  exited(task: Task<unknown>): void {
    this.taskCount--;
    const { status } = task;
    this.#ended[status - TASK_COMPLETED]!++;
    if (this.watch !== undefined) {
      this.watch.tell(
        "onExit",
        task,
        status === TASK_COMPLETED ? "ok" : status === TASK_FAILED ? "error" : "cancelled",
      );
    }
    // Parked for something outside, the loop must see whether what is left can still go on.
    this.kick();
  }

  /** A failure that nobody waits for now; `holder` is what somebody may still look at. */
  unobserved(failure: Failure, holder: object): void {
    this.#unobserved.add(failure, holder);
  }

  /** Somebody looked after all. */
  observed(holder: object): void {
    this.#unobserved.remove(holder);
  }

  /** Failures that can never be observed, told now. */
  report(failure: Failure): void {
    reportUnobserved(this.watch, failure);
  }

  takeUnobserved(): UnobservedFailure[] {
    // Nobody will look at a runtime that is closed.
    if (this.#closing) this.#unobserved.reportAll();
    return this.#unobserved.takeAll();
  }

  joinParked(task: Waiter): void {
    this.#suspects.push(task as Task<unknown>);
  }

  // ---- the queue ------------------------------------------------------------------------------

  enqueue(runnable: Runnable): void {
    this.queue.push(runnable);
    this.#driver.kick();
  }

  takeBudget(): boolean {
    return --this.#budget >= 0;
  }

  /** One batch, or what of it fits until `sliceEndMs` of real time. */
  turn(sliceEndMs: number): number {
    const outerHost = context.host;
    const outerTask = context.task;
    context.host = this;
    this.#polling = true;
    this.#turns++;
    this.#budget = ASYNC_BUDGET;
    const { timers, clock } = this;
    try {
      if (timers.size > 0) {
        const now = clock.now();
        if (timers.mayBeDue(now)) timers.advance(now);
      }
      this.queue.runBatch(sliceEndMs);
    } finally {
      this.#polling = false;
      context.host = outerHost;
      context.task = outerTask;
    }
    const idle = this.queue.isEmpty;
    if (this.#suspects.length > 0 && (idle || this.#turns % CYCLE_CHECK_TURNS === 0)) {
      const suspects = this.#suspects;
      this.#suspects = [];
      breakCycles(suspects);
    }
    if (!this.queue.isEmpty) return 0;
    return timers.size === 0 ? Infinity : Math.max(0, timers.nextDeadline() - clock.now());
  }

  // ---- driving --------------------------------------------------------------------------------

  hold(waiter: Deadlocked | undefined): void {
    this.#driver.hold(waiter);
  }

  release(waiter: Deadlocked | undefined): void {
    this.#driver.release(waiter);
  }

  kick(): void {
    this.#driver.kick();
  }

  run(): Promise<void> {
    const inside = this.#runningTask();
    if (inside !== undefined) {
      throw new TypeError(
        `Cannot run ${this.name}: called inside its task ${inside.name} (join handles instead)`,
      );
    }
    return this.#driver.run();
  }

  checkNotPolling(action: string): void {
    const task = this.#runningTask();
    if (!this.#polling && task === undefined) return;
    const inside = task === undefined ? "" : ` inside its task ${task.name}`;
    throw new TypeError(
      `Cannot ${action} ${this.name}: it is polling${inside} (yield* or await instead)`,
    );
  }

  /** The current task, when it is one of ours. */
  #runningTask(): Waiter | undefined {
    const task = currentTask();
    return task?.host === this ? task : undefined;
  }

  runUntilStalled(): void {
    this.checkNotPolling("run");
    while (this.turn(Infinity) === 0);
  }

  blockOn<T>(body: TaskBody<T> | JoinHandle<T>): T {
    this.checkNotPolling("block on");
    const own = body instanceof Task && body.host === this;
    const task = own ? body as Task<T> : this.spawnRoot<T>(body, undefined);
    while (!task.isFinished) {
      const waitMs = this.turn(Infinity);
      if (task.isFinished) break;
      if (this.#driver.pollOutside() || waitMs === 0 || !this.queue.isEmpty) continue;
      if (waitMs === Infinity && !this.#driver.canWait) {
        const error = this.#driver.deadlockError(
          this.waits[WAKE_OUTSIDE]! + this.waits[WAKE_MAYBE]! + this.waits[WAKE_PROMISE]! === 0
            ? ""
            : " while blockOn() holds the thread: host promises and callbacks cannot progress inside it (use run() or await)",
        );
        if (!own) {
          task.cancel({ kind: "requested", by: "blockOn", note: "deadlock" }, {
            graceMs: Infinity,
          });
          while (this.turn(Infinity) === 0);
        }
        throw error;
      }
      this.#driver.parkSync(waitMs);
    }
    if (task.status === TASK_COMPLETED) return task.result as T;
    this.observed(task);
    throw task.result;
  }

  // ---- looking, ending --------------------------------------------------------------------------

  metrics(): RuntimeMetrics {
    return {
      spawned: this.#nextId,
      alive: this.taskCount,
      polls: this.queue.polls,
      turns: this.#turns,
      parks: this.#driver.parks,
      completed: this.#ended[0]!,
      failed: this.#ended[TASK_FAILED - TASK_COMPLETED]!,
      cancelled: this.#ended[TASK_CANCELLED - TASK_COMPLETED]!,
      runnable: this.queue.size,
      timers: this.timers.size,
    };
  }

  dump(): TaskDump {
    return collectDump(this.name, this.root.children(), this);
  }

  /** True once close() no longer lets tasks be spawned. */
  #closing = false;

  close(): Promise<void> {
    const inside = this.#runningTask();
    if (inside !== undefined) {
      throw new TypeError(`Cannot close ${this.name}: called inside its task ${inside.name}`);
    }
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    // Groups may still need cleanup tasks: spawning into the runtime itself ends now.
    this.#closing = true;
    const cause = Cancelled.quiet({ kind: "shutdown" });
    for (const task of this.root.children()) requestCancel(task, cause, DEFAULT_GRACE_MS);
    for (const owned of ownersOf(this)) owned.cancelFromParent(cause, DEFAULT_GRACE_MS);
    while (this.taskCount > 0) await this.run();
    this.#unobserved.reportAll();
    await this.#driver.close();
  }
}

/** Checks spawn options; answers the name. */
function checkName(options: unknown, action: string): string | undefined {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `Cannot ${action}: options is ${typeOf(options)} (must be an object or a poll function)`,
    );
  }
  const { name } = options as { name?: unknown };
  if (name !== undefined && typeof name !== "string") {
    throw new TypeError(`Cannot ${action}: name is ${typeOf(name)} (must be a string)`);
  }
  return name;
}
