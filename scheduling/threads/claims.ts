/**
 * How a worker gets tasks: from its batch, from the lanes, from other workers' batches.
 *
 * A batch is up to 16 entries that a worker has taken off a lane, listed in its own words, where others find
 * them: so a long task does not hold up those claimed with it. Like all lists it is a hint; who starts an
 * entry is decided at its state. That is why it needs no protocol of owner and thief, as the deque of Chase
 * and Lev has (whose push and pop cost 28 ns a task here), and why a worker that dies anywhere leaves nothing
 * that the owner could not find by the states alone.
 *
 * Invariant, for workers that were given up and go on: between reading an entry from shared words and the
 * compare-and-swap that claims or starts it, the worker looks at its orders. Whatever it read before it was
 * given up has a new ticket since; what it reads after, it does not use.
 *
 * Claiming in proportion: Go's `globrunqget` (Dmitry Vyukov, 2012). Stealing half: Danny Hendler, Nir
 * Shavit, "Non-Blocking Steal-Half Work Queues" (2002).
 *
 * @module
 */

import { LINE_WORDS } from "../../memory/layout.ts";
import { BATCH, type DispatchRegion, LANES, ORDERS, REVOKED } from "./dispatch_region.ts";
import type { VictimPolicy } from "./dispatch_types.ts";
import { ownedState, queuedState, RUNNING } from "./task_states.ts";

const LOW = 2;
const LOW_TURN = 16;
const COUNT_SHIFT = 8;
const FIRST = BATCH + 1;
const SHORT_BATCH_MS = 0.02;

/** Internal: the tasks one worker claims, starts and steals. */
export class Claims {
  readonly #words: Int32Array;
  readonly #region: DispatchRegion;
  readonly #worker: number;
  readonly #place: number;
  readonly #slotBits: number;
  readonly #slotMask: number;
  readonly #ticketMask: number;
  readonly #victims: VictimPolicy;
  #next = 0;
  #count = 0;
  #isStolen = false;
  #turn = 0;
  /** Mean time of a task lately, in ms: bounds the batch. */
  meanMs = 0;
  /** Tasks started; of those, stolen; batches taken. */
  started = 0;
  stolen = 0;
  claimed = 0;

  /** Those of `worker`. */
  constructor(region: DispatchRegion, worker: number, victims: VictimPolicy) {
    this.#region = region;
    this.#words = region.words;
    this.#worker = worker;
    this.#place = region.placeAt(worker);
    const { slotBits, slotMask, ticketMask } = region.format;
    this.#slotBits = slotBits;
    this.#slotMask = slotMask;
    this.#ticketMask = ticketMask;
    this.#victims = victims;
  }

