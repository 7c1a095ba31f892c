/**
 * Blocks of any size out of one buffer.
 *
 * One thread owns a pool; what it gives out may be used by any thread that has the buffer. Free
 * neighbours become one at once, so fragmentation is only what live blocks cause. The books are kept
 * in `pool_core.ts`, outside of the buffer; this is the door: arguments, tickets, errors, figures.
 *
 * @module
 */
import { checkInteger } from "../check.ts";
import {
  type Block,
  endBlock,
  type Ledger,
  makeBlock,
  makeHandle,
  type PoolHandle,
} from "./block.ts";
import { refuseSize } from "./checks.ts";
import { OutOfMemoryError } from "./errors.ts";
import { OffsetRegister } from "./offset_register.ts";
import { PoolCore } from "./pool_core.ts";
import { type MemoryPoolOptions, type PoolSettings, poolSettings } from "./pool_options.ts";
import {
  explainPool,
  type MemoryPoolStats,
  type PoolRange,
  poolStats,
  rangesOf,
} from "./pool_report.ts";
import { FIXED, MOVABLE, SIZE, START } from "./ranges.ts";

/**
 * Blocks of any size out of one ArrayBuffer or SharedArrayBuffer.
 *
 * Three forms, of which a pool can serve all at once: {@linkcode Block} tickets, which notice every
 * misuse; handles, whose blocks may be moved; and bare offsets, for the least cost. Freeing joins free
 * neighbours. Allocating and freeing are O(1) with `best_fit` and `worst_fit` below 1024 times the
 * alignment, else O(log n) in the number of free ranges; the books take 32 bytes per block and free
 * range, outside of the buffer. Owned by one thread.
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { DoubleFreeError, MemoryPool } from "@vais/runtime/memory";
 *
 * const pool = new MemoryPool({ size: 64 * 1024, strategy: "best_fit", shared: true });
 * const block = pool.allocate(100);
 * block.bytes.fill(7);
 * assertEquals(pool.stats().usedBytes, 112);
 * pool.free(block);
 * assertThrows(() => pool.free(block), DoubleFreeError);
 * {
 *   using scratch = pool.allocate(1000);
 *   scratch.bytes.fill(1);
 * }
 * assertEquals(pool.stats().usedBytes, 0);
 * ```
 */
export class MemoryPool {
  readonly #settings: PoolSettings;
  readonly #core: PoolCore;
  readonly #shift: number;
  readonly #mask: number;
  readonly #capacity: number;
  readonly #ledger: Ledger & { generation: number };
  readonly #serials = [1];
  readonly #autoDefrag: boolean;
  readonly #offsets: OffsetRegister;
  readonly #counts = { allocations: 0, frees: 0, failures: 0, defragmentations: 0, movedUnits: 0 };

  /**
   * A pool over a buffer of its own, or over part of a given one. A rest smaller than the alignment
   * is not used.
   *
   * @throws {TypeError} If an option is of the wrong type, or the buffer resizable
   * @throws {RangeError} If a size, offset, alignment or threshold is out of range
   */
  constructor(options: MemoryPoolOptions) {
    this.#settings = poolSettings("create a MemoryPool", options);
    this.#shift = this.#settings.shift;
    this.#mask = (1 << this.#shift) - 1;
    const units = this.#settings.region.byteLength >>> this.#shift;
    this.#capacity = units << this.#shift;
    this.#autoDefrag = this.#settings.autoDefrag;
    this.#core = new PoolCore(units, this.#settings.strategy);
    this.#offsets = new OffsetRegister(units, this.#settings.region.byteOffset, this.#shift);
    this.#ledger = {
      name: "this pool",
      serials: this.#serials,
      generation: 0,
      offsetOf: (slot) => this.#offsetOf(slot),
      viewOf: (slot, size) => new Uint8Array(this.buffer, this.#offsetOf(slot), size),
      release: (block) => this.free(block),
    };
  }

  /** The buffer that blocks are in. */
  get buffer(): ArrayBufferLike {
    return this.#settings.region.buffer;
  }

  /** Bytes managed. */
  get capacityBytes(): number {
    return this.#capacity;
  }

