/**
 * The executor: a run queue, a turn, and the ways to drive it.
 *
 * A turn fires the timers that are due and polls the tasks that were runnable at its start; what
 * wakes meanwhile waits for the next turn. `run()` and awaited handles drive turns in slices, so
 * that the host's timers, `fetch` and signals go on; `blockOn` drives them without the host.
 *
 * @module
 */

import { Children, linkOwner, type Opener, unlinkOwner } from "./children.ts";
import { checkInteger, type Clock, systemClock, typeOf } from "./clock.ts";
import { breakCycles } from "./deadlock.ts";
import { collectDump, type TaskDump } from "./dump.ts";
import { Cancelled, ClosedError, DeadlockError, TooManyTasksError } from "./errors.ts";
import { addFailure, type Failure, rememberFailures } from "./failures.ts";
import type { Future } from "./future.ts";
import {
  context,
  type Deadlocked,
  endResumes,
  type Host,
  type Runnable,
  type Waiter,
  WAKE_MAYBE,
  WAKE_OUTSIDE,
} from "./host.ts";
import { Interval, Sleep } from "./time.ts";
import type { JoinHandle } from "./join_handle.ts";
import { type Observer, type RuntimeMetrics, Watch } from "./observer.ts";
import { TASK_CANCELLED, TASK_COMPLETED, TASK_FAILED, type TaskInfo } from "./outcome.ts";
import { HostParker, type Parker } from "./parker.ts";
import { isPollable, isPromiseLike, type Poll, type Waker } from "./poll.ts";
import { type Owner, type PollFn, requestCancel, Task } from "./task.ts";
import type { RuntimeApi, SpawnOptions, TaskBody } from "./task_body.ts";
import { TimerWheel } from "./timer_wheel.ts";
import { reportUnobserved, Unobserved } from "./unobserved.ts";

/** How long turns go on before the host's event loop gets one, in ms of real time. */
const SLICE_MS = 2;
/** The clock is read once per so many polls. */
const CLOCK_INTERVAL_MASK = 63;
/** Ready awaits of async bodies per turn. */
const ASYNC_BUDGET = 1_024;
/** Rounds of the microtask queue that async bodies get before the runtime parks. */
const MICROTASK_ROUNDS = 3;
/** Default grace of cancelled tasks, in ms. */
export const DEFAULT_GRACE_MS = 5_000;

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

