/**
 * A block of memory as its user holds it: a ticket, not the bytes.
 *
 * Invariant: a block is live as long as the serial it was made under is still its ledger's, and
 * freeing takes its serial away. So a ticket is good for one free, and every use after a free, a
 * release or a reset is noticed, even when the same bytes have been given out again. The bytes
 * themselves are looked up when asked for, which is what lets a movable block be moved.
 *
 * @module
 */
import { shown } from "../check.ts";
import { DoubleFreeError, ForeignBlockError, StaleBlockError } from "./errors.ts";

/** What a block asks of the allocator that made it. */
export interface Ledger {
  /** Who it is, for error texts: "the pool". */
  readonly name: string;
  /** By frame: the serial under which blocks are live. */
  readonly serials: ArrayLike<number>;
  /** Changes whenever blocks may have been moved. */
  readonly generation: number;
  /** Where the block's first byte is now. */
  offsetOf(slot: number): number;
  /** A view of it. */
  viewOf(slot: number, size: number): Uint8Array;
  /** Frees it, or does nothing where blocks are not freed one by one. */
  release(block: Block): void;
}

const FREED = 0;

/** Makes a block. Serials are whole numbers above 0. */
export let makeBlock: (ledger: Ledger, frame: number, slot: number, size: number) => Block;

/** Makes a block that its pool may move. */
export let makeHandle: (ledger: Ledger, slot: number, size: number) => PoolHandle;

/** Whether a value is a block that `ledger` made. */
export let isBlockOf: (value: unknown, ledger: Ledger) => boolean;

/** Ends a block of `ledger`, if it is one and live; answers its slot. */
export let endBlock: (block: Block, ledger: Ledger) => number;

/**
 * A block of memory: where it is, and its bytes.
 *
 * Made by an allocator and given back to the same one. With `using` it is given back at the end of
 * the scope. Reading `bytes` or `offset` after that throws; a `Uint8Array` that was taken before
 * cannot know, and shows whatever is there now.
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { MemoryPool, StaleBlockError } from "@vais/runtime/memory";
 *
 * const pool = new MemoryPool({ size: 1024 });
 * const block = pool.allocate(5);
 * block.bytes.set([1, 2, 3, 4, 5]);
 * const floats = new Float32Array(pool.buffer, block.offset, 1);
 * assertEquals([block.size, block.isLive, floats.length], [5, true, 1]);
 * pool.free(block);
 * assertThrows(() => block.bytes, StaleBlockError);
 * ```
 */
export class Block {
  readonly #ledger: Ledger;
  readonly #frame: number;
  readonly #slot: number;
  readonly #size: number;
  #serial: number;
  #generation = 0;
  #view: Uint8Array | undefined = undefined;

  static {
    makeBlock = (ledger, frame, slot, size) => new Block(ledger, frame, slot, size);
    isBlockOf = (value, ledger) =>
      typeof value === "object" && value !== null && #slot in value && value.#ledger === ledger;
    endBlock = (block, ledger) => {
      if (typeof block !== "object" || block === null || !(#slot in block)) {
        throw new TypeError(`Cannot free: the block is ${shown(block)} (pass a Block)`);
      }
      if (block.#ledger !== ledger) {
        throw new ForeignBlockError(
          `Cannot free: the block is of another allocator (pass one of ${ledger.name})`,
        );
      }
      if (block.#serial === FREED) {
        throw new DoubleFreeError("Cannot free: the block has been freed (pass a live one)");
      }
      if (!block.isLive) throw staleError("free");
      block.#serial = FREED;
      block.#view = undefined;
      return block.#slot;
    };
  }

  /** Blocks are made by allocators. */
  protected constructor(ledger: unknown, frame: number, slot: number, size: number) {
    this.#ledger = ledger as Ledger;
    this.#frame = frame;
    this.#slot = slot;
    this.#size = size;
    this.#serial = this.#ledger.serials[frame]!;
  }

  /** The bytes asked for. The allocator may have set aside more; `bytes` is exactly so long. */
  get size(): number {
    return this.#size;
  }

  /** Whether it can be used and freed. */
  get isLive(): boolean {
    return this.#serial !== FREED && this.#ledger.serials[this.#frame] === this.#serial;
  }

  /**
   * Its first byte, counted from the start of the allocator's buffer.
   *
   * @throws {StaleBlockError} If it is not live
   */
  get offset(): number {
    if (!this.isLive) throw staleError("read offset");
    return this.#ledger.offsetOf(this.#slot);
  }

  /**
   * Its bytes, with what was in them before: not zeroed. The view is made when first read, and kept.
   *
   * @throws {StaleBlockError} If it is not live
   */
  get bytes(): Uint8Array {
    if (!this.isLive) throw staleError("read bytes");
    const ledger = this.#ledger;
    if (this.#view === undefined || this.#generation !== ledger.generation) {
      this.#generation = ledger.generation;
      this.#view = ledger.viewOf(this.#slot, this.#size);
    }
    return this.#view;
  }

  /**
   * Gives it back, unless that has been done: for `using`. Blocks of an arena are not given back
   * one by one, so there it does nothing.
   */
  [Symbol.dispose](): void {
    if (this.isLive) this.#ledger.release(this);
  }
}

/**
 * A block that its pool may move when it defragments: `bytes` and `offset` are as of now, and hold
 * until the next `defragment()`, or with `autoDefrag` until the next allocation.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { MemoryPool } from "@vais/runtime/memory";
 *
 * const pool = new MemoryPool({ size: 1024 });
 * const gap = pool.allocate(100);
 * const handle = pool.allocateHandle(3);
 * handle.bytes.set([1, 2, 3]);
 * pool.free(gap);
 * pool.defragment();
 * assertEquals(handle.offset, 0);
 * assertEquals([...handle.bytes], [1, 2, 3]);
 * ```
 */
export class PoolHandle extends Block {
  static {
    makeHandle = (ledger, slot, size) => new PoolHandle(ledger, 0, slot, size);
  }

  /** True: told apart from a block that stays where it is. */
  get isMovable(): true {
    return true;
  }
}

function staleError(action: string): StaleBlockError {
  return new StaleBlockError(
    `Cannot ${action}: the block is stale: freed, released or reset (use a live one)`,
  );
}
