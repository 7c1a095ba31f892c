/**
 * Permits, who holds them, and who waits for them: the inside of semaphores, mutexes and
 * reader-writer locks.
 *
 * One rule for all: a wait of weight w is let in when w permits are free and everybody who came
 * before it is in. A mutex has one permit; a reader takes one of many, a writer takes all.
 *
 * @module
 */

import { ClosedError, DeadlockError } from "../../runtime/errors.ts";
import {
  context,
  type Host,
  type Waiter,
  WAKE_INSIDE,
  WAKE_MAYBE,
  type WakeSource,
} from "../../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../../runtime/poll.ts";
import { waitsFor } from "../../runtime/deadlock.ts";
import { Task } from "../../runtime/task.ts";
import { type Edges, watchForCycle } from "./lock_cycles.ts";
import { Permit } from "./permit.ts";
import { QueuedWait, WaitQueue } from "./wait_queue.ts";

/** A generator task that waits for nothing else: while it waits, nothing of it goes on. */
const DIRECT = 0;
/** An async body, or a branch of a race: other parts of the task may go on meanwhile. */
const LOOSE = 1;
/** Host code, or a task of another runtime. */
const STRANGER = 2;

/** Holders named in a dump, and looked at for deadlocks. */
const SHOWN_HOLDERS = 3;
const LOOKED_AT = 64;

const HELD = 0;
const LENT = 1;
const RELEASED = 2;

/** The one implementation of {@linkcode Permit}; a link in its core's list of holders. */
export class Hold extends Permit {
  readonly core: PermitCore;
  #weight: number;
  /** Who took it; `undefined` for code outside tasks. */
  readonly task: Waiter | undefined;
  /** How surely only that task can release it. */
  readonly tie: number;
  /** Owned by the core. */
  prevHold: Hold | undefined = undefined;
  /** Owned by the core. */
  nextHold: Hold | undefined = undefined;
  #state = HELD;

  constructor(core: PermitCore, weight: number, task: Waiter | undefined, tie: number) {
    super();
    this.core = core;
    this.#weight = weight;
    this.task = task;
    this.tie = tie;
  }

  /** How many permits it stands for. */
  get weight(): number {
    return this.#weight;
  }

  /** More or fewer from now on; `core.serve()` lets in those for whom that makes room. */
  set weight(weight: number) {
    this.core.used += weight - this.#weight;
    this.#weight = weight;
  }

  get isReleased(): boolean {
    return this.#state !== HELD;
  }

  release(): boolean {
    const isHeld = this.#state === HELD;
    this.#state = RELEASED; // also while lent: then it is not taken again
    if (!isHeld) return false;
    this.core.unlink(this);
    this.core.serve();
    return true;
  }

  /** Gives the permits back for a while; `restore` makes it held again. */
  lend(): void {
    this.#state = LENT;
    this.core.unlink(this);
    this.core.serve();
  }

  /** Ends `lend`: the permits are free, and are held again, unless it was released meanwhile. */
  restore(): void {
    if (this.#state !== LENT) return;
    this.#state = HELD;
    this.core.link(this);
  }

  /** "worker #3", for dumps. */
  get holderName(): string {
    const { task } = this;
    if (task === undefined) return "code outside tasks";
    return `${task.name} #${task.id}` + (task.isFinished ? ", which has ended" : "");
  }
}

/** A wait for permits. */
export class AcquireWait extends QueuedWait<Permit> {
  readonly core: PermitCore;
  readonly weight: number;
  task: Waiter | undefined = undefined;
  tie = STRANGER;

  constructor(core: PermitCore, weight: number) {
    super();
    this.core = core;
    this.weight = weight;
  }

  protected start(waker: Waker): Poll<Permit> {
    const { core, weight } = this;
    core.checkOpen();
    this.meet(waker);
    if (core.isFree(weight)) return core.take(weight, this.task, this.tie);
    this.standInLine();
    return PENDING;
  }

  /** Notes who waits. */
  protected meet(waker: Waker): void {
    const { core } = this;
    const task = this.task = context.task;
    this.tie = core.tieOf(task, task === (waker as unknown));
  }

