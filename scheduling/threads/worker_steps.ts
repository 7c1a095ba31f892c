/**
 * The steps of a worker, none of which waits for anything but `park`: what it does next, and how it tells.
 *
 * Invariant: before a worker parks it has said that it sleeps, and then looked at lanes, batches and orders
 * once more. After it has started a task it looks at its orders: the owner, who gives an order first and then
 * looks for running tasks, cannot miss it.
 *
 * @module
 */

import type { ParkWord } from "../../memory/park_word.ts";
import { Claims } from "./claims.ts";
import {
  BATCH,
  type DispatchRegion,
  EVENT_SHIFT,
  EVENTS,
  EVENTS_TAIL,
  GONE,
  LOOK,
  ORDERS,
  REVOKED,
} from "./dispatch_region.ts";
import type { VictimPolicy } from "./dispatch_types.ts";
import { IdleWords } from "./idle_words.ts";
import { OwnerBell } from "./owner_bell.ts";
import { DONE, ownedState, RUNNING, SENT, ticketOf } from "./task_states.ts";

/** There is nothing to do. */
export const NOTHING: number = -1;
/** There are orders; nothing was started. */
export const ORDERED: number = -2;

/** Internal: what `WorkerLoop` is built of. */
export class WorkerSteps {
  readonly #words: Int32Array;
  readonly #region: DispatchRegion;
  readonly #place: number;
  readonly #mask: number;
  readonly #idle: IdleWords;
  readonly #bell: OwnerBell;
  readonly #parks: readonly ParkWord[];
  readonly #claims: Claims;
  #tail: number;
  #parked = 0;
  #woken = 0;
  #isLooking = false;
  #isBatchTimed = false;
  #batchFrom = 0;
  /** Whether the owner slept when this worker last told it something. */
  ownerSlept = false;
  /** When the last batch was looked for, in ms. */
  batchAt = 0;
  /** Which worker this is. */
  readonly worker: number;

  /** Those of `worker`. */
  constructor(region: DispatchRegion, worker: number, victims: VictimPolicy) {
    this.#region = region;
    this.#words = region.words;
    this.worker = worker;
    this.#place = region.placeAt(worker);
    this.#mask = region.ring - 1;
    this.#idle = new IdleWords(region);
    this.#bell = new OwnerBell(region);
    this.#parks = Array.from({ length: region.workers }, (_, i) => region.parkWord(i));
    this.#claims = new Claims(region, worker, victims);
    this.#tail = Atomics.load(this.#words, this.#place + EVENTS_TAIL);
  }

