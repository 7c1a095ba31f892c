/**
 * Slots with a generation: what Refs name.
 *
 * Invariant: a slot's generation is odd from `allocate` to `free` and even otherwise; only the call
 * that makes it even gives the slot back, so each life ends once, however many threads try.
 *
 * Handles with generations: Andre Weissflog, "Handles are the better pointers" (2018); the free
 * list: R. K. Treiber, "Systems Programming: Coping with Parallelism" (1986).
 *
 * @module
 */

import { FULL } from "./answers.ts";
import { checkInteger, checkOptions, shown } from "./check.ts";
import {
  createRegion,
  type Handle,
  LINE_WORDS,
  openRegion,
  paramOf,
  type Place,
  roundToLine,
  View,
} from "./layout.ts";
import { type Ref, RefFormat } from "./ref.ts";
import { NONE, TaggedList } from "./tagged_list.ts";

const HEAD = LINE_WORDS;
const GENERATIONS = 2 * LINE_WORDS;

/** What a {@linkcode SlotSlab} is made with. */
export interface SlotSlabOptions {
  /** Bytes of each slot's record, rounded up to 8. Default 0. */
  readonly recordBytes?: number;
  /** Where to make it. */
  readonly at?: Place;
  /** Where generations begin (even), for tests. */
  readonly generation?: number;
}

/**
 * Slots between threads, each with a record of fixed size, named by Refs.
 *
 * A stale Ref, a foreign one, a second `free`: each is told, nothing is corrupted, until a slot has
 * lived as often as its generation can count (see `RefFormat`). The count of slots is exact, not
 * rounded. A worker that dies keeps the slots it has; one that dies inside `allocate` or `free`
 * loses that slot: `rebuild()` finds it.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { SlotSlab } from "@vais/runtime/memory";
 *
 * const slab = SlotSlab.create(4, { recordBytes: 16 });
 * const ref = slab.allocate();
 * if (typeof ref === "number") {
 *   new Float64Array(slab.handle.buffer, slab.byteOffsetOf(ref), 2)[0] = 1.5;
 *   assert(slab.free(ref) && !slab.free(ref) && !slab.isLive(ref));
 * }
 * ```
 */
export class SlotSlab extends View<"SlotSlab"> {
  readonly #words: Int32Array;
  readonly #list: TaggedList;
  readonly #format: RefFormat;
  readonly #records: number;
  /** How many slots there are. */
  readonly capacity: number;
  /** Bytes of each record. */
  readonly recordBytes: number;

  private constructor(handle: Handle<"SlotSlab">) {
    super(handle);
    const words = this.#words = openRegion("SlotSlab", handle);
    this.capacity = paramOf(words, 0);
    this.recordBytes = paramOf(words, 1);
    this.#list = new TaggedList(words, HEAD, GENERATIONS + this.capacity);
    this.#format = new RefFormat(this.capacity);
    this.#records = handle.byteOffset + recordsAt(this.capacity);
  }

  /** Bytes that one takes. */
  static byteLength(count: number, recordBytes = 0): number {
    checkInteger("create a SlotSlab", "the number of slots", count, 1, 2 ** 24);
    checkInteger("create a SlotSlab", "the record's length", recordBytes, 0, 2 ** 24);
    return recordsAt(count) + roundToLine(count * roundTo8(recordBytes));
  }

  /** One with `count` free slots, 1 to 2 ** 24. O(count). */
  static create(count: number, options?: SlotSlabOptions): SlotSlab {
    const { recordBytes = 0, at, generation = 0 } = checkOptions("create a SlotSlab", options);
    checkInteger("create a SlotSlab", "the generation", generation, -(2 ** 31), 2 ** 31 - 1);
    const byteLength = SlotSlab.byteLength(count, recordBytes);
    const slab = new SlotSlab(
      createRegion("SlotSlab", byteLength, [count, roundTo8(recordBytes)], at),
    );
    for (let i = 0; i < count; i++) Atomics.store(slab.#words, GENERATIONS + i, generation & ~1);
    slab.#list.fill(count, 0);
    return slab;
  }

  /** The one that `handle` names, in this thread. O(1). */
  static attach(handle: Handle<"SlotSlab">): SlotSlab {
    return new SlotSlab(handle);
  }

  /** Begins a life of a free slot, or answers FULL. Its record holds what was left in it. Lock-free, O(1). */
  allocate(): Ref | typeof FULL {
    const slot = this.#list.take();
    if (slot === NONE) return FULL;
    const generation = (Atomics.load(this.#words, GENERATIONS + slot) + 1) | 0;
    Atomics.store(this.#words, GENERATIONS + slot, generation);
    return this.#format.make(slot, generation);
  }

  /** Ends the life that `ref` names; false when it is over, or never was. Lock-free, O(1). */
  free(ref: Ref): boolean {
    const slot = this.#slotOf("free a slot", ref);
    if (slot === NONE) return false;
    const generation = Atomics.load(this.#words, GENERATIONS + slot);
    if (!this.#format.matches(ref, generation)) return false;
    const next = (generation + 1) | 0;
    if (Atomics.compareExchange(this.#words, GENERATIONS + slot, generation, next) !== generation) {
      return false;
    }
    this.#list.give(slot);
    return true;
  }

  /** Whether the life that `ref` names goes on now. Wait-free, O(1). */
  isLive(ref: Ref): boolean {
    const slot = this.#slotOf("look at a slot", ref);
    return slot !== NONE &&
      this.#format.matches(ref, Atomics.load(this.#words, GENERATIONS + slot));
  }

  /** The slot of a live Ref; throws `RangeError` when it is stale. Wait-free, O(1). */
  slotOf(ref: Ref): number {
    if (this.isLive(ref)) return this.#format.slotOf(ref);
    throw new RangeError(
      `Cannot use a slot: ${ref} names none in use (it was freed, or is foreign)`,
    );
  }

  /**
   * Where the record of a live Ref begins in `handle.buffer`; `RangeError` when it is stale.
   * Wait-free, O(1).
   */
  byteOffsetOf(ref: Ref): number {
    return this.#records + this.slotOf(ref) * this.recordBytes;
  }

  /** Slots in use: counted one by one, exact only while nobody else is at it. Wait-free, O(n). */
  get size(): number {
    let live = 0;
    for (let i = 0; i < this.capacity; i++) live += Atomics.load(this.#words, GENERATIONS + i) & 1;
    return live;
  }

  /**
   * Makes the free list anew, after a worker died inside `allocate` or `free`: every slot that is not
   * in use is free again. Only while no other thread uses the slab. O(n).
   */
  rebuild(): void {
    this.#list.fill(0, 0);
    for (let i = this.capacity - 1; i >= 0; i--) {
      if ((Atomics.load(this.#words, GENERATIONS + i) & 1) === 0) this.#list.give(i);
    }
  }

  #slotOf(action: string, ref: Ref): number {
    if (typeof ref !== "number") {
      throw new TypeError(
        `Cannot ${action}: the Ref is ${shown(ref)} (pass what allocate answered)`,
      );
    }
    if ((ref | 0) !== ref) return NONE;
    const slot = this.#format.slotOf(ref);
    return slot < this.capacity ? slot : NONE;
  }
}

function roundTo8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

function recordsAt(count: number): number {
  return roundToLine((GENERATIONS + 2 * count) * 4);
}