  /** Joins the queue, unless that can never end. */
  protected standInLine(): void {
    const { core } = this;
    if (core.isLock && this.tie === DIRECT) this.checkReentry();
    this.join();
    if (core.isLock && this.tie === DIRECT && core.isHolderWaiting()) {
      watchForCycle(this.task as Task<unknown>, core.title);
    }
  }

  /** Throws when the task would wait for itself. */
  protected checkReentry(): void {
    this.core.checkReentry(this.task!);
  }

  /** The tasks it waits for: those who hold it, and the first in the line. */
  protected *blockers(): Generator<Task<unknown>> {
    yield* this.core.holdingTasks();
    const { first } = this.core.queue;
    if (first !== this && first?.task instanceof Task && first.tie === DIRECT) yield first.task;
  }

  /** Joins the queue. */
  protected join(): void {
    this.core.queue.push(this);
    this.core.count(this.tie, 1);
  }

  /** Called by the core when it is this one's turn. */
  admit(): void {
    const { core } = this;
    core.count(this.tie, -1);
    this.grant(core.take(this.weight, this.task, this.tie));
  }

  protected giveBack(permit: Permit): void {
    permit.release();
  }

  override putBack(permit: Permit): void {
    this.giveBack(permit);
  }

  protected override leftQueue(): void {
    this.core.count(this.tie, -1);
    this.core.serve();
  }

  /** True while it stands in the line of a lock: for the wait-for graph. */
  get isLockWait(): boolean {
    return this.isQueued && this.core.isLock;
  }

  /** Whom it waits for, in the shape in which the wait-for graph knows groups. */
  get awaitedOwner(): Edges | undefined {
    if (!this.isLockWait) return undefined;
    return { children: () => this.blockers(), mustAwait: () => true };
  }

  protected override currentSource(): WakeSource {
    return this.core.sourceOfWaits();
  }

  override describe(): string {
    return this.core.describe(this.weight);
  }
}

/** Permits, their holders, and the queue. */
export class PermitCore {
  /** "semaphore db": for errors and dumps. */
  readonly title: string;
  /** Only the task that took it may release it. */
  readonly isLock: boolean;
  capacity: number;
  used = 0;
  readonly queue: WaitQueue<AcquireWait> = new WaitQueue();
  /** Lines of conditions in which somebody waits who will want a permit again. */
  readonly lines: Set<WaitQueue<AcquireWait>> = new Set();
  #firstHold: Hold | undefined = undefined;
  #lastHold: Hold | undefined = undefined;
  #holds = 0;
  #closed = false;
  /** The runtime whose tasks use it; others are strangers meanwhile. */
  #home: Host | undefined = undefined;
  /** Strangers that hold a permit or wait for one. */
  #strangers = 0;

  constructor(title: string, capacity: number, isLock: boolean) {
    this.title = title;
    this.capacity = capacity;
    this.isLock = isLock;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Ends every wait by `ClosedError`; permits that are out may still be released. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const line of [this.queue, ...this.lines]) line.refuseAll(this.closedError());
    this.lines.clear();
  }

  closedError(): ClosedError {
    return new ClosedError(`Cannot wait for ${this.title}: it is closed`);
  }

