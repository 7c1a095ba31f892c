/**
 * Tasks: a body, one state, one awaited future, one outcome.
 *
 * A task is its own waker and sits in the run queue at most once. Phases:
 *
 *   NEW -> QUEUED -> RUNNING -> PARKED -> QUEUED …          wakes only queue
 *                    RUNNING -> RUNNING_WOKEN -> QUEUED     a wake while running queues it once
 *   any -> CLOSING -> DONE                                  the body ended; then all it started
 *
 * Cancellation is a request, kept until it is delivered: thrown at the current or next await. Then
 * the body may await in its cleanup until the grace is over; after that every await throws again.
 *
 * @module
 */

import { callAs } from "./async_context.ts";
import {
  abandon,
  asGenerator,
  describeWait,
  generatorNext,
  generatorThrow,
  isCancellation,
  isGeneratorFunction,
  notAFuture,
  type PollFn,
} from "./bodies.ts";
import { type Cancellable, CancelState, requestCancel } from "./cancel_state.ts";
import { checkDuration } from "./clock.ts";
import { Timer } from "./deadline.ts";
import { Cancelled, describeReason } from "./errors.ts";
import { FromPollable, Future, YIELD } from "./future.ts";
import {
  type AttachedWait,
  context,
  type Host,
  type Runnable,
  type Waiter,
  WAKE_INSIDE,
  WAKE_PROMISE,
  type WakeSource,
} from "./host.ts";
import type { CancelOptions } from "./join_handle.ts";
import { Bound, Joinable } from "./joinable.ts";
import { type RefusalReport, reportToConsole } from "./observer.ts";
import {
  type Outcome,
  TASK_CANCELLED,
  TASK_COMPLETED,
  TASK_FAILED,
  TASK_PENDING,
  TASK_READY,
  TASK_RUNNING,
  type TaskStatus,
} from "./outcome.ts";
import { type Owned, ownersOf } from "./owned.ts";
import {
  checkPolled,
  isPollable,
  isPromiseLike,
  PENDING,
  type Poll,
  type Pollable,
} from "./poll.ts";
import type { RuntimeApi, TaskScope } from "./task_body.ts";

const NEW = 0;
const SPAWNED = 1;
const QUEUED = 2;
const RUNNING = 3;
const RUNNING_WOKEN = 4;
const PARKED = 5;
const CLOSING = 6;
const DONE = 7;

const FUNCTION = 0;
const GENERATOR = 1;
const ASYNC = 2;
const POLLABLE = 3;
const STATE_POLL = 4;
const PROMISE = 5;

/** Ready awaits a generator may pass in one poll before it must let others run (tokio uses 128). */
const BUDGET = 128;

/** What owns tasks: the runtime itself, or a group. A task lists the owners it opened. */
export interface Owner extends Owned<Owner> {
  /** The runtime. */
  readonly host: Host;
  /** Name for reasons and dumps. */
  readonly label: string;
  /** Grace of cancelled children that were given none, in ms. */
  readonly graceMs: number;
  /** The task that opened it, if one did. */
  readonly parent: Task<unknown> | undefined;
  /** A child ended. */
  childFinished(task: Task<unknown>): void;
  /** The parent was cancelled, or ended. */
  cancelFromParent(cause: Cancelled, graceMs: number): void;
  /** The parent was cancelled again, with a shorter grace. */
  shortenGrace(graceMs: number): void;
  /** True when its parent can do nothing but wait for this child. */
  mustAwait(task: Task<unknown>): boolean;
  /** Live children, for dumps. */
  children(): Iterable<Task<unknown>>;
}

/** What few tasks need. */
interface Extra {
  controller: AbortController | undefined;
  spawnSite: string;
  onEnd: (() => void) | undefined;
  awaitHook: unknown;
}

/** What a parked generator awaits once it is to be resumed by a throw. */
class Thrown implements Pollable<never> {
  constructor(readonly error: unknown) {}

  poll(): never {
    throw this.error;
  }
}

