/**
 * Blocks of one size out of one buffer.
 *
 * One thread owns a pool; what it gives out may be used by any thread that has the buffer. The books
 * are in `fixed_blocks.ts`, outside of the buffer.
 *
 * @module
 */
import { checkInteger, checkOptions } from "../check.ts";
import { type Block, endBlock, type Ledger, makeBlock } from "./block.ts";
import { MOST_BYTES } from "./checks.ts";
import { DoubleFreeError } from "./errors.ts";
import { AS_BLOCK, AS_OFFSET, FixedBlocks, FREE } from "./fixed_blocks.ts";
import { refuseOffset } from "./offset_register.ts";
import { openRegion, type Region, type RegionOptions } from "./region.ts";

/** Where the blocks of a {@linkcode FixedPool} are. Default: in a buffer of its own. */
export type FixedPoolOptions = Omit<RegionOptions, "size">;

/**
 * So many blocks of one size: O(1), no fragmentation. Owned by one thread.
 *
 * Block `i` is at `i * blockSize` from the start, so blocks are aligned as well as their size is.
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { DoubleFreeError, FixedPool } from "@vais/runtime/memory";
 *
 * const pool = new FixedPool(256, 2);
 * const one = pool.alloc()!;
 * const two = pool.alloc();
 * assertEquals(pool.alloc(), null);
 * one.bytes.fill(1);
 * pool.free(one);
 * assertThrows(() => pool.free(one), DoubleFreeError);
 * assertEquals([pool.available, pool.capacity, two?.offset], [1, 2, 256]);
 * ```
 */
export class FixedPool {
  /** Bytes of each block. */
  readonly blockSize: number;
  readonly #region: Region;
  readonly #blocks: FixedBlocks;
  readonly #ledger: Ledger;

  /**
   * A pool of `blockCount` blocks of `blockSize` bytes.
   *
   * @throws {TypeError} If a number is none, or an option of the wrong type
   * @throws {RangeError} If a number is not whole and above 0, or all of it more than 2 GiB - 64 KiB
   */
  constructor(blockSize: number, blockCount: number, options?: FixedPoolOptions) {
    const action = "create a FixedPool";
    checkInteger(action, "the block size", blockSize, 1, MOST_BYTES);
    checkInteger(action, "the number of blocks", blockCount, 1, Math.floor(MOST_BYTES / blockSize));
    const size = blockSize * blockCount;
    this.blockSize = blockSize;
    this.#region = openRegion(action, { ...checkOptions(action, options), size }, 1, size);
    this.#blocks = new FixedBlocks(blockCount);
    this.#ledger = {
      name: "this pool",
      serials: [1],
      generation: 0,
      offsetOf: (block) => this.#offsetOf(block),
      viewOf: (block, bytes) => new Uint8Array(this.buffer, this.#offsetOf(block), bytes),
      release: (block) => this.free(block),
    };
  }

  /** The buffer that blocks are in. */
  get buffer(): ArrayBufferLike {
    return this.#region.buffer;
  }

  /** Blocks in all. */
  get capacity(): number {
    return this.#blocks.count;
  }

  /** Blocks that can be had now. */
  get available(): number {
    return this.#blocks.count - this.#blocks.used;
  }

  /** The most blocks that were given out at once. */
  get highWater(): number {
    return this.#blocks.high;
  }

  /** Takes a block, the one freed last first; `null` when there is none. Not zeroed. O(1). */
  alloc(): Block | null {
    const block = this.#blocks.take(AS_BLOCK);
    return block < 0 ? null : makeBlock(this.#ledger, 0, block, this.blockSize);
  }

  /**
   * Gives back a block. O(1).
   *
   * @throws {TypeError} If `block` is not a block
   * @throws {ForeignBlockError} If another allocator made it
   * @throws {DoubleFreeError} If it has been freed
   */
  free(block: Block): void {
    this.#blocks.give(endBlock(block, this.#ledger));
  }

  /**
   * As {@linkcode FixedPool.alloc} without an object: answers the offset of the first byte in
   * {@linkcode FixedPool.buffer}, or -1 when there is none. Freed with {@linkcode FixedPool.freeOffset}
   * only. No garbage. O(1).
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { FixedPool } from "@vais/runtime/memory";
   *
   * const pool = new FixedPool(64, 8);
   * const offset = pool.allocateOffset();
   * assertEquals(pool.bytesAt(offset).length, 64);
   * pool.freeOffset(offset);
   * ```
   */
  allocateOffset(): number {
    const block = this.#blocks.take(AS_OFFSET);
    return block < 0 ? -1 : this.#offsetOf(block);
  }

  /**
   * Gives back what {@linkcode FixedPool.allocateOffset} answered. A second free is noticed unless
   * the same offset has been given out again meanwhile: where that can happen, use blocks. O(1).
   *
   * @throws {TypeError} If `offset` is not a number
   * @throws {DoubleFreeError} If it has been freed
   * @throws {ForeignBlockError} If `allocateOffset` did not give it out
   */
  freeOffset(offset: number): void {
    this.#blocks.give(this.#blockAt("free", offset));
  }

  /**
   * A view of the block that {@linkcode FixedPool.allocateOffset} answered. O(1).
   *
   * @throws {TypeError} If `offset` is not a number
   * @throws {DoubleFreeError} If it has been freed
   * @throws {ForeignBlockError} If `allocateOffset` did not give it out
   */
  bytesAt(offset: number): Uint8Array {
    this.#blockAt("view bytes", offset);
    return new Uint8Array(this.buffer, offset, this.blockSize);
  }

  #offsetOf(block: number): number {
    return this.#region.byteOffset + block * this.blockSize;
  }

  #blockAt(action: string, offset: number): number {
    return offsetBlock(action, offset, this.#region.byteOffset, this.blockSize, this.#blocks);
  }
}

/** The number of the block at a live offset; throws if there is none. `base` is where block 0 is. */
export function offsetBlock(
  action: string,
  offset: number,
  base: number,
  blockSize: number,
  blocks: FixedBlocks,
): number {
  if (typeof offset !== "number") refuseOffset(action, offset);
  const block = ((offset - base) / blockSize) | 0;
  if (block < 0 || block >= blocks.count || base + block * blockSize !== offset) {
    refuseOffset(action, offset);
  }
  const state = blocks.stateOf(block);
  if (state === AS_OFFSET) return block;
  if (state === FREE) {
    throw new DoubleFreeError(
      `Cannot ${action}: offset ${offset} has been freed (pass a live one)`,
    );
  }
  refuseOffset(action, offset);
}
