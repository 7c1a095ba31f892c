/**
 * The owner's side of the protocol, without promises: queueing, publishing, taking events, and what is left to do
 * when a worker is lost.
 *
 * Invariant: every queued task can be reached: its entry lies in a lane, or in the batch of a worker that is not
 * lost. When one is lost, all queued tasks get new tickets and are queued again, in the order they came:
 * whatever the lost one had in its hands, or will read when it wakes up late, names tickets of the past. Its
 * running tasks are lost; their slots are not used again until that thread is known to be gone.
 *
 * @module
 */

import { type DispatchRegion, EVENT_SHIFT, EVENTS, LANES, REVOKED } from "./dispatch_region.ts";
import { LaneWriter } from "./lane_writer.ts";
import { OwnerBell } from "./owner_bell.ts";
import {
  DONE,
  FREE,
  LOST,
  ownedState,
  ownerOf,
  phaseOf,
  QUEUED,
  queuedState,
  RUNNING,
} from "./task_states.ts";
import type { TaskTable } from "./task_table.ts";
import { type PlaceState, WorkerPlaces } from "./worker_places.ts";

const EVENT_SLOT = (1 << EVENT_SHIFT) - 1;

/** What to do with one running task of a lost worker. */
export interface Losses {
  /** Its result is there all the same. */
  finished(slot: number, worker: number): void;
  /** Whether its arguments never reached the worker: it is queued again. */
  isUntouched(slot: number): boolean;
  /** It is lost. */
  lost(slot: number): void;
  /** The lost worker's thread is gone: nobody touches the slot any more. */
  released(slot: number): void;
  /** Nor anything else of that worker's. */
  gone(worker: number): void;
}

/** Internal: the core of a `Dispatcher`. */
export class DispatchCore {
  readonly #words: Int32Array;
  readonly #lanes: readonly LaneWriter[];
  readonly #ringMask: number;
  /** Events taken, and known to be there, by worker. */
  readonly #heads: Int32Array;
  readonly #tails: Int32Array;
  /** Slots of lost tasks, by worker. */
  readonly #kept: Set<number>[];
  readonly #losses: Losses;
  /** Where it all lies. */
  readonly region: DispatchRegion;
  /** Who waits for what. */
  readonly table: TaskTable;
  /** How workers wake this thread. */
  readonly bell: OwnerBell;
  /** The workers. */
  readonly places: WorkerPlaces;

  /** The only owner of `region`. */
  constructor(region: DispatchRegion, table: TaskTable, losses: Losses) {
    this.region = region;
    this.#words = region.words;
    this.table = table;
    this.bell = new OwnerBell(region);
    this.places = new WorkerPlaces(region);
    this.#lanes = Array.from({ length: LANES }, (_, lane) => new LaneWriter(region, lane));
    this.#ringMask = region.ring - 1;
    this.#heads = new Int32Array(region.workers);
    this.#tails = new Int32Array(region.workers);
    this.#kept = Array.from({ length: region.workers }, () => new Set<number>());
    this.#losses = losses;
  }

  /** Queues a slot that `table.begin` has answered for. Nobody sees it before `publish`. */
  queue(slot: number, lane: number): void {
    const { format, states } = this.region;
    const ticket = this.table.nextTicket(slot);
    this.#words[states + slot] = queuedState(ticket);
    const writer = this.#lanes[lane]!;
    if (!writer.push(format.make(slot, ticket))) {
      this.#tidy(writer);
      writer.push(format.make(slot, ticket));
    }
  }

  /** Lets workers see what was queued, and wakes one if they all sleep. Answers whether it did. */
  publish(): boolean {
    let any = false;
    for (let i = 0; i < LANES; i++) any = this.#lanes[i]!.publish() || any;
    return any && this.places.wakeOne();
  }

  /** The next event of a worker: a slot and a kind; -1 when there is none, or the worker is lost. */
  nextEvent(worker: number): number {
    return this.places.isHeard(worker) ? this.#nextEventOf(worker) : -1;
  }

