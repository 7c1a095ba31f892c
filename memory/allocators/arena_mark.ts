/**
 * A place in an arena to go back to.
 *
 * @module
 */
import { shown } from "../check.ts";
import type { Ledger } from "./block.ts";
import { StaleMarkError } from "./errors.ts";

/** Makes a mark. */
export let makeMark: (ledger: Ledger, frame: number) => ArenaMark;

/** The frame of a mark of `ledger`; throws unless it is one and live. */
export let frameOf: (mark: ArenaMark, ledger: Ledger) => number;

/**
 * A place in an arena, made by `ArenaAllocator.mark` and good for one `release`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ArenaAllocator } from "@vais/runtime/memory";
 *
 * const arena = new ArenaAllocator({ size: 1024 });
 * const mark = arena.mark();
 * arena.allocate(100);
 * arena.release(mark);
 * assertEquals([mark.isLive, arena.usedBytes], [false, 0]);
 * ```
 */
export class ArenaMark {
  readonly #ledger: Ledger;
  readonly #frame: number;
  readonly #serial: number;

  static {
    makeMark = (ledger, frame) => new ArenaMark(ledger, frame);
    frameOf = (mark, ledger) => {
      if (typeof mark !== "object" || mark === null || !(#frame in mark)) {
        throw new TypeError(`Cannot release: the mark is ${shown(mark)} (pass an ArenaMark)`);
      }
      if (mark.#ledger !== ledger) {
        throw new TypeError(
          "Cannot release: the mark is of another arena (pass one of this arena)",
        );
      }
      if (!mark.isLive) {
        throw new StaleMarkError(
          "Cannot release: the mark has been released, by itself, with an outer one or by a reset " +
            "(pass a live one)",
        );
      }
      return mark.#frame;
    };
  }

  /** Marks are made by arenas. */
  private constructor(ledger: unknown, frame: number) {
    this.#ledger = ledger as Ledger;
    this.#frame = frame;
    this.#serial = this.#ledger.serials[frame]!;
  }

  /** Whether it can be released. */
  get isLive(): boolean {
    return this.#ledger.serials[this.#frame] === this.#serial;
  }
}