  /** What the owner wants of this worker: bits, 0 for nothing. */
  get orders(): number {
    return Atomics.load(this.#words, this.#place + ORDERS);
  }

  /** Wakes this worker itself: one of its asynchronous tasks has ended. */
  wakeSelf(): void {
    this.#parks[this.worker]!.unpark();
  }

  /** Takes bits of the orders away: they are done. */
  obeyed(bits: number): void {
    Atomics.and(this.#words, this.#place + ORDERS, ~bits);
  }

  /** Starts a task: its slot; or NOTHING, ORDERED. */
  next(): number {
    const claims = this.#claims;
    for (;;) {
      if (this.#isLooking && (this.orders & ~LOOK) !== 0) return ORDERED; // woken for the order
      const slot = claims.start();
      if (slot >= 0) {
        const orders = this.orders;
        if ((orders & ~LOOK) === 0) {
          if (this.#isLooking) this.unavailable();
          return slot;
        }
        // Given up: the owner has counted this one as lost. Else it has a later turn.
        if ((orders & REVOKED) === 0) {
          claims.putBack(slot);
          this.#bell.ring();
        }
        return ORDERED;
      }
      if ((this.orders & ~LOOK) !== 0) return ORDERED;
      if (!this.#refill()) return NOTHING;
    }
  }

  /** Tells the owner that a task's result lies in its record. */
  done(slot: number): void {
    const words = this.#words;
    const state = this.#region.states + slot;
    words[state] = ownedState(DONE, this.worker, ticketOf(words[state]!));
    this.tell(slot);
  }

  /** A task's result is about to go as a message, or, with `failed`, could not. */
  sent(slot: number, failed: boolean): void {
    const state = this.#region.states + slot;
    const phase = failed ? RUNNING : SENT;
    Atomics.store(
      this.#words,
      state,
      ownedState(phase, this.worker, ticketOf(this.#words[state]!)),
    );
  }

  /** Tells the owner of an event: a slot, and its kind above EVENT_SHIFT. */
  tell(slot: number, kind = 0): void {
    this.#words[this.#place + EVENTS + (this.#tail & this.#mask)] = slot | kind << EVENT_SHIFT;
    this.#tail = (this.#tail + 1) | 0;
    Atomics.store(this.#words, this.#place + EVENTS_TAIL, this.#tail);
    this.ownerSlept = this.#bell.ring();
  }

  /** Looks for work up to so long; whether there is some to start, or an order. */
  search(ms: number): boolean {
    if (!this.#isLooking) this.#idle.look(this.worker);
    this.#isLooking = true;
    const until = performance.now() + ms;
    for (let i = 1; !this.#isWanted; i++) {
      Atomics.pause?.();
      if (i % 32 === 0 && performance.now() >= until) return false;
    }
    return true;
  }

  /** Says that this worker sleeps, and looks once more; false when there is something to do. */
  beginSleep(): boolean {
    this.#idle.sleep(this.worker);
    this.#isLooking = false;
    this.#isBatchTimed = false;
    this.count();
    if (!this.#isWanted) return true;
    this.#awake();
    return false;
  }

  /** Sleeps until woken. Blocks the thread. */
  park(timeoutMs: number): void {
    this.#parked++;
    this.#parks[this.worker]!.park(timeoutMs);
    this.#awake();
  }

  /** The same without blocking the thread. */
  async parkAsync(): Promise<void> {
    this.#parked++;
    await this.#parks[this.worker]!.parkAsync();
    this.#awake();
  }

  /** This worker leaves: its last word. What it was looking for, another looks for. */
  leave(): void {
    this.count();
    if (this.isRevoked) this.#found();
    else this.unavailable();
    Atomics.store(this.#words, this.#place + BATCH, 0);
    Atomics.store(this.#words, this.#place + GONE, 1);
    this.#bell.ring();
  }

  /** This worker does something else for now, awake or not: what it was looking for, another looks for. */
  engage(): void {
    this.#isLooking = true;
    this.unavailable();
  }

  /** This worker takes no more for now: what it was looking for, another looks for. */
  unavailable(): void {
    this.#found();
    if (this.#claims.left > 0 || this.#claims.isWorkLeft) this.#wakeOne();
  }

  /** Whether this worker was given up. */
  get isRevoked(): boolean {
    return (this.orders & REVOKED) !== 0;
  }

  /** Tasks started so far. */
  get started(): number {
    return this.#claims.started;
  }

  /** Writes the counters where the owner reads them. */
  count(): void {
    const { started, stolen, claimed } = this.#claims;
    this.#region.count(this.worker, {
      executed: started,
      stolen,
      claims: claimed,
      parks: this.#parked,
      wakes: this.#woken,
    });
  }

  get #isWanted(): boolean {
    return (this.orders & ~LOOK) !== 0 || this.#claims.isWorkLeft;
  }

  /** A new batch, of one's own or stolen. Who has more than one task lets a sleeper have some. */
  #refill(): boolean {
    const claims = this.#claims;
    this.#measure();
    if (!claims.claim() && !(this.#region.steal && claims.steal())) return false;
    this.#found();
    if (claims.left > 1 || claims.isLaneWorkLeft) this.#wakeOne();
    return true;
  }

  /** After sleep this worker looks for work, whoever woke it. */
  #awake(): void {
    this.#idle.wake(this.worker);
    this.#isLooking = true;
  }

  #found(): void {
    if (!this.#isLooking) return;
    this.#isLooking = false;
    this.#idle.busy(this.worker);
  }

  #wakeOne(): void {
    const sleeper = this.#idle.pick();
    if (sleeper < 0) return;
    this.#woken++;
    this.#parks[sleeper]!.unpark();
  }

  /** The mean time of a task, from batch to batch. */
  #measure(): void {
    const claims = this.#claims;
    const now = performance.now();
    const done = claims.started - this.#batchFrom;
    if (this.#isBatchTimed && done > 0) {
      claims.meanMs += ((now - this.batchAt) / done - claims.meanMs) / 4;
    }
    this.#isBatchTimed = true;
    this.batchAt = now;
    this.#batchFrom = claims.started;
  }
}
