/**
 * Blocks of a few sizes, each from a slab of its own; the rest from a pool behind them.
 *
 * Invariant: the slabs lie one after the other by size, then the pool, all in one buffer, so an offset
 * says by itself whose it is. A size is served by the smallest class that holds it. When that class is
 * empty, or the size above all classes, it is a miss, and goes to the pool, if there is one.
 *
 * Source of the name and the idea: Bonwick, "The Slab Allocator" (USENIX Summer 1994); here the slabs
 * are laid out at the start, so there is nothing to grow or to reap.
 *
 * @module
 */
import { checkInteger } from "../check.ts";
import { type Block, endBlock, isBlockOf, type Ledger, makeBlock } from "./block.ts";
import { refuseSize } from "./checks.ts";
import { OutOfMemoryError } from "./errors.ts";
import { AS_BLOCK, AS_OFFSET } from "./fixed_blocks.ts";
import { offsetBlock } from "./fixed_pool.ts";
import { MemoryPool } from "./memory_pool.ts";
import { refuseOffset } from "./offset_register.ts";
import type { Region } from "./region.ts";
import { type SlabAllocatorOptions, type SlabClass, slabLayout } from "./slab_layout.ts";
import { type SlabAllocatorStats, slabStats } from "./slab_report.ts";

/**
 * Blocks of a few sizes out of one buffer: O(1) and no fragmentation for small ones, with an optional
 * pool for large ones. Blocks are aligned to 8 bytes. Owned by one thread.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { SlabAllocator } from "@vais/runtime/memory";
 *
 * const slab = new SlabAllocator({ blocksPerClass: 128, backingSize: 1024 * 1024 });
 * const small = slab.allocate(100);
 * const large = slab.allocate(10_000);
 * assertEquals([small.bytes.length, large.bytes.length], [100, 10_000]);
 * const { classes, hits, misses } = slab.stats();
 * assertEquals([classes[1]?.blockSize, classes[1]?.utilisation], [128, 1 / 128]);
 * assertEquals([hits, misses], [1, 1]);
 * slab.free(small);
 * slab.free(large);
 * assertEquals(slab.stats().usedBytes, 0);
 * ```
 */
export class SlabAllocator {
  readonly #region: Region;
  readonly #classes: readonly SlabClass[];
  readonly #classOf: Uint8Array;
  readonly #largestClass: number;
  readonly #most: number;
  readonly #backing: MemoryPool | undefined;
  readonly #backingOffset: number;
  readonly #ledger: Ledger;
  #oversize = 0;
  #failures = 0;

