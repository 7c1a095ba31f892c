/**
 * How much may live in a group at once, and those who wait for room.
 *
 * @module
 */

import { checkInteger } from "../runtime/clock.ts";
import type { Host } from "../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import { type GroupClosedError, GroupFullError } from "./group_errors.ts";
import { QueuedWait, WaitQueue } from "./sync/wait_queue.ts";

/** What a wait is granted: its room, not its child, which begins when the waiter hears of it. */
const ROOM: unique symbol = Symbol("ROOM");

/** A group, as its budget sees it. */
interface Home {
  readonly host: Host;
  readonly label: string;
  readonly isClosed: boolean;
  closedError(): GroupClosedError;
}

/** The room of one group, in units that its user chose: children, bytes, rows. */
export class GroupBudget {
  readonly home: Home;
  readonly limit: number;
  readonly queue: WaitQueue<Admission<unknown>> = new WaitQueue();
  used = 0;
  /** The child that begins now has its room already. */
  #isAdmitting = false;
  readonly #costs = new Map<object, number>();

  constructor(home: Home, limit: number) {
    this.home = home;
    this.limit = limit;
  }

  /** True when a child of this cost may begin, and nobody waits before it. */
  hasRoom(cost: number): boolean {
    return this.queue.size === 0 && this.fits(cost);
  }

  fits(cost: number): boolean {
    return this.used + cost <= this.limit;
  }

  /** Answers the cost, when it can ever be had. */
  checkCost(cost: number): number {
    checkInteger(cost, 0, "spawn", "cost");
    if (cost <= this.limit) return cost;
    throw new RangeError(
      `Cannot spawn: cost is ${cost} (the budget of ${this.home.label} is ${this.limit})`,
    );
  }

  /** Throws when there is no room; else the room is to be given a child by `charge`. */
  checkRoom(cost: number): void {
    this.checkCost(cost);
    if (this.#isAdmitting || this.hasRoom(cost)) return;
    const { used, limit, home, queue } = this;
    throw new GroupFullError(
      `Cannot spawn: cost is ${cost}, and ${home.label} has ${used} of ${limit} in use` +
        (queue.size > 0 ? `, ${queue.size} waiting for room` : "") +
        ` (wait for room: admit)`,
    );
  }

  /** A child lives. */
  charge(task: object, cost: number): void {
    this.used += cost;
    this.#costs.set(task, cost);
  }

  /** A child has ended. */
  ended(task: object): void {
    const cost = this.#costs.get(task);
    if (cost === undefined) return;
    this.#costs.delete(task);
    this.used -= cost;
    this.serve();
  }

  /** Begins the child of somebody who was let in; what it does not take is there for others. */
  admit<R>(cost: number, spawn: () => R): R {
    this.used -= cost; // which the child takes now
    this.#isAdmitting = true;
    try {
      return spawn();
    } finally {
      this.#isAdmitting = false;
      this.serve();
    }
  }

  /** Lets in who has waited longest, as long as there is room. */
  serve(): void {
    const { queue } = this;
    while (queue.size > 0 && this.fits(queue.first!.cost)) {
      const { first } = queue;
      this.used += first!.cost;
      first!.letIn();
    }
  }

  /** The group takes nobody any more. */
  close(): void {
    while (this.queue.size > 0) this.queue.first!.refuse(this.home.closedError());
  }
}

/** A wait for room; the child begins at the poll that ends it. */
export class Admission<R> extends QueuedWait<R> {
  readonly #budget: GroupBudget;
  readonly #begin: () => R;
  readonly cost: number;

  /** `begin` spawns the child, which takes the room by itself. */
  constructor(budget: GroupBudget, cost: number, begin: () => R) {
    super();
    this.#budget = budget;
    this.#begin = begin;
    this.cost = cost;
  }

  protected start(): Poll<R> {
    const budget = this.#budget;
    if (budget.home.isClosed || budget.hasRoom(this.cost)) return this.#begin() as Poll<R>;
    budget.queue.push(this as Admission<unknown>);
    return PENDING;
  }

  letIn(): void {
    this.grant(ROOM as never);
  }

  override poll(waker: Waker): Poll<R> {
    const answer: unknown = super.poll(waker);
    if (answer !== ROOM) return answer as Poll<R>;
    return this.#budget.admit(this.cost, this.#begin) as Poll<R>;
  }

  protected giveBack(): void {
    this.#budget.used -= this.cost;
    this.#budget.serve();
  }

  protected override leftQueue(): void {
    this.#budget.serve();
  }

  override describe(): string {
    const { home, used, limit } = this.#budget;
    return `room in ${home.label} (${used} of ${limit} in use)`;
  }

  /** @internal */
  override get home(): Host {
    return this.#budget.home.host;
  }
}