/** Deterministic 32-bit generator (Marsaglia, "Xorshift RNGs", 2003) for shuffling batches. */
function xorshift(seed: number): () => number {
  let state = (Math.imul(seed | 0, 0x9e3779b1) ^ 0x6d2b79f5) | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

let coreIn: (runtime: object) => Core | undefined;

/**
 * A single-threaded executor of tasks.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Runtime } from "@vais/runtime";
 *
 * await using runtime = new Runtime({ name: "demo" });
 * const a = runtime.spawn(function* (task) {
 *   yield* task.sleep(5);
 *   return "generator";
 * });
 * const b = runtime.spawn(async (task) => {
 *   await task.sleep(5);
 *   return "async";
 * });
 * await runtime.run();
 * assertEquals([a.outcome(), b.outcome()], [
 *   { status: "ok", value: "generator" },
 *   { status: "ok", value: "async" },
 * ]);
 * ```
 */
export class Runtime implements RuntimeApi, AsyncDisposable {
  /** The runtime's name. */
  readonly name: string;
  readonly #core: Core;

  /**
   * Makes a runtime; nothing runs until something drives it.
   *
   * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
   */
  constructor(options: RuntimeOptions = {}) {
    if (typeof options !== "object" || options === null) {
      throw new TypeError(
        `Cannot create Runtime: options is ${typeOf(options)} (must be an object)`,
      );
    }
    this.name = options.name ?? "runtime";
    this.#core = new Core(this, options);
  }

  static {
    coreIn = (runtime) => #core in runtime ? runtime.#core : undefined;
  }

  /**
   * Starts a task. It is polled in a later batch, never inside this call.
   *
   * A failure reaches whoever joins the handle; if nobody does, `run()` rejects with it.
   *
   * @throws {TypeError} If the body is none of the kinds of {@linkcode TaskBody}
   * @throws {TooManyTasksError} If `maxTasks` tasks are alive
   * @throws {ClosedError} If the runtime is closed
   */
  spawn<T>(body: TaskBody<T>, options?: SpawnOptions): JoinHandle<T>;
  /** Starts a poll-style task over a state: the Vais form. */
  spawn<S, T>(state: S, poll: (state: S, waker: Waker) => Poll<T>): JoinHandle<T>;
  spawn(body: unknown, second?: unknown): JoinHandle<unknown> {
    return this.#core.spawnRoot(body, second);
  }

  /**
   * Drives the runtime until no task is left.
   *
   * Rejects with the first failure that nobody joined (`failuresOf` has them all), or with
   * `DeadlockError` when the tasks left can never be woken.
   *
   * @throws {TypeError} If called inside a task of this runtime
   */
  run(): Promise<void> {
    return this.#core.run();
  }

  /**
   * Runs turns until nothing is runnable, without waiting for time or for the host.
   *
   * @returns The number of tasks still alive
   */
  runUntilStalled(): number {
    this.#core.runUntilStalled();
    return this.#core.taskCount;
  }

  /**
   * Runs one batch: due timers, then every task that was runnable at the start.
   *
   * @returns How long the runtime may wait now, in ms: 0 when more is runnable, `Infinity` when
   * only a wake from outside can make it so
   */
  turn(): number {
    this.#core.checkNotPolling("turn");
    return this.#core.turn(Infinity);
  }

  /**
   * Runs everything until this one is done, blocking the thread; answers its value or throws.
   *
   * Host promises, timers and I/O cannot progress meanwhile: an async body may await futures that
   * are ready at once, nothing else. Use `await` or `run()` for those.
   *
   * @throws {DeadlockError} If it can never be done, also because it waits for the host
   * @throws {TypeError} If called inside a task of this runtime
   */
  blockOn<T>(body: TaskBody<T> | JoinHandle<T>): T {
    return this.#core.blockOn(body);
  }

  /**
   * A future of nothing, ready `ms` after its first poll; 0 is ready in the next turn.
   *
   * @throws {RangeError} If `ms` is negative, NaN or infinite
   */
  sleep(ms: number): Future<void> {
    return new Sleep(ms, this.#core);
  }

  /**
   * Ticks every `ms`, counted from the first wait; ticks that were missed are skipped, not made up.
   *
   * `for await` in async code; in a generator `for (const tick of …) { const n = yield* tick; … }`.
   *
   * @throws {RangeError} If `ms` is not positive
   */
  interval(ms: number): Interval {
    return new Interval(ms, this.#core);
  }

  /** Live tasks, in groups or not. */
  get taskCount(): number {
    return this.#core.taskCount;
  }

  /** The task that is polled now, if one is. */
  get currentTask(): JoinHandle<unknown> | undefined {
    const task = context.task;
    return task !== undefined && task.host === this.#core ? task as Task<unknown> : undefined;
  }

  /** Counters since the runtime was made. */
  metrics(): RuntimeMetrics {
    return this.#core.metrics();
  }

  /** What is alive, as a tree: tasks, the groups they opened, what each waits for. O(tasks). */
  dump(): TaskDump {
    return this.#core.dump();
  }

  /**
   * Cancels every task, waits for their cleanup, and frees what the runtime holds. Idempotent.
   *
   * Failures that nobody joined are reported to the observer, else on the console.
   */
  close(): Promise<void> {
    return this.#core.close();
  }

  /** See {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * The inside of a runtime, for the layers above.
 *
 * @throws {TypeError} If it is not a Runtime of this package
 */
export function coreOf(runtime: RuntimeApi, action: string): Core {
  const core = typeof runtime === "object" && runtime !== null ? coreIn(runtime) : undefined;
  if (core === undefined) {
    throw new TypeError(`Cannot ${action}: runtime is ${typeOf(runtime)} (must be a Runtime)`);
  }
  return core;
}

interface Settle {
  resolve(): void;
  reject(error: unknown): void;
}

/** The executor itself, as futures and tasks see it. */
export class Core implements Host, Opener {
  readonly name: string;
  readonly api: Runtime;
  readonly clock: Clock;
  readonly timers: TimerWheel;
  readonly watch: Watch | undefined;
  readonly waits = new Int32Array(3);
  readonly root: RootOwner;
  firstOwned: Owner | undefined = undefined;
  taskCount = 0;
  readonly #parker: Parker;
  readonly #maxTasks: number;
  readonly #random: (() => number) | undefined;
  readonly #unobserved: Unobserved;
  #nextId = 0;
  /** What became runnable since the batch began. */
  #queue: Runnable[] = [];
  #queued = 0;
  #batch: Runnable[] = [];
  #batchAt = 0;
  #batchEnd = 0;
  #budget = ASYNC_BUDGET;
  #polling = false;
  #parked = false;
  #driving = false;
  #holds = 0;
  readonly #waiters = new Set<Deadlocked>();
  #runs: Settle[] = [];
  #suspects: Task<unknown>[] = [];
  #closed: Promise<void> | undefined;
  #turns = 0;
  #polls = 0;
  #parks = 0;
  readonly #ended = [0, 0, 0];

  constructor(api: Runtime, options: RuntimeOptions) {
    this.api = api;
    this.name = api.name;
    this.#maxTasks = options.maxTasks === undefined || options.maxTasks === Infinity
      ? Infinity
      : checkInteger(options.maxTasks, 1, "create Runtime", "maxTasks");
    this.clock = options.clock ?? systemClock;
    if (typeof this.clock.now !== "function") {
      throw new TypeError("Cannot create Runtime: clock has no now()");
    }
    this.#parker = options.parker ?? new HostParker();
    if (typeof this.#parker.park !== "function") {
      throw new TypeError("Cannot create Runtime: parker has no park()");
    }
    this.#random = options.seed === undefined
      ? undefined
      : xorshift(checkInteger(options.seed, 0, "create Runtime", "seed"));
    this.watch = options.observer === undefined ? undefined : new Watch(options.observer);
    this.timers = new TimerWheel(this.clock.now());
    this.#unobserved = new Unobserved(this.watch);
    this.root = new RootOwner(this);
  }

  // ---- tasks --------------------------------------------------------------------------------

  spawn<T>(owner: Owner, body: unknown, second: unknown): Task<T> {
    let poll: PollFn | undefined;
    let name: string | undefined;
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
      if (name === undefined && typeof body === "function" && body.name !== "") name = body.name;
    }
    if (this.#closing && owner === this.root) {
      throw new ClosedError(`Cannot spawn: ${this.name} is closed`);
    }
    if (this.taskCount >= this.#maxTasks) throw new TooManyTasksError(this.#maxTasks);
    const task = new Task<T>(this.#nextId++, this, owner, body, poll, name);
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
    if (this.taskCount === 0) this.kick();
  }

  /** A failure that nobody waits for now; `holder` is what somebody may still look at. */
  unobserved(failure: Failure, holder: object): void {
    this.#unobserved.add(failure.task.id, holder, failure);
  }

  /** Somebody looked after all. */
  observed(task: TaskInfo, holder: object = task): void {
    this.#unobserved.remove(task.id, holder);
  }

  /** Failures that can never be observed, told now. */
  report(failure: Failure): void {
    reportUnobserved(this.watch, failure);
  }

  joinParked(task: Waiter): void {
    this.#suspects.push(task as Task<unknown>);
  }

  // ---- the queue ------------------------------------------------------------------------------

  enqueue(runnable: Runnable): void {
    this.#queue[this.#queued++] = runnable;
    if (this.#parked) this.#parker.unpark();
  }

  kick(): void {
    if (this.#parked) this.#parker.unpark();
  }

  takeBudget(): boolean {
    return --this.#budget >= 0;
  }

  /** One batch, or what of it fits until `sliceEndMs` of real time. */
  turn(sliceEndMs: number): number {
    const outerHost = context.host;
    const outerTask = context.task;
    const outerBatch = context.inBatch;
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
      if (this.#batchAt === this.#batchEnd) this.#nextBatch();
      context.inBatch = true;
      this.#runBatch(sliceEndMs);
    } finally {
      endResumes();
      context.inBatch = outerBatch;
      this.#polling = false;
      context.host = outerHost;
      context.task = outerTask;
    }
    const idle = this.#batchAt === this.#batchEnd && this.#queued === 0;
    if (this.#suspects.length > 0 && (idle || (this.#turns & CLOCK_INTERVAL_MASK) === 0)) {
      const suspects = this.#suspects;
      this.#suspects = [];
      breakCycles(suspects);
    }
    if (this.#queued > 0 || !idle) return 0;
    return timers.size === 0 ? Infinity : Math.max(0, timers.nextDeadline() - clock.now());
  }

  #nextBatch(): void {
    const batch = this.#queue;
    this.#queue = this.#batch;
    this.#batch = batch;
    this.#batchAt = 0;
    this.#batchEnd = this.#queued;
    this.#queued = 0;
    const random = this.#random;
    if (random !== undefined) {
      for (let i = this.#batchEnd - 1; i > 0; i--) {
        const j = Math.floor(random() * (i + 1));
        [batch[i], batch[j]] = [batch[j]!, batch[i]!];
      }
    }
  }

  #runBatch(sliceEndMs: number): void {
    const batch = this.#batch as (Runnable | undefined)[];
    const end = this.#batchEnd;
    let at = this.#batchAt;
    const begun = at;
    while (at < end) {
      const runnable = batch[at]!;
      batch[at++] = undefined;
      this.#batchAt = at;
      runnable.runOnce();
      if (
        (at & CLOCK_INTERVAL_MASK) === 0 && sliceEndMs !== Infinity &&
        performance.now() >= sliceEndMs
      ) break;
    }
    this.#polls += at - begun;
    // A burst must not keep its memory for ever.
    if (at === end && batch.length > 65_536) batch.length = 0;
  }

  // ---- driving --------------------------------------------------------------------------------

  hold(waiter: Deadlocked | undefined): void {
    this.#holds++;
    if (waiter !== undefined) this.#waiters.add(waiter);
    if (!this.#driving) {
      this.#driving = true;
      queueMicrotask(() => this.#drive());
    }
  }

  release(waiter: Deadlocked | undefined): void {
    this.#holds--;
    if (waiter !== undefined) this.#waiters.delete(waiter);
    if (this.#holds === 0) this.kick();
  }

  async #drive(): Promise<void> {
    let sliceEnd = performance.now() + SLICE_MS;
    while (this.#holds > 0) {
      const waitMs = this.turn(sliceEnd);
      if (performance.now() >= sliceEnd) {
        this.#parks++;
        await this.#parker.park(0);
        sliceEnd = performance.now() + SLICE_MS;
        continue;
      }
      // Async bodies that were resumed go on in microtasks.
      for (let i = 0; i < MICROTASK_ROUNDS && this.#queued === 0; i++) await undefined;
      if (this.#queued > 0) continue;
      if (this.taskCount === 0) this.#settleRuns();
      if (this.#holds === 0) break;
      if (waitMs === 0) continue;
      if (waitMs === Infinity && this.timers.size === 0 && this.#isDeadlocked()) {
        this.#tellDeadlock();
        await undefined;
        if (this.#holds === 0 || this.#queued > 0) continue;
      }
      await this.#park();
      sliceEnd = performance.now() + SLICE_MS;
    }
    this.#driving = false;
    // A hold may have come between the last test and now.
    if (this.#holds > 0) {
      this.#driving = true;
      queueMicrotask(() => this.#drive());
    }
  }

  async #park(): Promise<void> {
    const deadline = this.timers.nextDeadline();
    const ms = deadline === Infinity ? Infinity : Math.max(0, deadline - this.clock.now());
    this.#parks++;
    this.watch?.tell("onPark", ms);
    this.#parked = true;
    try {
      await this.#parker.park(ms);
    } finally {
      this.#parked = false;
    }
    this.watch?.tell("onUnpark");
  }

  #isDeadlocked(): boolean {
    return this.waits[WAKE_MAYBE] === 0 && this.waits[WAKE_OUTSIDE] === 0 &&
      (this.taskCount > 0 || this.#waiters.size > 0);
  }

  #deadlockError(hint: string): DeadlockError {
    return new DeadlockError(
      `Cannot go on: ${this.taskCount} tasks are left and nothing can wake them${hint}\n${this.dump()}`,
    );
  }

  #tellDeadlock(): void {
    const error = this.#deadlockError("");
    const runs = this.#runs;
    this.#runs = [];
    for (const run of runs) {
      this.release(undefined);
      run.reject(error);
    }
    for (const waiter of [...this.#waiters]) waiter.onDeadlock(error);
  }

  #settleRuns(): void {
    if (this.#runs.length === 0) return;
    const runs = this.#runs;
    this.#runs = [];
    const list: Failure[] = [];
    for (const failure of this.#unobserved.takeAll()) addFailure(list, failure);
    const primary = list[0];
    if (primary !== undefined) {
      for (const lost of rememberFailures(primary.error, list)) this.report(lost);
    }
    for (const run of runs) {
      this.release(undefined);
      if (primary === undefined) run.resolve();
      else run.reject(primary.error);
    }
  }

  run(): Promise<void> {
    if (context.task?.host === this) {
      throw new TypeError(
        `Cannot run ${this.name}: called inside its task ${context.task.name} (join handles instead)`,
      );
    }
    return new Promise((resolve, reject) => {
      this.#runs.push({ resolve, reject });
      this.hold(undefined);
    });
  }

  checkNotPolling(action: string): void {
    if (!this.#polling) return;
    const inside = context.task === undefined ? "" : ` inside its task ${context.task.name}`;
    throw new TypeError(
      `Cannot ${action} ${this.name}: it is polling${inside} (yield* or await instead)`,
    );
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
      if (waitMs === 0 || task.isFinished) continue;
      if (waitMs === Infinity) {
        const error = this.#deadlockError(
          this.waits[WAKE_OUTSIDE]! + this.waits[WAKE_MAYBE]! === 0
            ? ""
            : " while blockOn() holds the thread: host promises and callbacks cannot progress inside it (use run() or await)",
        );
        if (!own) {
          task.cancel({ kind: "requested", by: "blockOn", note: "deadlock" }, { graceMs: 0 });
          while (this.turn(Infinity) === 0);
        }
        throw error;
      }
      this.#parks++;
      this.#parker.parkSync(waitMs);
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
      polls: this.#polls,
      turns: this.#turns,
      parks: this.#parks,
      completed: this.#ended[0]!,
      failed: this.#ended[TASK_FAILED - TASK_COMPLETED]!,
      cancelled: this.#ended[TASK_CANCELLED - TASK_COMPLETED]!,
      runnable: this.#queued + this.#batchEnd - this.#batchAt,
      timers: this.timers.size,
    };
  }

  dump(): TaskDump {
    return collectDump(this.name, this.root.children(), this);
  }

  /** True once close() no longer lets tasks be spawned. */
  #closing = false;

  close(): Promise<void> {
    if (context.task?.host === this) {
      throw new TypeError(`Cannot close ${this.name}: called inside its task ${context.task.name}`);
    }
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    // Groups may still need cleanup tasks: spawning into the runtime itself ends now.
    this.#closing = true;
    const cause = Cancelled.quiet({ kind: "shutdown" });
    for (const task of this.root.children()) requestCancel(task, cause, DEFAULT_GRACE_MS);
    for (let owned = this.firstOwned; owned !== undefined;) {
      const next = owned.nextOwned;
      owned.cancelFromParent(cause, DEFAULT_GRACE_MS);
      owned = next;
    }
    while (this.taskCount > 0) {
      try {
        await this.run();
      } catch (error) {
        if (error instanceof DeadlockError) throw error;
        this.report({ error, task: { id: -1, name: this.name }, during: "cleanup" });
      }
    }
    this.#unobserved.reportAll();
    this.#parker.close?.();
  }
}

/** Owns the tasks that were spawned on the runtime itself. */
class RootOwner implements Owner {
  readonly graceMs = DEFAULT_GRACE_MS;
  readonly parent = undefined;
  prevOwned: Owner | undefined = undefined;
  nextOwned: Owner | undefined = undefined;
  readonly #core: Core;
  readonly #children = new Children();

  constructor(core: Core) {
    this.#core = core;
  }

  get label(): string {
    return this.#core.name;
  }

  adopt(task: Task<unknown>): void {
    this.#children.add(task);
  }

  childFinished(task: Task<unknown>, observed: boolean): void {
    this.#children.remove(task);
    if (task.status === TASK_FAILED && !observed) {
      this.#core.unobserved(failureOf(task), task);
    }
  }

  cancelFromParent(): void {}

  mustAwait(): boolean {
    return false;
  }

  children(): Iterable<Task<unknown>> {
    return this.#children;
  }
}

/** The failure of a task that failed. */
export function failureOf(task: Task<unknown>): Failure {
  return {
    error: task.result,
    task: { id: task.id, name: task.name },
    during: task.sawCancel ? "cleanup" : "body",
  };
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

/** The first frame outside this package. */
function callerSite(): string {
  const lines = new Error().stack?.split("\n").slice(1) ?? [];
  const own = import.meta.url.slice(0, import.meta.url.lastIndexOf("/runtime/"));
  const line = lines.find((l) =>
    !l.includes(own) || /_test\.|\/tests\/|\/bench\/|\/examples\//.test(l)
  );
  return line?.trim().replace(/^at /, "") ?? "";
}

export { linkOwner, unlinkOwner };