  /**
   * Slabs and, with `backingSize`, a pool behind them.
   *
   * @throws {TypeError} If an option is of the wrong type
   * @throws {RangeError} If a size or count is out of range, or classes do not ascend
   */
  constructor(options?: SlabAllocatorOptions) {
    const layout = slabLayout("create a SlabAllocator", options);
    const { region: { buffer }, backingOffset: byteOffset, backingSize: size } = layout;
    this.#region = layout.region;
    this.#classes = layout.classes;
    this.#classOf = layout.classOf;
    this.#backingOffset = byteOffset;
    this.#backing = size === 0 ? undefined : new MemoryPool({ buffer, byteOffset, size });
    this.#largestClass = layout.classes.at(-1)!.blockSize;
    this.#most = Math.max(this.#largestClass, this.#backing?.capacityBytes ?? 0);
    this.#ledger = {
      name: "this slab allocator",
      serials: [1],
      generation: 0,
      offsetOf: (offset) => offset,
      viewOf: (offset, length) => new Uint8Array(buffer, offset, length),
      release: (block) => this.free(block),
    };
  }

  /** The buffer that blocks are in. */
  get buffer(): ArrayBufferLike {
    return this.#region.buffer;
  }

  /**
   * Takes `bytes` bytes. They are not zeroed. O(1), from the pool as `MemoryPool`.
   *
   * @throws {RangeError} If `bytes` is not a whole number from 1 to the largest class, or to the
   * capacity of the backing pool
   * @throws {OutOfMemoryError} If there is no room now
   */
  allocate(bytes: number): Block {
    const block = this.tryAllocate(bytes);
    if (block === undefined) throw this.#outOfMemory(bytes);
    return block;
  }

  /** As {@linkcode SlabAllocator.allocate}, but answers `undefined` when there is no room. The same cost. */
  tryAllocate(bytes: number): Block | undefined {
    const offset = this.#take(bytes, AS_BLOCK);
    if (offset >= 0) return makeBlock(this.#ledger, 0, offset, bytes);
    const block = bytes <= this.#backedMost() ? this.#backing?.tryAllocate(bytes) : undefined;
    if (block === undefined) this.#failures++;
    return block;
  }

  /**
   * Gives back a block. O(classes).
   *
   * @throws {TypeError} If `block` is not a block
   * @throws {ForeignBlockError} If another allocator made it
   * @throws {DoubleFreeError} If it has been freed
   */
  free(block: Block): void {
    if (this.#backing !== undefined && !isBlockOf(block, this.#ledger)) {
      return this.#backing.free(block);
    }
    const offset = endBlock(block, this.#ledger);
    const slab = this.#slabAt(offset)!;
    slab.blocks.give((offset - slab.base) / slab.blockSize);
  }

  /**
   * As {@linkcode SlabAllocator.allocate} without an object: answers the offset of the first byte in
   * {@linkcode SlabAllocator.buffer}, or -1 when there is no room. Freed with
   * {@linkcode SlabAllocator.freeOffset} only. No garbage. The same cost as `allocate`.
   *
   * @throws {RangeError} As `allocate`
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { SlabAllocator } from "@vais/runtime/memory";
   *
   * const slab = new SlabAllocator();
   * const offset = slab.allocateOffset(65);
   * assertEquals(slab.bytesAt(offset).length, 128);
   * slab.freeOffset(offset);
   * ```
   */
  allocateOffset(bytes: number): number {
    let offset = this.#take(bytes, AS_OFFSET);
    if (offset >= 0) return offset;
    if (bytes <= this.#backedMost()) offset = this.#backing!.allocateOffset(bytes);
    if (offset < 0) this.#failures++;
    return offset;
  }

  /**
   * Gives back what {@linkcode SlabAllocator.allocateOffset} answered. A second free is noticed unless
   * the same offset has been given out again meanwhile: where that can happen, use blocks. O(classes).
   *
   * @throws {TypeError} If `offset` is not a number
   * @throws {DoubleFreeError} If it has been freed
   * @throws {ForeignBlockError} If `allocateOffset` did not give it out
   */
  freeOffset(offset: number): void {
    const slab = this.#slabAt(offset);
    if (slab !== undefined) slab.blocks.give(blockAt("free", offset, slab));
    else if (this.#backing !== undefined) this.#backing.freeOffset(offset);
    else refuseOffset("free", offset);
  }

  /**
   * A view of what {@linkcode SlabAllocator.allocateOffset} answered; all that was set aside for it,
   * or the first `length` bytes. O(classes).
   *
   * @throws {TypeError} If `offset` or `length` is not a number
   * @throws {RangeError} If `length` is more than was set aside
   * @throws {DoubleFreeError} If it has been freed
   * @throws {ForeignBlockError} If `allocateOffset` did not give it out
   */
  bytesAt(offset: number, length?: number): Uint8Array {
    const slab = this.#slabAt(offset);
    if (slab === undefined) {
      return this.#backing?.bytesAt(offset, length) ?? refuseOffset("view bytes", offset);
    }
    blockAt("view bytes", offset, slab);
    const size = length ?? slab.blockSize;
    checkInteger("view bytes", "the length", size, 0, slab.blockSize);
    return new Uint8Array(this.buffer, offset, size);
  }

  /** Figures as of now. O(classes). */
  stats(): SlabAllocatorStats {
    return slabStats(this.#classes, this.#oversize, this.#failures, this.#backing?.stats());
  }

  /** The offset of a block of a class, or -1. */
  #take(bytes: number, state: number): number {
    if (typeof bytes !== "number" || (bytes | 0) !== bytes || bytes < 1 || bytes > this.#most) {
      refuseSize(bytes, this.#most);
    }
    if (bytes > this.#largestClass) {
      this.#oversize++;
      return -1;
    }
    const slab = this.#classes[this.#classOf[(bytes + 7) >>> 3]!]!;
    const block = slab.blocks.take(state);
    if (block < 0) {
      slab.misses++;
      return -1;
    }
    slab.hits++;
    return slab.base + block * slab.blockSize;
  }

  #backedMost(): number {
    return this.#backing === undefined ? 0 : this.#backing.capacityBytes;
  }

  /** The class whose slab an offset is in. */
  #slabAt(offset: number): SlabClass | undefined {
    if (typeof offset !== "number" || !(offset < this.#backingOffset)) return undefined;
    const classes = this.#classes;
    let i = classes.length - 1;
    while (i > 0 && offset < classes[i]!.base) i--;
    return classes[i];
  }

  #outOfMemory(bytes: number): OutOfMemoryError {
    const { freeBytes, backing } = this.stats();
    let largest = backing?.largestFreeBytes ?? 0;
    for (const { blockSize, blocks } of this.#classes) {
      if (blocks.used < blocks.count && blockSize > largest) largest = blockSize;
    }
    return new OutOfMemoryError(bytes, freeBytes, largest);
  }
}

function blockAt(action: string, offset: number, slab: SlabClass): number {
  return offsetBlock(action, offset, slab.base, slab.blockSize, slab.blocks);
}