  checkOpen(): void {
    if (this.#closed) throw this.closedError();
  }

  // ---- taking and giving back -------------------------------------------------------------------

  /** True when a newcomer of this weight may go in at once: nobody came before it. */
  isFree(weight: number): boolean {
    return this.queue.size === 0 && this.used + weight <= this.capacity;
  }

  /** Takes permits that are free. */
  take(weight: number, task: Waiter | undefined, tie: number): Hold {
    const hold = new Hold(this, weight, task, tie);
    this.link(hold);
    return hold;
  }

  link(hold: Hold): void {
    this.used += hold.weight;
    this.count(hold.tie, 1);
    const first = this.#firstHold;
    hold.nextHold = first;
    if (first === undefined) this.#lastHold = hold;
    else first.prevHold = hold;
    this.#firstHold = hold;
    this.#holds++;
  }

  unlink(hold: Hold): void {
    this.used -= hold.weight;
    this.count(hold.tie, -1);
    const { prevHold: prev, nextHold: next } = hold;
    if (prev === undefined) this.#firstHold = next;
    else prev.nextHold = next;
    if (next === undefined) this.#lastHold = prev;
    else next.prevHold = prev;
    this.#holds--;
    hold.prevHold = hold.nextHold = undefined;
  }

  /** Lets in those at the front for whom there is room. */
  serve(): void {
    let wait = this.queue.first;
    while (wait !== undefined && this.used + wait.weight <= this.capacity) {
      wait.admit();
      wait = this.queue.first;
    }
  }

  // ---- who ends a wait --------------------------------------------------------------------------

  /** How surely only `task` will release what it takes now. */
  tieOf(task: Waiter | undefined, isDirect: boolean): number {
    if (task === undefined) return STRANGER;
    if (this.#firstHold === undefined && this.queue.size === 0) this.#home = task.host;
    if (task.host !== this.#home) return STRANGER;
    return isDirect ? DIRECT : LOOSE;
  }

  /** A holder or a wait came (1), or went (-1). */
  count(tie: number, by: number): void {
    if (tie === STRANGER) this.#strangers += by;
  }

  /**
   * Host code may end a wait when it holds something, or is before it in the queue. A permit that a
   * task took may have been handed on; a lock may not, so its wait ends by that task, or never. (An
   * async body counts for itself, as long as it lives.)
   */
  sourceOfWaits(): WakeSource {
    const { host } = context;
    if (host === undefined || host !== this.#home || this.#strangers > 0) return WAKE_MAYBE;
    if (!this.isLock) return host.bodySource;
    let looked = 0;
    for (let hold = this.#firstHold; hold !== undefined; hold = hold.nextHold) {
      if (hold.task!.isFinished || ++looked > LOOKED_AT) return host.bodySource;
    }
    return WAKE_INSIDE;
  }

  /**
   * A task that holds a part of a lock, and would wait for it, waits for itself.
   *
   * @throws {DeadlockError}
   */
  checkReentry(task: Waiter): void {
    let looked = 0;
    for (let hold = this.#firstHold; hold !== undefined; hold = hold.nextHold) {
      if (hold.task === task && hold.tie === DIRECT) {
        throw new DeadlockError(
          `Cannot wait for ${this.title}: ${task.name} #${task.id} holds it already (locks are not re-entrant)`,
        );
      }
      if (++looked > LOOKED_AT) return;
    }
  }

  /** True when a holder waits for a task, a group or a lock: then a cycle may just have closed. */
  isHolderWaiting(): boolean {
    let looked = 0;
    for (let hold = this.#firstHold; hold !== undefined; hold = hold.nextHold) {
      const task = hold.task as Task<unknown> | undefined;
      if (task !== undefined && !waitsFor(task).next().done) return true;
      if (++looked > LOOKED_AT) return false;
    }
    return false;
  }

  /** The tasks that hold it. */
  *holdingTasks(except?: Hold): Generator<Task<unknown>> {
    let looked = 0;
    for (let hold = this.#firstHold; hold !== undefined; hold = hold.nextHold) {
      if (hold !== except && hold.task instanceof Task && !hold.task.isFinished) yield hold.task;
      if (++looked > LOOKED_AT) return;
    }
  }

  /** Names of holders, the latest first. */
  holders(): string[] {
    const names: string[] = [];
    for (let hold = this.#firstHold; hold !== undefined; hold = hold.nextHold) {
      names.push(hold.holderName);
    }
    return names;
  }

  /** "semaphore db (0 of 3 free; held by a #1, b #2)". O(1): every wait that times out is told so. */
  describe(weight: number): string {
    const facts: string[] = [];
    if (!this.isLock) {
      const free = Math.max(0, this.capacity - this.used);
      facts.push(`${weight > 1 ? `${weight} wanted, ` : ""}${free} of ${this.capacity} free`);
    }
    const names: string[] = [];
    for (let hold = this.#lastHold; hold !== undefined; hold = hold.prevHold) {
      if (names.push(hold.holderName) === SHOWN_HOLDERS) break;
    }
    const more = this.#holds - names.length;
    if (names.length > 0) {
      facts.push(`held by ${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`);
    }
    return facts.length === 0 ? this.title : `${this.title} (${facts.join("; ")})`;
  }
}