  /** Whether any worker has told something, or left. */
  get hasEvents(): boolean {
    const { places } = this;
    for (let worker = 0; worker < this.region.workers; worker++) {
      if (places.isHeard(worker) && places.eventsTail(worker) !== this.#heads[worker]) return true;
      if (places.isLeaving(worker) && places.isGone(worker)) return true;
    }
    return false;
  }

  /** Takes a queued task out: false when it has been started. */
  remove(slot: number): boolean {
    return this.#cas(slot, queuedState(this.table.ticketOf(slot)), FREE);
  }

  /** What a slot's state is. */
  stateOf(slot: number): number {
    return Atomics.load(this.#words, this.region.states + slot);
  }

  /** Reserves a place; -1 when there is none. */
  open(): number {
    for (let worker = 0; worker < this.region.workers; worker++) this.sweep(worker);
    const worker = this.places.findEmpty();
    if (worker >= 0) {
      this.#heads[worker] = this.#tails[worker] = this.places.eventsTail(worker);
      this.places.open(worker);
    }
    return worker;
  }

  /** Looks whether a worker that was to leave, or given up, has left: then what it had is there for others. */
  sweep(worker: number): void {
    const state = this.places.stateOf(worker);
    if (state === "stopping" && this.places.isGone(worker)) this.#losing(worker, "left", true);
    else if (state === "lost" && this.places.isGone(worker)) this.#empty(worker);
  }

  /**
   * A worker is lost. What it was running is given to `losses`; the rest is queued again. With `ended` its
   * thread is gone, and so its place is free; else it may go on at any time.
   */
  lost(worker: number, ended: boolean): void {
    if (this.places.stateOf(worker) === "empty") return;
    this.places.order(worker, REVOKED);
    this.#losing(worker, "lost", ended);
    if (ended) this.#empty(worker);
  }

  /** Slots that a worker is running. O(n log n). */
  runningOn(worker: number): number[] {
    return this.table.inOrder().filter((slot) => {
      const state = this.stateOf(slot);
      return phaseOf(state) === RUNNING && ownerOf(state) === worker;
    });
  }

  /** Whether no task is being run. O(n). */
  get isQuiet(): boolean {
    return !this.#isAny(RUNNING);
  }

  /** Tasks that wait. O(n). */
  get queued(): number {
    let count = 0;
    for (let slot = 0; slot < this.region.capacity; slot++) {
      if (this.table.isLive(slot) && phaseOf(this.stateOf(slot)) === QUEUED) count++;
    }
    return count;
  }

  #isAny(phase: number): boolean {
    for (let slot = 0; slot < this.region.capacity; slot++) {
      if (this.table.isLive(slot) && phaseOf(this.stateOf(slot)) === phase) return true;
    }
    return false;
  }

  #nextEventOf(worker: number): number {
    const head = this.#heads[worker]!;
    if (head === this.#tails[worker]) {
      const tail = this.places.eventsTail(worker);
      if (head === tail) return -1;
      this.#tails[worker] = tail;
    }
    this.#heads[worker] = head + 1;
    return this.#words[this.region.placeAt(worker) + EVENTS + (head & this.#ringMask)]!;
  }

  /** A lost worker's thread is gone, or will touch nothing any more. */
  #empty(worker: number): void {
    this.places.set(worker, "empty");
    for (const slot of this.#kept[worker]!) this.#losses.released(slot);
    this.#kept[worker]!.clear();
    this.#losses.gone(worker);
  }

  /** Settles what a worker had, and queues all queued tasks anew. */
  #losing(worker: number, state: PlaceState, ended: boolean): void {
    const wasHeard = this.places.isHeard(worker);
    this.places.set(worker, state);
    if (!wasHeard) return;
    for (const lane of this.#lanes) lane.takeAll();
    const ending = new Set<number>();
    for (const slot of this.table.inOrder()) {
      if (this.#requeue(slot) || ownerOf(this.stateOf(slot)) !== worker) continue;
      if (!this.#lose(slot, worker)) ending.add(slot);
    }
    if (!this.publish()) this.places.wakeOne(); // for what the lost one was woken for
    this.#finish(worker, ended, ending);
  }

  /** A queued task gets a new ticket; false when it is not queued. */
  #requeue(slot: number): boolean {
    if (!this.remove(slot)) return false;
    this.queue(slot, this.table.laneOf(slot));
    return true;
  }

  /** A running task of a lost worker; false when it is not running any more. */
  #lose(slot: number, worker: number): boolean {
    const ticket = this.table.ticketOf(slot);
    const lost = ownedState(LOST, worker, ticket);
    if (!this.#cas(slot, ownedState(RUNNING, worker, ticket), lost)) return false;
    if (this.#losses.isUntouched(slot)) this.queue(slot, this.table.laneOf(slot));
    else this.#keep(slot, worker);
    return true;
  }

  /**
   * What a lost worker has ended: told of, or, if its thread is gone, known by the state. Of a thread that goes
   * on, a state says nothing about the result: it may not have been written yet.
   */
  #finish(worker: number, ended: boolean, ending: Set<number>): void {
    const told: number[] = [];
    for (let event = 0; (event = this.#nextEventOf(worker)) >= 0;) {
      const slot = event & EVENT_SLOT;
      if (ending.delete(slot)) told.push(slot);
    }
    for (const slot of ending) {
      if (ended && phaseOf(this.stateOf(slot)) === DONE) told.push(slot);
      else this.#keep(slot, worker);
    }
    for (const slot of told) this.#losses.finished(slot, worker);
  }

  #keep(slot: number, worker: number): void {
    this.#kept[worker]!.add(slot);
    this.#losses.lost(slot);
  }

  #cas(slot: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, this.region.states + slot, from, to) === from;
  }

  /** A full ring holds entries of tasks removed long ago: they go. */
  #tidy(lane: LaneWriter): void {
    const { format } = this.region;
    for (const entry of lane.takeAll()) {
      const state = queuedState(format.ticketOf(entry));
      if (this.stateOf(format.slotOf(entry)) === state) lane.push(entry);
    }
  }
}