  /**
   * Takes `bytes` bytes. They are not zeroed. O(1) or O(log n), see the class; more when it defragments first.
   *
   * @throws {RangeError} If `bytes` is not a whole number from 1 to the capacity
   * @throws {OutOfMemoryError} If there is no room now
   */
  allocate(bytes: number): Block {
    const slot = this.#take(bytes, FIXED);
    if (slot === 0) throw this.#outOfMemory(bytes);
    return makeBlock(this.#ledger, 0, slot, bytes);
  }

  /** As {@linkcode MemoryPool.allocate}, but answers `undefined` when there is no room. The same cost. */
  tryAllocate(bytes: number): Block | undefined {
    const slot = this.#take(bytes, FIXED);
    return slot === 0 ? undefined : makeBlock(this.#ledger, 0, slot, bytes);
  }

  /**
   * Takes bytes that the pool may move when it defragments. Only this thread may use them, and only
   * through the handle. It is freed like a block. The same cost.
   *
   * @throws {RangeError} If `bytes` is not a whole number from 1 to the capacity
   * @throws {OutOfMemoryError} If there is no room now
   */
  allocateHandle(bytes: number): PoolHandle {
    const slot = this.#take(bytes, MOVABLE);
    if (slot === 0) throw this.#outOfMemory(bytes);
    return makeHandle(this.#ledger, slot, bytes);
  }

  /**
   * Gives back a block or handle. O(1) or O(log n).
   *
   * @throws {TypeError} If `block` is not a block
   * @throws {ForeignBlockError} If another allocator made it
   * @throws {DoubleFreeError} If it has been freed
   * @throws {StaleBlockError} If the pool has been reset since
   */
  free(block: Block): void {
    this.#give(endBlock(block, this.#ledger));
  }

  /**
   * As {@linkcode MemoryPool.allocate} without an object: answers the offset of the first byte in
   * {@linkcode MemoryPool.buffer}, or -1 when there is no room. Freed with
   * {@linkcode MemoryPool.freeOffset} only. No garbage. O(1) or O(log n).
   *
   * The first call makes a table of 4 bytes per unit of alignment, to know good offsets from bad.
   *
   * @throws {RangeError} If `bytes` is not a whole number from 1 to the capacity
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { MemoryPool } from "@vais/runtime/memory";
   *
   * const pool = new MemoryPool({ size: 4096 });
   * const memory = new Uint8Array(pool.buffer);
   * const offset = pool.allocateOffset(3);
   * memory.set([1, 2, 3], offset);
   * assertEquals([...pool.bytesAt(offset, 3)], [1, 2, 3]);
   * pool.freeOffset(offset);
   * ```
   */
  allocateOffset(bytes: number): number {
    this.#offsets.open();
    const slot = this.#take(bytes, FIXED);
    if (slot === 0) return -1;
    return this.#offsets.add(this.#core.ranges.cells[slot + START]!, slot);
  }

  /**
   * Gives back what {@linkcode MemoryPool.allocateOffset} answered. A second free is noticed unless
   * the same offset has been given out again meanwhile: where that can happen, use blocks. O(1) or O(log n).
   *
   * @throws {TypeError} If `offset` is not a number
   * @throws {DoubleFreeError} If it has been freed
   * @throws {ForeignBlockError} If `allocateOffset` did not give it out
   */
  freeOffset(offset: number): void {
    this.#give(this.#offsets.remove("free", offset));
  }

  /**
   * A view of what {@linkcode MemoryPool.allocateOffset} answered; all that was set aside for it, or
   * the first `length` bytes. O(1).
   *
   * @throws {TypeError} If `offset` or `length` is not a number
   * @throws {RangeError} If `length` is more than was set aside
   * @throws {DoubleFreeError} If it has been freed
   * @throws {ForeignBlockError} If `allocateOffset` did not give it out
   */
  bytesAt(offset: number, length?: number): Uint8Array {
    const slot = this.#offsets.slotAt("view bytes", offset);
    const most = this.#core.ranges.cells[slot + SIZE]! << this.#shift;
    const size = length ?? most;
    checkInteger("view bytes", "the length", size, 0, most);
    return new Uint8Array(this.buffer, offset, size);
  }

  /**
   * Moves the blocks of handles down, so that free ranges run together; all others stay. Views taken
   * from handles before show old places afterwards. O(blocks + bytes moved).
   *
   * @returns Bytes moved
   */
  defragment(): number {
    const shift = this.#shift;
    const { buffer, byteOffset } = this.#settings.region;
    const memory = new Uint8Array(buffer, byteOffset, this.#capacity);
    const units = this.#core.compact((from, to, count) => {
      memory.copyWithin(to << shift, from << shift, (from + count) << shift);
    });
    this.#counts.defragmentations++;
    this.#counts.movedUnits += units;
    if (units > 0) this.#ledger.generation++;
    return units << shift;
  }

  /** Frees all of it at once; what was given out is stale from then on. O(1) if offsets are not used. */
  reset(): void {
    this.#counts.frees = this.#counts.allocations;
    this.#serials[0]!++;
    this.#offsets.clear();
    this.#core.reset();
  }

  /** Makes the current use the highest and the lowest known. O(1). */
  resetWaterMarks(): void {
    this.#core.high = this.#core.low = this.#core.used;
  }

  /** Figures as of now. O(1). */
  stats(): MemoryPoolStats {
    return poolStats(this.#core, this.#shift, this.#counts);
  }

  /** All ranges, free and in use, by address. O(ranges). */
  ranges(): PoolRange[] {
    return rangesOf(this.#core, this.#settings.region.byteOffset, this.#shift);
  }

  /**
   * Figures and a map of so many characters, to be read by a person. O(ranges).
   *
   * @throws {RangeError} If `width` is not a whole number from 1 to 1000
   */
  explain(width: number = 64): string {
    checkInteger("explain", "the width", width, 1, 1000);
    return explainPool(this.#settings.strategy, this.stats(), this.ranges(), width);
  }

  #take(bytes: number, state: number): number {
    if (typeof bytes !== "number" || (bytes | 0) !== bytes || bytes < 1 || bytes > this.#capacity) {
      refuseSize(bytes, this.#capacity);
    }
    const units = (bytes + this.#mask) >>> this.#shift;
    if (this.#autoDefrag && this.#core.isCompactDue(units, this.#settings.threshold)) {
      this.defragment();
    }
    const slot = this.#core.take(units, state);
    if (slot === 0) this.#counts.failures++;
    else this.#counts.allocations++;
    return slot;
  }

  #give(slot: number): void {
    this.#counts.frees++;
    this.#core.give(slot);
  }

  #offsetOf(slot: number): number {
    return this.#settings.region.byteOffset +
      (this.#core.ranges.cells[slot + START]! << this.#shift);
  }

  #outOfMemory(bytes: number): OutOfMemoryError {
    const { freeBytes, largestFreeBytes } = this.stats();
    return new OutOfMemoryError(bytes, freeBytes, largestFreeBytes);
  }
}
