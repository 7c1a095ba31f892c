/**
 * What callers of an allocator may catch, each with a stable `code`.
 *
 * Bad input is none of these: it is a `TypeError` or `RangeError` at the door. Whatever is thrown,
 * the allocator is as it was before the call.
 *
 * @module
 */

/**
 * There is no room now; there may be when something has been freed.
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { MemoryPool, OutOfMemoryError } from "@vais/runtime/memory";
 *
 * const pool = new MemoryPool({ size: 1024 });
 * pool.allocate(1000);
 * const error = assertThrows(() => pool.allocate(100), OutOfMemoryError);
 * assertEquals([error.requestedBytes, error.freeBytes, error.largestFreeBytes], [100, 16, 16]);
 * ```
 */
export class OutOfMemoryError extends Error {
  /** Class name. */
  override readonly name = "OutOfMemoryError";
  /** Stable code of this class. */
  readonly code = "ERR_OUT_OF_MEMORY";
  /** What was asked for. */
  readonly requestedBytes: number;
  /** What is free in all. */
  readonly freeBytes: number;
  /** The largest piece of it. */
  readonly largestFreeBytes: number;

  /** What was asked for, and what there is. */
  constructor(requestedBytes: number, freeBytes: number, largestFreeBytes: number) {
    super(
      `Cannot allocate: ${requestedBytes} bytes do not fit (${freeBytes} are free, ` +
        `${largestFreeBytes} of them in one piece)`,
    );
    this.requestedBytes = requestedBytes;
    this.freeBytes = freeBytes;
    this.largestFreeBytes = largestFreeBytes;
  }
}

/**
 * What is freed has been freed before.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { DoubleFreeError, MemoryPool } from "@vais/runtime/memory";
 *
 * const pool = new MemoryPool({ size: 1024 });
 * const block = pool.allocate(100);
 * pool.free(block);
 * assertThrows(() => pool.free(block), DoubleFreeError);
 * ```
 */
export class DoubleFreeError extends Error {
  /** Class name. */
  override readonly name = "DoubleFreeError";
  /** Stable code of this class. */
  readonly code = "ERR_DOUBLE_FREE";
}

/**
 * What is freed was not given out by this allocator, or not in this form.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { FixedPool, ForeignBlockError, MemoryPool } from "@vais/runtime/memory";
 *
 * const pool = new MemoryPool({ size: 1024 });
 * const block = new FixedPool(64, 4).alloc()!;
 * assertThrows(() => pool.free(block), ForeignBlockError);
 * assertThrows(() => pool.freeOffset(64), ForeignBlockError);
 * ```
 */
export class ForeignBlockError extends Error {
  /** Class name. */
  override readonly name = "ForeignBlockError";
  /** Stable code of this class. */
  readonly code = "ERR_FOREIGN_BLOCK";
}

/**
 * What is used has been freed, released or reset: its bytes may be somebody else's by now.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { ArenaAllocator, StaleBlockError } from "@vais/runtime/memory";
 *
 * const arena = new ArenaAllocator({ size: 1024 });
 * const block = arena.allocate(100);
 * arena.reset();
 * assertThrows(() => block.bytes, StaleBlockError);
 * ```
 */
export class StaleBlockError extends Error {
  /** Class name. */
  override readonly name = "StaleBlockError";
  /** Stable code of this class. */
  readonly code = "ERR_STALE_BLOCK";
}

/**
 * A mark that has been released, or was discarded by an outer release or a reset.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { ArenaAllocator, StaleMarkError } from "@vais/runtime/memory";
 *
 * const arena = new ArenaAllocator({ size: 1024 });
 * const outer = arena.mark();
 * const inner = arena.mark();
 * arena.release(outer);
 * assertThrows(() => arena.release(inner), StaleMarkError);
 * ```
 */
export class StaleMarkError extends Error {
  /** Class name. */
  override readonly name = "StaleMarkError";
  /** Stable code of this class. */
  readonly code = "ERR_STALE_MARK";
}
