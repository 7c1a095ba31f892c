/**
 * Ref: one int32 that names a slot *and* which of its lives is meant.
 *
 * The low bits are the slot, the rest its generation. A generation is odd while the slot is in use and
 * even while it is free, so no valid Ref is 0 ({@linkcode NO_REF}), and a Ref kept too long is told
 * from the slot's next user. With `n` slots the generation has `32 - ceil(log2 n)` bits, and is the
 * same again after `2 ** (31 - ceil(log2 n))` lives: 4096 slots, 524 288 lives.
 *
 * Handles with generations: Andre Weissflog, "Handles are the better pointers" (2018).
 *
 * @module
 */

import { checkInteger, isInt32, refuseInt32 } from "./check.ts";

/** Names a slot in one of its lives. Structures carry it as the int32 it is. */
export type Ref = number;

/** No Ref: never made. */
export const NO_REF = 0;

/** How the Refs of `capacity` slots are made and read. No state, no effect; all O(1), wait-free. */
export class RefFormat {
  readonly #bits: number;
  readonly #mask: number;

  /** For so many slots: 1 to 2 ** 24. Others are a `RangeError`. */
  constructor(capacity: number) {
    checkInteger("make Refs", "the number of slots", capacity, 1, 2 ** 24);
    this.#bits = Math.ceil(Math.log2(capacity));
    this.#mask = (1 << this.#bits) - 1;
  }

  /**
   * The Ref of `slot` in the life `generation`, of which the low bits are kept. A slot beyond them
   * is a `RangeError`.
   */
  make(slot: number, generation: number): Ref {
    if ((slot & this.#mask) !== slot) checkInteger("make a Ref", "the slot", slot, 0, this.#mask);
    return (generation << this.#bits) | slot;
  }

  /**
   * The slot a Ref names; may be beyond the capacity when the Ref is not one of these. Not an
   * int32: a `RangeError`.
   */
  slotOf(ref: Ref): number {
    if (!isInt32(ref)) refuseInt32("read a Ref", ref);
    return ref & this.#mask;
  }

  /** Whether `ref` names the life `generation` of its slot: never an even one, which is none. */
  matches(ref: Ref, generation: number): boolean {
    return (generation & 1) === 1 && ref === this.make(ref & this.#mask, generation);
  }
}
