/**
 * Where everything lies that the owner and the workers share.
 *
 * Words that different threads write are lines apart: each lane's head and tail, each worker's orders, batch,
 * and completions. States lie close together, since one thread after another goes through neighbours;
 * a record is one cache line.
 *
 * @module
 */

import {
  createRegion,
  type Handle,
  LINE_BYTES,
  LINE_WORDS,
  openRegion,
  paramOf,
  type Place,
  roundToLine,
  View,
} from "../../memory/layout.ts";
import { ParkWord } from "../../memory/park_word.ts";
import type { WorkerCounters } from "./dispatch_types.ts";
import { EntryFormat } from "./task_states.ts";

/** How many lanes there are. */
export const LANES: number = 3;
/** Entries a worker claims at once, at most. */
export const MOST_CLAIMED: number = 16;

// A record's int32 words; its four float64 follow at RECORD_NUMBERS.
/** The function's number, and above it how many arguments lie in the four numbers. */
export const FN: number = 0;
/** How the arguments, or the result, are written: see `payload.ts`. */
export const KIND: number = 1;
/** Bytes written beside the record, or in a block. */
export const LENGTH: number = 2;
/** Which block, or 0: the area beside the record. */
export const BLOCK: number = 3;
/** What `submit` answered. */
export const REF: number = 4;
/** Equal to REF: nobody wants it any more. */
export const CANCELLED: number = 5;
/** When it is obsolete, in ms since `epoch`, wrapping; 0: never. */
export const DEADLINE: number = 6;
/** Words of a record. */
export const RECORD_WORDS: number = 16;
/** Where in a record the four numbers begin, in float64. */
export const RECORD_NUMBERS: number = 4;

// A worker's words.
/** What the owner wants of it: the bits below. */
export const ORDERS: number = 0;
/** Its claimed entries: how many it has begun, and above (8 bits) how many there are; then the entries. */
export const BATCH: number = LINE_WORDS;
/** How many events it has told of; then a word that is 1 when it will touch nothing any more. */
export const EVENTS_TAIL: number = 2 * LINE_WORDS;
/** See `EVENTS_TAIL`. */
export const GONE: number = EVENTS_TAIL + 1;
/** Its counters, float64. */
const COUNTERS = 3 * LINE_WORDS;
const PARK = 4 * LINE_WORDS;
/** Its events: slots, with a kind above. */
export const EVENTS: number = 6 * LINE_WORDS;

// Orders.
/** Leave when nothing is running. */
export const STOP: number = 1;
/** Given up: leave now, touch nothing. */
export const REVOKED: number = 2;
/** Begin no task until this bit is gone. */
export const PAUSE: number = 4;
/** A running task of yours was cancelled. */
export const LOOK: number = 8;

// Events: in a cell, above the slot.
/** Where an event's kind begins. */
export const EVENT_SHIFT: number = 24;
/** The task's result lies in its record. */
export const EVENT_DONE: number = 0;
/** Send this task's arguments. */
export const EVENT_FETCH: number = 1;
/** The worker has left; what it had claimed must be queued again. */
export const EVENT_LEFT: number = 2;
/** A task that had been begun was put back. */
export const EVENT_PUT_BACK: number = 3;

/** How a region is made; all checked and rounded. */
export interface RegionParams {
  /** Slots: a power of two. */
  readonly capacity: number;
  /** Places for workers. */
  readonly workers: number;
  /** Bytes beside each record: a multiple of 8. */
  readonly inlineBytes: number;
  /** Entries claimed at once. */
  readonly claim: number;
  /** Whether the low lane waits for the others. */
  readonly strict: boolean;
  /** Whether idle workers steal. */
  readonly steal: boolean;
}

const CONTROL = LINE_WORDS;
const SETTINGS = 2 * LINE_WORDS;
const IDLE = 3 * LINE_WORDS;
const WORKERS_PER_IDLE_WORD = 16;

/** The shared words of one dispatcher. */
export class DispatchRegion extends View<"Dispatch"> implements RegionParams {
  /** All of it. */
  readonly words: Int32Array;
  /** The same as float64. */
  readonly numbers: Float64Array;
  readonly capacity: number;
  readonly workers: number;
  readonly inlineBytes: number;
  readonly claim: number;
  readonly strict: boolean;
  readonly steal: boolean;
  /** How entries are made. */
  readonly format: EntryFormat;
  /** The word that is 1 while the owner sleeps. */
  readonly bell: number = CONTROL;
  /** The word that counts workers. */
  readonly live: number = SETTINGS;
  /** Where the idle words begin, a line each. */
  readonly idle: number = IDLE;
  /** How many there are. */
  readonly idleWords: number;
  /** Cells of a lane, and of a worker's events. */
  readonly ring: number;
  /** Where lane 0's head is; its tail is a line further, its cells another. */
  readonly lanes: number;
  /** Words of a lane. */
  readonly laneWords: number;
  /** Where worker 0's words begin. */
  readonly places: number;
  /** Words of a worker. */
  readonly placeWords: number;
  /** Where slot 0's state is. */
  readonly states: number;
  /** Where slot 0's record begins. */
  readonly records: number;