/** The one implementation of {@linkcode JoinHandle}; also what a body gets as its `TaskScope`. */
export class Task<T> extends Joinable<T> implements Runnable, Waiter, TaskScope, Cancellable {
  readonly #id: number;
  /** The given name, or the function that has one. */
  readonly #name: string | { readonly name: string } | undefined;
  readonly owner: Owner;
  /** Owned by the owner: its list of children. */
  prevSibling: Task<unknown> | undefined = undefined;
  /** Owned by the owner. */
  nextSibling: Task<unknown> | undefined = undefined;
  /** Owners opened by this task that have live children. */
  firstOwned: Owner | undefined = undefined;
  #phase = NEW;
  #kind: number;
  #body: unknown;
  #pollFn: PollFn | undefined;
  #awaiting: Pollable<unknown> | undefined = undefined;
  /** The source counted while parked, else -1. */
  #counted = -1;
  #firstWait: AttachedWait | undefined = undefined;
  #cancel: CancelState | undefined = undefined;
  #extra: Extra | undefined = undefined;

  constructor(
    id: number,
    owner: Owner,
    body: unknown,
    poll: PollFn | undefined,
    name: string | { readonly name: string } | undefined,
  ) {
    super();
    this.#id = id;
    this.owner = owner;
    this.#body = body;
    this.#pollFn = poll;
    this.#name = name;
    if (poll !== undefined) this.#kind = STATE_POLL;
    else if (typeof body === "function") this.#kind = FUNCTION;
    else if (isPollable(body)) this.#kind = POLLABLE;
    else {
      this.#kind = PROMISE;
      // Followed from the first poll on; a rejection before that must not count as unhandled.
      if (body instanceof Promise) body.catch(() => {});
    }
  }

  get id(): number {
    return this.#id;
  }

  /** Its owner knows: a word less in each task. */
  get host(): Host {
    return this.owner.host;
  }

  get name(): string {
    const name = this.#name;
    return (typeof name === "string" ? name : name?.name) || `task ${this.#id}`;
  }

  get status(): TaskStatus {
    switch (this.#phase) {
      case DONE:
        return this.#kind as TaskStatus; // the body is gone: the field holds how it ended
      case QUEUED:
        return TASK_READY;
      case RUNNING:
      case RUNNING_WOKEN:
        return TASK_RUNNING;
    }
    return TASK_PENDING;
  }

  get isFinished(): boolean {
    return this.#phase === DONE;
  }

  /** The cancellation asked for, if one was. */
  get cancelled(): Cancelled | undefined {
    return this.#cancel?.cancelled;
  }

  /** The cancellation that the next await must throw, if there is one. */
  get pendingCancel(): Cancelled | undefined {
    const cancel = this.#cancel;
    return cancel !== undefined && cancel.mustThrow(this.host.clock) ? cancel.cancelled : undefined;
  }

  /** True once the body has ended. */
  get isEnding(): boolean {
    return this.#phase >= CLOSING;
  }

  /** True when the body has seen its cancellation. */
  get sawCancel(): boolean {
    return this.#cancel !== undefined && this.#cancel.seen;
  }

  /** True while an async body is in an await that is not ours. */
  get isUnreachable(): boolean {
    return this.#kind === ASYNC && this.#firstWait === undefined;
  }

