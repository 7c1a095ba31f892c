/**
 * Many threads add records of fixed length, many take them, first in, first out.
 *
 * Invariant and algorithm: see {@linkcode MpmcRing}. The record lies in the cell, behind the stamp: who
 * has claimed a cell owns it, and copies in or out without `Atomics`.
 *
 * Dmitry Vyukov, "Bounded MPMC queue" (2010); crossbeam `array_queue.rs` (2019).
 *
 * @module
 */

import type { CLOSED, EMPTY, FULL, RETRY } from "./answers.ts";
import { checkInteger, checkOptions, checkStart, roundCapacity, shown } from "./check.ts";
import { createRegion, type Handle, openRegion, paramOf, type Place } from "./layout.ts";
import { MpmcRing, popAnswer, pushAnswer, ringBytes } from "./mpmc_ring.ts";
import { MpmcView } from "./mpmc_view.ts";

const ACTION = "create a RecordQueue";
const STAMP_WORDS = 2;
const ARRAYS = [Int32Array, Float64Array, Uint8Array] as const;
const TYPES = ["int32", "float64", "uint8"] as const;

type Numbers = Int32Array | Float64Array | Uint8Array;

/** What a {@linkcode RecordQueue} is made with. */
export interface RecordQueueOptions {
  /** What a record is made of. Default "float64". */
  readonly type?: "int32" | "float64" | "uint8";
  /** Where to make it. */
  readonly at?: Place;
  /** Where its positions begin, for tests. */
  readonly start?: number;
}

/**
 * A bounded queue of records of `length` numbers each, between any number of threads.
 *
 * Linearizable; lock-free, O(length); what RETRY means, what a worker leaves that dies between claim and
 * publish, and `repair()` are as in `MpmcQueue`. Numbers are converted as the typed array does.
 * Capacity: rounded up to a power of two, at least 2.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { RecordQueue } from "@vais/runtime/memory";
 *
 * const points = RecordQueue.create(64, 2); // a worker: RecordQueue.attach(handle)
 * points.push([1.5, 2.5]);
 * const point = new Float64Array(2);
 * assert(points.pop(point) === true && point[1] === 2.5);
 * ```
 */
export class RecordQueue extends MpmcView<"RecordQueue"> {
  readonly #ring: MpmcRing;
  readonly #numbers: Numbers;
  /** Numbers per int32 word. */
  readonly #scale: number;
  /** A record that came as an array, each number of it read once. */
  readonly #read: Float64Array;
  /** Numbers in a record. */
  readonly length: number;

  private constructor(handle: Handle<"RecordQueue">) {
    const words = openRegion("RecordQueue", handle);
    const ring = new MpmcRing(words);
    super(handle, ring);
    this.#ring = ring;
    this.length = paramOf(words, 2);
    this.#read = new Float64Array(this.length);
    const array = ARRAYS[paramOf(words, 3)]!;
    this.#scale = 4 / array.BYTES_PER_ELEMENT;
    const make = array as new (buffer: SharedArrayBuffer, at: number, length: number) => Numbers;
    this.#numbers = new make(handle.buffer, handle.byteOffset, words.length * this.#scale);
  }

  /** Bytes that one takes. */
  static byteLength(
    capacity: number,
    length: number,
    type: "int32" | "float64" | "uint8" = "float64",
  ): number {
    return ringBytes(roundCapacity(ACTION, capacity, 2), cellWords(length, type));
  }

  /** An empty one, whose records have `length` numbers. O(capacity * length). */
  static create(capacity: number, length: number, options?: RecordQueueOptions): RecordQueue {
    const { type = "float64", at, start = 0 } = checkOptions(ACTION, options);
    checkStart(ACTION, start);
    const bytes = RecordQueue.byteLength(capacity, length, type);
    const size = roundCapacity(ACTION, capacity, 2);
    const params = [size, cellWords(length, type), length, TYPES.indexOf(type)];
    const queue = new RecordQueue(createRegion("RecordQueue", bytes, params, at));
    queue.#ring.fill(start);
    return queue;
  }

  /** The one that `handle` names, in this thread. O(length). */
  static attach(handle: Handle<"RecordQueue">): RecordQueue {
    return new RecordQueue(handle);
  }

  /** Adds a copy of the first `length` numbers of `record`: true, or FULL, CLOSED. Lock-free, O(length). */
  push(record: ArrayLike<number>): true | typeof FULL | typeof CLOSED {
    const from = checkRecord("push to a RecordQueue", record, this.length, this.#read);
    const cell = this.#ring.claimPush();
    if (cell < 0) return pushAnswer(cell);
    const at = (cell + STAMP_WORDS) * this.#scale;
    for (let i = 0; i < this.length; i++) this.#numbers[at + i] = from[i]!;
    this.#ring.publishPush(cell);
    return true;
  }

  /**
   * Takes the first record into `target`: true, or EMPTY, RETRY, CLOSED, and then `target` may hold something
   * that another thread has taken. Lock-free, O(length).
   */
  pop(
    target: Int32Array | Float64Array | Uint8Array | number[],
  ): true | typeof EMPTY | typeof RETRY | typeof CLOSED {
    const least = Array.isArray(target) ? 0 : this.length;
    checkRecord("pop from a RecordQueue", target, least, this.#read);
    const ring = this.#ring;
    for (;;) {
      const cell = ring.front();
      if (cell < 0) return popAnswer(cell);
      const at = (cell + STAMP_WORDS) * this.#scale;
      for (let i = 0; i < this.length; i++) target[i] = this.#numbers[at + i]!;
      if (ring.take()) return true;
    }
  }
}

/** Even, so that each record lies at a multiple of 8 bytes. */
function cellWords(length: number, type: (typeof TYPES)[number]): number {
  checkInteger(ACTION, "the record's length", length, 1, 2 ** 16);
  const array = ARRAYS[TYPES.indexOf(type)];
  if (array === undefined) {
    throw new TypeError(`Cannot ${ACTION}: the type is ${shown(type)} (pass ${TYPES.join(", ")})`);
  }
  return STAMP_WORDS + 2 * Math.ceil(length * array.BYTES_PER_ELEMENT / 8);
}

/**
 * The first `length` numbers of `record`, of an array in `read`. All that could throw, getters included, is
 * done before a cell is claimed: afterwards it would leave the cell claimed.
 */
function checkRecord(
  action: string,
  record: ArrayLike<number>,
  length: number,
  read: Float64Array,
): ArrayLike<number> {
  const isView = ArrayBuffer.isView(record);
  if (!isView && !Array.isArray(record)) {
    throw new TypeError(
      `Cannot ${action}: the record is ${shown(record)} (pass an array or a typed array)`,
    );
  }
  if (length > 0 && !(record.length >= length)) {
    throw new RangeError(
      `Cannot ${action}: the record has ${record.length} numbers (${length} are needed)`,
    );
  }
  for (let i = isView ? Math.max(length, 1) - 1 : 0; i < length; i++) {
    const number = record[i];
    if (typeof number !== "number") {
      throw new TypeError(`Cannot ${action}: number ${i} is ${shown(number)} (pass numbers)`);
    }
    read[i] = number;
  }
  return isView ? record : read;
}