  private constructor(handle: Handle<"Dispatch">) {
    super(handle);
    this.words = openRegion("Dispatch", handle);
    this.capacity = paramOf(this.words, 0);
    this.workers = paramOf(this.words, 1);
    this.inlineBytes = paramOf(this.words, 2);
    this.claim = paramOf(this.words, 3);
    this.strict = paramOf(this.words, 4) === 1;
    this.steal = paramOf(this.words, 5) === 1;
    this.format = new EntryFormat(this.capacity);
    const at = placesOf(this.capacity, this.workers);
    this.ring = at.ring;
    this.idleWords = at.idleWords;
    this.lanes = at.lanes;
    this.laneWords = at.laneWords;
    this.places = at.places;
    this.placeWords = at.placeWords;
    this.states = at.states;
    this.records = at.records;
    this.numbers = new Float64Array(handle.buffer, handle.byteOffset, this.words.length / 2);
  }

  /** Bytes that one takes. */
  static byteLength(params: RegionParams): number {
    return placesOf(params.capacity, params.workers).bytes;
  }

  /** A new one, all empty. */
  static create(params: RegionParams, at?: Place): DispatchRegion {
    const { capacity, workers, inlineBytes, claim, strict, steal } = params;
    const region = new DispatchRegion(createRegion(
      "Dispatch",
      DispatchRegion.byteLength(params),
      [capacity, workers, inlineBytes, claim, Number(strict), Number(steal)],
      at,
    ));
    region.numbers[(SETTINGS + 2) / 2] = performance.timeOrigin + performance.now();
    for (let worker = 0; worker < workers; worker++) {
      ParkWord.create({ at: region.#parkAt(worker) });
    }
    return region;
  }

  /** The one that `handle` names, in this thread. */
  static attach(handle: Handle<"Dispatch">): DispatchRegion {
    return new DispatchRegion(handle);
  }

  /** Where a worker sleeps. */
  parkWord(worker: number): ParkWord {
    return ParkWord.attach({ kind: "ParkWord", ...this.#parkAt(worker) });
  }

  /** What a worker has done. */
  counters(worker: number): WorkerCounters {
    const { numbers } = this;
    const at = (this.placeAt(worker) + COUNTERS) / 2;
    return {
      executed: numbers[at]!,
      stolen: numbers[at + 1]!,
      claims: numbers[at + 2]!,
      parks: numbers[at + 3]!,
      wakes: numbers[at + 4]!,
    };
  }

  /** A worker writes what it has done. */
  count(worker: number, counters: WorkerCounters): void {
    const { numbers } = this;
    const at = (this.placeAt(worker) + COUNTERS) / 2;
    numbers[at] = counters.executed;
    numbers[at + 1] = counters.stolen;
    numbers[at + 2] = counters.claims;
    numbers[at + 3] = counters.parks;
    numbers[at + 4] = counters.wakes;
  }

  /** Where a worker's words begin. */
  placeAt(worker: number): number {
    return this.places + worker * this.placeWords;
  }

  /** Where a lane's head is. */
  laneAt(lane: number): number {
    return this.lanes + lane * this.laneWords;
  }

  /** The present in ms since the region was made, the same in every thread; wraps after 24 days. */
  now(): number {
    const epoch = this.numbers[(SETTINGS + 2) / 2]!;
    return (performance.timeOrigin + performance.now() - epoch) | 0;
  }

  #parkAt(worker: number): { buffer: SharedArrayBuffer; byteOffset: number } {
    const { buffer, byteOffset } = this.handle;
    return { buffer, byteOffset: byteOffset + (this.placeAt(worker) + PARK) * 4 };
  }
}

function placesOf(capacity: number, workers: number) {
  const ring = 2 * capacity;
  const idleWords = Math.ceil(workers / WORKERS_PER_IDLE_WORD);
  const lanes = IDLE + idleWords * LINE_WORDS;
  const laneWords = 2 * LINE_WORDS + wordsOf(ring * 4);
  const places = lanes + LANES * laneWords;
  const placeWords = EVENTS + wordsOf(ring * 4);
  const states = places + workers * placeWords;
  const records = states + wordsOf(capacity * 4);
  const bytes = (records + capacity * RECORD_WORDS) * 4;
  return {
    ring,
    idleWords,
    lanes,
    laneWords,
    places,
    placeWords,
    states,
    records,
    bytes: Math.max(bytes, LINE_BYTES),
  };
}

function wordsOf(bytes: number): number {
  return roundToLine(bytes) / 4;
}