  /** What the task waits for, for dumps. */
  get awaiting(): object | undefined {
    if (this.#kind === POLLABLE && this.#body instanceof Future) return this.#body;
    return this.#awaiting ?? this.#firstWait?.target;
  }

  /** The handle this task is parked on, and nothing else: an edge of the wait-for graph. */
  get joining(): Task<unknown> | undefined {
    return this.#phase === PARKED && this.#awaiting instanceof Task ? this.#awaiting : undefined;
  }

  /** The owner whose end this task is parked on, and nothing else: edges to its children. */
  get awaitedOwner(): Owner | undefined {
    if (this.#phase !== PARKED || this.#awaiting instanceof Task) return undefined;
    return (this.#awaiting as { readonly awaitedOwner?: Owner } | undefined)?.awaitedOwner;
  }

  // ---- running ------------------------------------------------------------------------------

  /** Puts a new task in the run queue; its owner decides when. */
  start(): void {
    if (this.#phase !== NEW) return;
    this.#phase = SPAWNED;
    this.host.enqueue(this);
  }

  wake(): void {
    if (this.#phase === PARKED) {
      this.#unpark();
      this.#phase = QUEUED;
      this.host.enqueue(this);
    } else if (this.#phase === RUNNING) this.#phase = RUNNING_WOKEN;
  }

  runOnce(): void {
    if (this.#phase !== QUEUED && this.#phase !== SPAWNED) {
      if (this.#phase === CLOSING && this.firstOwned === undefined) this.#complete();
      return;
    }
    this.#phase = RUNNING;
    context.task = this;
    const { watch } = this.host;
    if (watch !== undefined) watch.tell("onPoll", this);
    switch (this.#kind) {
      case GENERATOR:
        this.#runGenerator(this.#body as Generator<unknown, T>);
        break;
      case STATE_POLL:
      case POLLABLE:
        this.#runPoll();
        break;
      case FUNCTION:
        this.#call(this.#body as (task: TaskScope) => unknown);
        break;
      case PROMISE:
        this.#follow(this.#body as PromiseLike<T>);
    }
    context.task = undefined;
  }

  #call(body: (task: TaskScope) => unknown): void {
    let made: unknown;
    try {
      // A generator function only makes its generator; any other function may go on as async.
      made = isGeneratorFunction(body) ? body(this) : callAs(this, () => body(this));
    } catch (error) {
      return this.#endWithError(error);
    }
    if (typeof made !== "object" || made === null) return this.#endWithValue(made as T);
    const generator = asGenerator<T>(made);
    if (generator !== undefined) {
      this.#body = generator;
      this.#kind = GENERATOR;
      return this.#runGenerator(generator);
    }
    if (isPollable(made)) {
      this.#body = made;
      this.#kind = POLLABLE;
      return this.#runPoll();
    }
    if (isPromiseLike(made)) return this.#follow(made as PromiseLike<T>);
    if (Object.prototype.toString.call(made) === "[object AsyncGenerator]") {
      return this.#endWithError(
        new TypeError(
          `Cannot run ${this.name}: the body is an async generator (write function* or async function)`,
        ),
      );
    }
    this.#endWithValue(made as T);
  }

  /** An async body: it has its own continuation; we follow its promise. */
  #follow(promise: PromiseLike<T>): void {
    // A promise that was spawned, rather than called, is not ours to wait for when cancelled.
    if (this.#kind === FUNCTION) this.#kind = ASYNC;
    this.#body = undefined;
    this.#park(undefined, WAKE_PROMISE);
    if (this.#firstWait !== undefined) this.#recount(WAKE_PROMISE, this.host.bodySource);
    if (this.#cancel !== undefined) this.#interruptWaits(); // it cancelled itself
    try {
      promise.then(
        (value) => this.#phase >= CLOSING ? undefined : this.#endWithValue(value),
        (error) => this.#phase >= CLOSING ? undefined : this.#endWithError(error),
      );
    } catch (error) {
      if (this.#phase < CLOSING) this.#endWithError(error);
    }
  }

  #runPoll(): void {
    let value: Poll<unknown>;
    try {
      value = this.#pollFn !== undefined
        ? this.#pollFn(this.#body, this)
        : (this.#body as Pollable<unknown>).poll(this);
      if (value !== PENDING) checkPolled(value);
    } catch (error) {
      return this.#endWithError(error);
    }
    if (value !== PENDING) return this.#endWithValue(value as T);
    if (this.#cancel !== undefined) return this.#abandonBody();
    this.#park(
      undefined,
      this.#body instanceof Future ? this.#body.source : 1,
    );
  }

  #runGenerator(generator: Generator<unknown, T>): void {
    let budget = BUDGET;
    let input: unknown = undefined;
    let failed = false;
    let waiting = this.#awaiting;
    for (;;) {
      if (waiting !== undefined) {
        const cancel = this.#cancel;
        if (
          cancel !== undefined && cancel.mustThrow(this.host.clock) &&
          abandon(waiting, this, cancel.cancelled)
        ) {
          input = cancel.deliver();
          failed = true;
        } else if (waiting === YIELD) {
          input = undefined;
        } else if (waiting instanceof Thrown) {
          input = waiting.error;
          failed = true;
        } else {
          try {
            input = waiting.poll(this);
            if (typeof input === "object") checkPolled(input);
          } catch (error) {
            input = error;
            failed = true;
            cancel?.sawThrow(error);
          }
          if (input === PENDING && !failed) {
            if (this.#cancel !== cancel) continue; // cancelled by what was polled
            return this.#park(waiting, waiting instanceof Future ? waiting.source : 1);
          }
        }
        this.#awaiting = undefined;
      }
      let step: IteratorResult<unknown, T>;
      try {
        step = failed
          ? generatorThrow.call(generator, input)
          : generatorNext.call(generator, input);
      } catch (error) {
        return this.#endWithError(error);
      }
      if (step.done) return this.#endWithValue(step.value);
      failed = false;
      waiting = step.value as Pollable<unknown>;
      if (waiting !== YIELD && !(waiting instanceof Future)) {
        if (isPollable(waiting)) waiting = new FromPollable(waiting);
        else {
          input = notAFuture(step.value);
          failed = true;
          waiting = undefined;
          continue;
        }
      }
      if (waiting === YIELD || --budget === 0) {
        this.#awaiting = waiting;
        this.#phase = QUEUED;
        this.host.enqueue(this);
        return;
      }
    }
  }

  #park(waiting: Pollable<unknown> | undefined, source: WakeSource): void {
    this.#awaiting = waiting;
    if (this.#phase === RUNNING_WOKEN) {
      this.#phase = QUEUED;
      this.host.enqueue(this);
      return;
    }
    this.#phase = PARKED;
    this.#counted = source;
    this.host.waits[source]!++;
    if (source === WAKE_INSIDE && waiting instanceof Task) this.host.joinParked(this);
    this.#cancel?.parked(this);
  }

  /**
   * While an async body awaits something of ours, it may be awaiting something foreign with it, by
   * `Promise.race` say: that nothing else can wake it is not certain. See `Host.bodySource`.
   */
  #recount(from: WakeSource, to: WakeSource): void {
    this.host.waits[from]!--;
    this.host.waits[to]!++;
  }

  /** An async body on its way by itself: it is counted as a wait for its promise. */
  get #isFloating(): boolean {
    return this.#kind === ASYNC && this.#counted === WAKE_PROMISE;
  }

  #unpark(): void {
    const counted = this.#counted;
    if (counted >= 0) {
      this.#counted = -1;
      // While an async body waits on a future of ours, that wait is counted instead.
      const attached = this.#kind === ASYNC && this.#firstWait !== undefined;
      this.host.waits[attached ? this.host.bodySource : counted]!--;
    }
  }

  // ---- ending -------------------------------------------------------------------------------

  #endWithValue(value: T): void {
    const cancel = this.#cancel;
    if (cancel === undefined || !cancel.seen) return this.#close(TASK_COMPLETED, value);
    this.host.watch?.tell("onSwallowedCancel", this, cancel.cancelled.reason);
    this.#close(TASK_CANCELLED, cancel.cancelled);
  }

  #endWithError(error: unknown): void {
    const cancel = this.#cancel;
    if (cancel !== undefined && isCancellation(error)) {
      this.#close(TASK_CANCELLED, cancel.cancelled);
    } else this.#close(TASK_FAILED, error);
  }

  /** The body ended. Whatever it opened and left open is cancelled and waited for first. */
  #close(status: TaskStatus, result: unknown): void {
    this.#unpark();
    this.#kind = status;
    this.result = result;
    this.#phase = CLOSING;
    this.#body = this.#pollFn = this.#awaiting = undefined;
    this.#cancel?.over(this.host);
    while (this.#firstWait !== undefined) {
      const wait = this.#firstWait;
      this.#unlink(wait);
      wait.orphan();
    }
    if (this.firstOwned === undefined) return this.#complete();
    const cause = this.#cancel?.cancelled ??
      Cancelled.quiet({ kind: "requested", by: this.name, note: "its body ended" });
    this.#cancelOwned(cause, this.owner.graceMs);
  }

