/**
 * Places for workers: which are taken, and what their workers are told.
 *
 * Invariant: a place is used again only when the thread that had it is gone, or has said that it will touch
 * nothing any more.
 *
 * @module
 */

import type { ParkWord } from "../../memory/park_word.ts";
import {
  BATCH,
  type DispatchRegion,
  EVENTS_TAIL,
  GONE,
  ORDERS,
  PAUSE,
  STOP,
} from "./dispatch_region.ts";
import { IdleWords } from "./idle_words.ts";

/** What is in a place. */
export type PlaceState =
  | "empty"
  | "open"
  /** Told to leave. */
  | "stopping"
  /** Has left; its thread is not gone. */
  | "left"
  /** Given up. */
  | "lost";

/** Internal: the places of a region, for its owner. */
export class WorkerPlaces {
  readonly #words: Int32Array;
  readonly #region: DispatchRegion;
  readonly #parks: readonly ParkWord[];
  readonly #idle: IdleWords;
  readonly #states: PlaceState[];
  readonly #heard: Uint8Array;
  #orders = 0;

  /** All empty. */
  constructor(region: DispatchRegion) {
    this.#words = region.words;
    this.#region = region;
    this.#parks = Array.from({ length: region.workers }, (_, i) => region.parkWord(i));
    this.#idle = new IdleWords(region);
    this.#states = new Array(region.workers).fill("empty");
    this.#heard = new Uint8Array(region.workers);
  }

  /** What is in a place. */
  stateOf(worker: number): PlaceState {
    return this.#states[worker]!;
  }

  /** An empty place, or -1. */
  findEmpty(): number {
    return this.#states.indexOf("empty");
  }

  /** Makes an empty place ready for a new worker. */
  open(worker: number): void {
    const place = this.#region.placeAt(worker);
    Atomics.store(this.#words, place + GONE, 0);
    Atomics.store(this.#words, place + BATCH, 0);
    Atomics.store(this.#words, place + ORDERS, this.#orders);
    this.#parks[worker]!.reset();
    this.#idle.reset(worker);
    this.set(worker, "open");
  }

  /** What is in a place from now on. A worker that is lost or has left is not woken for work any more. */
  set(worker: number, state: PlaceState): void {
    this.#states[worker] = state;
    this.#heard[worker] = Number(state === "open" || state === "stopping");
    if (state === "left" || state === "lost") this.#idle.ignore(worker);
    const open = this.#states.filter((one) => one === "open").length;
    Atomics.store(this.#words, this.#region.live, open);
  }

  /** Whether a worker tells events that count. */
  isHeard(worker: number): boolean {
    return this.#heard[worker] === 1;
  }

  /** Whether a worker was told to leave, or given up. */
  isLeaving(worker: number): boolean {
    return this.#states[worker] === "stopping" || this.#states[worker] === "lost";
  }

  /** Whether a worker has said that it will touch nothing any more. */
  isGone(worker: number): boolean {
    return Atomics.load(this.#words, this.#region.placeAt(worker) + GONE) === 1;
  }

  /** Where a worker's events end now. */
  eventsTail(worker: number): number {
    return Atomics.load(this.#words, this.#region.placeAt(worker) + EVENTS_TAIL);
  }

  /** Gives orders to a worker, and wakes it to see them. */
  order(worker: number, bits: number): void {
    Atomics.or(this.#words, this.#region.placeAt(worker) + ORDERS, bits);
    this.#parks[worker]!.unpark();
  }

  /** Wakes a worker. */
  wake(worker: number): void {
    this.#parks[worker]!.unpark();
  }

  /** Wakes a worker that sleeps, unless one looks for work already; whether it did. */
  wakeOne(): boolean {
    const worker = this.#idle.pick();
    if (worker < 0) return false;
    this.#parks[worker]!.unpark();
    return true;
  }

  /** A worker leaves when it is done with what it runs. */
  stop(worker: number): void {
    if (this.#states[worker] !== "open") return;
    this.set(worker, "stopping");
    this.order(worker, STOP);
  }

  /** No worker begins a task until `resume`. */
  pause(): void {
    this.#orders = PAUSE;
    this.#forAll((worker) => this.order(worker, PAUSE));
  }

  /** They go on. */
  resume(): void {
    this.#orders = 0;
    this.#forAll((worker) => {
      Atomics.and(this.#words, this.#region.placeAt(worker) + ORDERS, ~PAUSE);
      this.#parks[worker]!.unpark();
    });
  }

  /** Whether they were told to pause. */
  get isPaused(): boolean {
    return this.#orders === PAUSE;
  }

  #forAll(act: (worker: number) => void): void {
    this.#states.forEach((_, worker) => {
      if (this.isHeard(worker)) act(worker);
    });
  }
}
