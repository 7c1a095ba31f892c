/**
 * An arena for the length of a block of code.
 *
 * Invariant: at its end the arena is as it was at its start, no more and no less: what was allocated
 * before stays.
 *
 * @module
 */
import { shown } from "../check.ts";
import { ArenaAllocator } from "./arena_allocator.ts";
import type { ArenaMark } from "./arena_mark.ts";
import type { Block } from "./block.ts";
import { StaleMarkError } from "./errors.ts";

/**
 * Part of an arena, given back at the end of the scope by `using`.
 *
 * Scopes nest. What is allocated while an inner one is open, by whomever, ends with the inner one.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ArenaAllocator, ScopedArena } from "@vais/runtime/memory";
 *
 * const arena = new ArenaAllocator({ size: 64 * 1024 });
 * const kept = arena.allocate(100);
 * {
 *   using scope = new ScopedArena(arena);
 *   scope.allocate(1000).bytes.fill(1);
 *   assertEquals(scope.usedBytes, 1000);
 * }
 * assertEquals([kept.isLive, arena.usedBytes], [true, 104]);
 * ```
 */
export class ScopedArena {
  readonly #arena: ArenaAllocator;
  readonly #mark: ArenaMark;
  readonly #start: number;

  /**
   * Opens a scope in an arena.
   *
   * @throws {TypeError} If `arena` is not an ArenaAllocator
   */
  constructor(arena: ArenaAllocator) {
    if (!(arena instanceof ArenaAllocator)) {
      throw new TypeError(
        `Cannot create a ScopedArena: the arena is ${shown(arena)} (pass an ArenaAllocator)`,
      );
    }
    this.#arena = arena;
    this.#start = arena.usedBytes;
    this.#mark = arena.mark();
  }

  /** Whether it has not ended: neither by itself, nor with an outer one or a reset of the arena. O(1). */
  get isOpen(): boolean {
    return this.#mark.isLive;
  }

  /** Bytes allocated since it began, in inner scopes too; 0 when it has ended. O(1). */
  get usedBytes(): number {
    return this.isOpen ? this.#arena.usedBytes - this.#start : 0;
  }

  /**
   * As `ArenaAllocator.allocate`. O(1).
   *
   * @throws {StaleMarkError} If the scope has ended
   * @throws {RangeError} If `bytes` is not a whole number above 0, or more than there can ever be
   * @throws {OutOfMemoryError} If there is no room now
   */
  allocate(bytes: number): Block {
    this.#mustBeOpen();
    return this.#arena.allocate(bytes);
  }

  /**
   * As `ArenaAllocator.allocateOffset`. O(1).
   *
   * @throws {StaleMarkError} If the scope has ended
   * @throws {RangeError} If `bytes` is not a whole number above 0, or more than there can ever be
   */
  allocateOffset(bytes: number): number {
    this.#mustBeOpen();
    return this.#arena.allocateOffset(bytes);
  }

  /** Ends the scope and those inside it; does nothing if it has ended. */
  [Symbol.dispose](): void {
    if (this.isOpen) this.#arena.release(this.#mark);
  }

  #mustBeOpen(): void {
    if (!this.isOpen) {
      throw new StaleMarkError("Cannot allocate: the scope has ended (use an open one)");
    }
  }
}