  #cancelOwned(cause: Cancelled, graceMs: number): void {
    if (this.firstOwned === undefined) return;
    for (const owned of ownersOf(this)) owned.cancelFromParent(cause, graceMs);
  }

  #complete(): void {
    this.#phase = DONE;
    this.host.exited(this);
    this.wakeJoiners();
    this.#extra?.onEnd?.();
    this.owner.childFinished(this);
  }

  /** An owner this task opened has no live children any more. */
  ownedEnded(): void {
    if (this.#phase === CLOSING && this.firstOwned === undefined) this.host.enqueue(this);
  }

  // ---- cancelling ---------------------------------------------------------------------------

  override cancel(reason?: unknown, options?: CancelOptions): void {
    const graceMs = options?.graceMs === undefined
      ? this.owner.graceMs
      : checkDuration(options.graceMs, "cancel task", "graceMs", true);
    if (this.#phase >= CLOSING) return;
    requestCancel(this, new Cancelled(reason), graceMs);
  }

  cancelAndJoin(reason?: unknown, options?: CancelOptions): Future<Outcome<T>> {
    this.cancel(reason, options);
    return this.settled();
  }

  /** Takes a cancel request; called by `requestCancel` only, which keeps it from recursing. */
  takeCancel(cancelled: Cancelled, graceMs: number): void {
    if (this.#phase >= CLOSING) return;
    if (this.#cancel !== undefined) {
      if (!this.#cancel.shorten(this.host, graceMs)) return;
      if (this.#phase === PARKED) this.#cancel.parked(this);
      for (const owned of ownersOf(this)) owned.shortenGrace(graceMs);
      return;
    }
    const cancel = this.#cancel = new CancelState(cancelled, this.host.clock.now() + graceMs);
    this.#cancelOwned(cancelled, graceMs);
    if (this.#extra?.controller !== undefined) {
      cancel.seen = true;
      this.#extra.controller.abort(cancelled);
      if ((this.#phase as number) >= CLOSING) return;
    }
    if (this.#phase === RUNNING || this.#phase === RUNNING_WOKEN) return;
    if (this.#phase === NEW || this.#phase === SPAWNED) {
      if (this.#body instanceof Future) this.#body.abandon(this, cancelled);
      return this.#close(TASK_CANCELLED, cancelled);
    }
    if (this.#kind === ASYNC) this.#interruptWaits();
    else if (this.#kind === GENERATOR) this.#interruptGenerator();
    else this.#abandonBody();
    if (this.#phase === PARKED) cancel.parked(this);
  }

  /** Throws into a parked generator by queueing it; a wait that must end by itself is only told. */
  #interruptGenerator(): void {
    if (this.#phase !== PARKED) return; // queued: the cancel is thrown at its turn
    const waiting = this.#awaiting;
    if (waiting === undefined || !abandon(waiting, this, this.#cancel!.cancelled)) return;
    const thrown = this.#cancel!.deliver();
    this.#resumeThrowing(thrown);
  }

  /** Ends the wait of a parked generator by throwing `error` there. */
  throwInto(error: unknown): void {
    const waiting = this.#awaiting;
    if (this.#phase !== PARKED || waiting === undefined || !abandon(waiting, this, error)) return;
    this.#resumeThrowing(error);
  }

  #resumeThrowing(error: unknown): void {
    this.#awaiting = new Thrown(error);
    this.wake();
  }

  #interruptWaits(): void {
    this.#cancel!.waitsFor = describeWait(this.#firstWait?.target);
    let wait = this.#firstWait;
    while (wait !== undefined) {
      const next: AttachedWait | undefined = wait.nextWait;
      if (wait.interrupt(this.#cancel!.cancelled)) this.#cancel!.deliver();
      wait = next;
    }
  }

  /** A pollable or promise has no cleanup of its own: it is told, and the task is over. */
  #abandonBody(): void {
    const cancelled = this.#cancel!.cancelled;
    if (this.#kind === POLLABLE && !abandon(this.#body as Pollable<unknown>, this, cancelled)) {
      // It will end by itself: polled now, it waits on; queued, its turn comes.
      if (this.#phase === RUNNING || this.#phase === RUNNING_WOKEN) {
        this.#park(undefined, WAKE_INSIDE);
      }
      return;
    }
    this.#close(TASK_CANCELLED, cancelled);
  }

  /** The grace is over, or a refuser's pause is: throws again at whatever the task waits for. */
  throwAgain(): void {
    if (this.#phase !== PARKED) return;
    const cancel = this.#cancel!;
    this.#cancelOwned(cancel.cancelled, 0);
    if (this.#kind === GENERATOR) this.#interruptGenerator();
    else this.#interruptWaits();
    if (this.#phase === PARKED) cancel.parked(this);
  }

  reportRefusal(deliveries: number): void {
    const report: RefusalReport = {
      task: this,
      reason: this.#cancel!.cancelled.reason,
      deliveries,
      waitsFor: this.#cancel!.waitsFor ?? describeWait(this.awaiting) ?? "a promise",
      spawnSite: this.spawnSite,
    };
    if (this.host.watch?.tell("onRefusal", report)) return;
    reportToConsole(
      `${this.name} goes on although it was cancelled (${
        describeReason(report.reason)
      }); it waits for ` +
        report.waitsFor + (report.spawnSite === "" ? "" : `; spawned at ${report.spawnSite}`),
    );
  }

  // ---- waits of an async body -----------------------------------------------------------------

  attach(wait: AttachedWait): boolean {
    const first = this.#firstWait;
    wait.nextWait = first;
    if (first !== undefined) first.prevWait = wait;
    else if (this.#isFloating) this.#recount(WAKE_PROMISE, this.host.bodySource);
    this.#firstWait = wait;
    const cancel = this.#cancel;
    if (cancel === undefined) return false;
    if (cancel.mustThrow(this.host.clock) && wait.interrupt(cancel.cancelled)) {
      cancel.deliver();
      return true;
    }
    cancel.parked(this);
    return false;
  }

  sawThrow(error: unknown): void {
    this.#cancel?.sawThrow(error);
  }

  detach(wait: AttachedWait): void {
    this.#unlink(wait);
    if (this.#firstWait === undefined && this.#isFloating) {
      this.#recount(this.host.bodySource, WAKE_PROMISE);
    }
  }

  #unlink(wait: AttachedWait): void {
    const { prevWait: prev, nextWait: next } = wait;
    if (prev !== undefined) prev.nextWait = next;
    else if (this.#firstWait === wait) this.#firstWait = next;
    if (next !== undefined) next.prevWait = prev;
    wait.prevWait = wait.nextWait = undefined;
  }

  // ---- as TaskScope ---------------------------------------------------------------------------

  get signal(): AbortSignal {
    const extra = this.#extras();
    if (extra.controller === undefined) {
      extra.controller = new AbortController();
      if (this.#cancel !== undefined) {
        this.#cancel.seen = true;
        extra.controller.abort(this.#cancel.cancelled);
      }
    }
    return extra.controller.signal;
  }

  /** Where it was spawned, when the observer asked for it; else empty. */
  get spawnSite(): string {
    return this.#extra?.spawnSite ?? "";
  }

  set spawnSite(site: string) {
    this.#extras().spawnSite = site;
  }

  get awaitHook(): unknown {
    return this.#extra?.awaitHook;
  }

  set awaitHook(hook: unknown) {
    this.#extras().awaitHook = hook;
  }

  /** Called once when the task has ended, before its owner is told. Must not throw. */
  set onEnd(onEnd: () => void) {
    this.#extras().onEnd = onEnd;
  }

  #extras(): Extra {
    return this.#extra ??= {
      controller: undefined,
      spawnSite: "",
      onEnd: undefined,
      awaitHook: undefined,
    };
  }

  get runtime(): RuntimeApi {
    return this.host.api as RuntimeApi;
  }

  sleep(ms: number): Future<void> {
    return new Bound(new Timer(checkDuration(ms, "sleep", "ms"), this.host), this);
  }

  wait<V>(source: Pollable<V> | PromiseLike<V>): Future<V> {
    return new Bound(Future.from(source), this);
  }

  throwIfCancelled(): void {
    const cancel = this.#cancel;
    if (cancel !== undefined && cancel.mustThrow(this.host.clock)) throw cancel.deliver();
  }
}
