/**
 * Which bare offsets a pool has given out.
 *
 * Invariant: a unit's entry is the slot of the block that starts there, if it was given out as an
 * offset and is live. Blocks given out as tickets are not in it, so one form cannot free the other's.
 *
 * @module
 */
import { shown } from "../check.ts";
import { DoubleFreeError, ForeignBlockError } from "./errors.ts";

/** In the place of a slot: an offset that has been freed. */
const FREED = -1;

/** See the head of this file. */
export class OffsetRegister {
  readonly #byteOffset: number;
  readonly #shift: number;
  readonly #units: number;
  /** By unit. Empty until the first is entered: most pools give out no offsets. */
  #slots = new Int32Array(0);

  /** Empty, for a pool that begins at `byteOffset`. */
  constructor(units: number, byteOffset: number, shift: number) {
    this.#units = units;
    this.#byteOffset = byteOffset;
    this.#shift = shift;
  }

  /** Makes sure that blocks can be entered. */
  open(): void {
    if (this.#slots.length === 0) this.#slots = new Int32Array(this.#units);
  }

  /** Enters a block, once it is open; answers its offset. */
  add(start: number, slot: number): number {
    this.#slots[start] = slot;
    return this.#byteOffset + (start << this.#shift);
  }

  /** The slot of a live offset; throws if there is none. */
  slotAt(action: string, offset: number): number {
    if (typeof offset !== "number") refuseOffset(action, offset);
    const unit = (offset - this.#byteOffset) >> this.#shift;
    const slot = this.#slots[unit];
    if (slot !== undefined && slot > 0 && this.#byteOffset + (unit << this.#shift) === offset) {
      return slot;
    }
    return this.#refuse(action, offset);
  }

  /** Forgets a live offset; answers its slot. Throws if there is none. */
  remove(action: string, offset: number): number {
    const slot = this.slotAt(action, offset);
    this.#slots[(offset - this.#byteOffset) >> this.#shift] = FREED;
    return slot;
  }

  /** Forgets all. */
  clear(): void {
    this.#slots.fill(0);
  }

  #refuse(action: string, offset: number): never {
    const at = offset - this.#byteOffset;
    if (at % (1 << this.#shift) === 0 && this.#slots[at / (1 << this.#shift)] === FREED) {
      throw new DoubleFreeError(
        `Cannot ${action}: offset ${offset} has been freed (pass a live one)`,
      );
    }
    refuseOffset(action, offset);
  }
}

/** Throws: the offset was not given out. */
export function refuseOffset(action: string, offset: unknown): never {
  if (typeof offset !== "number") {
    throw new TypeError(`Cannot ${action}: the offset is ${shown(offset)} (pass a number)`);
  }
  throw new ForeignBlockError(
    `Cannot ${action}: nothing was given out at offset ${offset} ` +
      `(pass what this allocator's allocateOffset answered)`,
  );
}
