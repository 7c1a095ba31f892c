/**
 * Blocks of shared memory that threads lease: three sizes, each with a free list.
 *
 * Invariant: a block is in its free list, or some thread's, whose number is in the block's owner word. What a
 * dead worker owned is found by that word. The memory is not touched before it is used, so blocks that
 * nobody needs cost address space only.
 *
 * Jeff Bonwick, "The Slab Allocator" (1994); the free list: see {@linkcode FreeList}.
 *
 * @module
 */

import { EMPTY } from "../../memory/answers.ts";
import { FreeList } from "../../memory/free_list.ts";
import {
  createRegion,
  type Handle,
  LINE_BYTES,
  LINE_WORDS,
  openRegion,
  paramOf,
  roundToLine,
  View,
} from "../../memory/layout.ts";

/** Sizes of blocks, in bytes. */
export const BLOCK_BYTES: readonly number[] = [2 ** 12, 2 ** 16, 2 ** 20];
/** Owner: nobody. */
export const NO_OWNER: number = 0;
/** Owner: the thread that made the blocks. */
export const MAIN_OWNER: number = 1;
/** Owner: worker 0; the others follow. */
export const FIRST_WORKER: number = 2;
/** No block. */
export const NO_BLOCK: number = 0;

/** Parts of the whole that each size gets: 1/16, 7/16, 8/16. */
const SIXTEENTHS = [1, 7, 8];

/** Internal: which block is whose. Where they lie is the caller's: `offsetOf`. Blocks are numbered from 1. */
export class SharedBlocks extends View<"SharedBlocks"> {
  readonly #words: Int32Array;
  readonly #lists: readonly FreeList[];
  /** Per size: its first block's number - 1, and where that begins. */
  readonly #first: readonly number[];
  readonly #offsets: readonly number[];
  /** How many blocks there are. */
  readonly count: number;

  private constructor(handle: Handle<"SharedBlocks">) {
    super(handle);
    this.#words = openRegion("SharedBlocks", handle);
    const counts = BLOCK_BYTES.map((_, i) => paramOf(this.#words, 1 + i));
    const from = paramOf(this.#words, 0) * 8;
    this.count = counts.reduce((sum, one) => sum + one, 0);
    this.#first = counts.map((_, i) => counts.slice(0, i).reduce((sum, one) => sum + one, 0));
    this.#offsets = counts.map((_, i) =>
      counts.slice(0, i).reduce((sum, one, j) => sum + one * BLOCK_BYTES[j]!, from)
    );
    const { buffer } = handle;
    this.#lists = listsAt(counts).map((byteOffset) =>
      FreeList.attach({ kind: "FreeList", buffer, byteOffset })
    );
  }

  /** How many bytes `bytes` bytes of blocks take, whole blocks only. */
  static dataBytes(bytes: number): number {
    return countsOf(bytes).reduce((sum, count, i) => sum + count * BLOCK_BYTES[i]!, 0);
  }

  /** New ones, in memory of their own; the blocks themselves lie elsewhere, from `from` (a multiple of 8) on. */
  static create(bytes: number, from: number): SharedBlocks {
    const counts = countsOf(bytes);
    const lists = listsAt(counts);
    const length = lists.reduce((_, at, i) => at + listBytes(counts[i]!), 0);
    const handle = createRegion("SharedBlocks", length, [from / 8, ...counts], undefined);
    lists.forEach((byteOffset, i) =>
      FreeList.create(Math.max(1, counts[i]!), { at: { buffer: handle.buffer, byteOffset } })
    );
    return new SharedBlocks(handle);
  }

  /** Those that `handle` names, in this thread. */
  static attach(handle: Handle<"SharedBlocks">): SharedBlocks {
    return new SharedBlocks(handle);
  }

  /** Leases a block of at least `bytes` bytes to `owner`: its number, or NO_BLOCK. Lock-free, O(1). */
  take(bytes: number, owner: number): number {
    for (let size = 0; size < BLOCK_BYTES.length; size++) {
      if (BLOCK_BYTES[size]! < bytes || this.#countOf(size) === 0) continue;
      const index = this.#lists[size]!.take();
      if (index === EMPTY) continue;
      const block = this.#first[size]! + index;
      Atomics.store(this.#words, LINE_WORDS + block, owner);
      return block + 1;
    }
    return NO_BLOCK;
  }

  /** Gives a block back, if it is `owner`'s; else false. Lock-free, O(1). */
  give(block: number, owner: number): boolean {
    const at = LINE_WORDS + block - 1;
    if (Atomics.compareExchange(this.#words, at, owner, NO_OWNER) !== owner) return false;
    const size = this.#sizeOf(block);
    this.#lists[size]!.give(block - 1 - this.#first[size]!);
    return true;
  }

  /** A block goes to another owner; false when it was not `from`'s. */
  hand(block: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, LINE_WORDS + block - 1, from, to) === from;
  }

  /** Where a block begins in the data. */
  offsetOf(block: number): number {
    const size = this.#sizeOf(block);
    return this.#offsets[size]! + (block - 1 - this.#first[size]!) * BLOCK_BYTES[size]!;
  }

  /** How long it is. */
  bytesOf(block: number): number {
    return BLOCK_BYTES[this.#sizeOf(block)]!;
  }

  /** The block that the byte at `offset` of the data is in, or NO_BLOCK. */
  blockAt(offset: number): number {
    for (let size = BLOCK_BYTES.length - 1; size >= 0; size--) {
      const index = Math.floor((offset - this.#offsets[size]!) / BLOCK_BYTES[size]!);
      if (index >= 0 && index < this.#countOf(size)) return this.#first[size]! + index + 1;
    }
    return NO_BLOCK;
  }

  /** Gives back all blocks of an owner that is no more; how many. O(blocks). */
  reclaim(owner: number): number {
    let count = 0;
    for (let block = 1; block <= this.count; block++) {
      if (this.give(block, owner)) count++;
    }
    return count;
  }

  /** Blocks leased now. O(blocks). */
  get used(): number {
    let count = 0;
    for (let i = 0; i < this.count; i++) {
      if (Atomics.load(this.#words, LINE_WORDS + i) !== NO_OWNER) count++;
    }
    return count;
  }

  #sizeOf(block: number): number {
    let size = BLOCK_BYTES.length - 1;
    while (block - 1 < this.#first[size]!) size--;
    return size;
  }

  #countOf(size: number): number {
    return (this.#first[size + 1] ?? this.count) - this.#first[size]!;
  }
}

function countsOf(bytes: number): number[] {
  return BLOCK_BYTES.map((size, i) => Math.floor(bytes * SIXTEENTHS[i]! / 16 / size));
}

/** Where each free list lies, after the owner words. */
function listsAt(counts: readonly number[]): number[] {
  const owners = counts.reduce((sum, one) => sum + one, 0);
  let at = LINE_BYTES + roundToLine(owners * 4);
  return counts.map((count) => {
    const mine = at;
    at += listBytes(count);
    return mine;
  });
}

function listBytes(count: number): number {
  return FreeList.byteLength(Math.max(1, count));
}