  /** Starts the next entry of the batch that can be started: its slot, or -1 when the batch is at its end. */
  start(): number {
    const words = this.#words;
    while (this.#next < this.#count) {
      const entry = words[this.#place + FIRST + this.#next]!;
      this.#next++;
      words[this.#place + BATCH] = this.#next | this.#count << COUNT_SHIFT;
      const slot = entry & this.#slotMask;
      const ticket = (entry >>> this.#slotBits) & this.#ticketMask;
      const queued = queuedState(ticket);
      const mine = ownedState(RUNNING, this.#worker, ticket);
      if (Atomics.compareExchange(words, this.#region.states + slot, queued, mine) === queued) {
        this.started++;
        if (this.#isStolen) this.stolen++;
        return slot;
      }
    }
    return -1;
  }

  /** Puts back what `start` just started: first in the batch again. For others it waits as before. */
  putBack(slot: number): void {
    const words = this.#words;
    this.#next--;
    this.started--;
    if (this.#isStolen) this.stolen--;
    const ticket = (words[this.#place + FIRST + this.#next]! >>> this.#slotBits) & this.#ticketMask;
    const mine = ownedState(RUNNING, this.#worker, ticket);
    Atomics.compareExchange(words, this.#region.states + slot, mine, queuedState(ticket));
    Atomics.store(words, this.#place + BATCH, this.#next | this.#count << COUNT_SHIFT);
  }

  /** Takes a new batch from the lanes; false when they are empty, or this worker was given up. Lock-free. */
  claim(): boolean {
    const { strict } = this.#region;
    this.#turn = (this.#turn + 1) % LOW_TURN;
    if (!strict && this.#turn === 0 && this.#claimFrom(LOW)) return true;
    for (let lane = 0; lane < LANES; lane++) {
      if (this.#claimFrom(lane)) return true;
    }
    return false;
  }

  /**
   * Takes half of what another worker has claimed and not begun; false when there is none. Those that the
   * policy names are tried first, then all.
   */
  steal(): boolean {
    const { workers } = this.#region;
    for (let i = 0; i < workers; i++) {
      const victim = this.#victims.selectVictim(this.#worker);
      if (victim === null) break;
      if (this.#stealFrom(victim)) return true;
    }
    for (let victim = 0; victim < workers; victim++) {
      if (this.#stealFrom(victim)) return true;
    }
    this.#victims.recordFailedSteal?.();
    return false;
  }

  /** Whether there is anything to claim or to steal: the last look before sleep. */
  get isWorkLeft(): boolean {
    const { workers, steal } = this.#region;
    if (this.isLaneWorkLeft) return true;
    for (let worker = 0; steal && worker < workers; worker++) {
      if (worker !== this.#worker && this.#waitingIn(worker) > 0) return true;
    }
    return false;
  }

  /** Whether a lane has entries. */
  get isLaneWorkLeft(): boolean {
    for (let lane = 0; lane < LANES; lane++) {
      const head = this.#region.laneAt(lane);
      const from = Atomics.load(this.#words, head);
      if (((Atomics.load(this.#words, head + LINE_WORDS) - from) | 0) > 0) return true;
    }
    return false;
  }

  /** Entries of the batch not yet tried. */
  get left(): number {
    return this.#count - this.#next;
  }

  #claimFrom(lane: number): boolean {
    const words = this.#words;
    const region = this.#region;
    const at = region.laneAt(lane);
    const cells = at + 2 * LINE_WORDS;
    const mask = region.ring - 1;
    for (;;) {
      const head = Atomics.load(words, at);
      const there = (Atomics.load(words, at + LINE_WORDS) - head) | 0;
      if (there <= 0) return false;
      const count = this.#share(there);
      for (let i = 0; i < count; i++) {
        words[this.#place + FIRST + i] = words[cells + ((head + i) & mask)]!;
      }
      if (this.#isRevoked) return false;
      if (Atomics.compareExchange(words, at, head, (head + count) | 0) === head) {
        this.#begin(count, false);
        return true;
      }
    }
  }

  /** How many of `there` entries to claim. */
  #share(there: number): number {
    const { claim, words, live } = this.#region;
    if (claim === 1) return 1;
    const fair = Math.floor(there / (2 * Math.max(1, words[live]!)));
    const short = this.meanMs === 0 ? claim : SHORT_BATCH_MS / this.meanMs;
    return Math.max(1, Math.min(fair, claim, Math.floor(short)));
  }

  #stealFrom(victim: number): boolean {
    if (victim === this.#worker) return false;
    const waiting = this.#waitingIn(victim);
    if (waiting === 0) return false;
    const words = this.#words;
    const place = this.#region.placeAt(victim);
    const range = Atomics.load(words, place + BATCH);
    const wanted = Math.ceil(waiting / 2);
    let count = 0;
    for (let i = (range >> COUNT_SHIFT) - 1; i >= (range & 0xff) && count < wanted; i--) {
      const entry = Atomics.load(words, place + FIRST + i);
      if (!this.#isWaiting(entry)) continue;
      words[this.#place + FIRST + count++] = entry;
    }
    if (count === 0 || this.#isRevoked) return false;
    this.#reverse(count);
    this.#begin(count, true);
    this.#victims.recordSteal?.(this.#worker, victim);
    return true;
  }

  /** How many entries of a worker's batch wait. */
  #waitingIn(worker: number): number {
    const words = this.#words;
    const place = this.#region.placeAt(worker);
    const range = Atomics.load(words, place + BATCH);
    let waiting = 0;
    for (let i = range & 0xff; i < range >> COUNT_SHIFT; i++) {
      if (this.#isWaiting(Atomics.load(words, place + FIRST + i))) waiting++;
    }
    return waiting;
  }

  #isWaiting(entry: number): boolean {
    const state = Atomics.load(this.#words, this.#region.states + (entry & this.#slotMask));
    return state === queuedState((entry >>> this.#slotBits) & this.#ticketMask);
  }

  get #isRevoked(): boolean {
    return (Atomics.load(this.#words, this.#place + ORDERS) & REVOKED) !== 0;
  }

  #begin(count: number, isStolen: boolean): void {
    this.#next = 0;
    this.#count = count;
    this.#isStolen = isStolen;
    this.claimed++;
    Atomics.store(this.#words, this.#place + BATCH, count << COUNT_SHIFT);
  }

  /** Stolen entries were read from the last to the first: the oldest goes first again. */
  #reverse(count: number): void {
    const first = this.#place + FIRST;
    this.#words.subarray(first, first + count).reverse();
  }
}
