/**
 * Arguments that JSON does not carry, in a table before the text: views over shared memory, undefined, and the
 * numbers JSON has no word for. In the text, null stands in their place.
 *
 * @module
 */

import type { DispatchRegion } from "./dispatch_region.ts";
import { NO_BLOCK, type SharedBlocks } from "./shared_blocks.ts";
import { type SharedBuffers, VIEW_NUMBERS } from "./shared_views.ts";

/** Numbers of an entry: which argument, what it is, and a reference or the number itself. */
const ENTRY_NUMBERS = 2 + VIEW_NUMBERS;
const MOST_ENTRIES = 15;
const UNDEFINED = 0;
const NUMBER = 1;
const VIEW = 2;

/** Internal: the tables of slots, at the beginning of their areas. */
export class ArgTable {
  readonly #numbers: Float64Array;
  readonly #region: DispatchRegion;
  readonly #data: SharedArrayBuffer;
  readonly #buffers: SharedBuffers;
  readonly #blocks: SharedBlocks;
  readonly #owner: number;
  readonly #copies: boolean;
  readonly #most: number;
  /** Blocks that arguments were copied into by the last `write`. */
  readonly copied: number[] = [];

  /** Over `data`; with `copies`, plain typed arrays are copied into blocks leased to `owner`. */
  constructor(
    region: DispatchRegion,
    data: SharedArrayBuffer,
    buffers: SharedBuffers,
    blocks: SharedBlocks,
    owner: number,
    copies: boolean,
  ) {
    this.#region = region;
    this.#numbers = new Float64Array(data, 0, region.capacity * region.inlineBytes / 8);
    this.#data = data;
    this.#buffers = buffers;
    this.#blocks = blocks;
    this.#owner = owner;
    this.#copies = copies;
    this.#most = Math.min(MOST_ENTRIES, Math.floor(region.inlineBytes / 8 / ENTRY_NUMBERS));
  }

  /** Whether an argument belongs into a table. */
  isFor(arg: unknown): boolean {
    if (typeof arg === "number") return !Number.isFinite(arg) || Object.is(arg, -0);
    if (typeof arg !== "object" || arg === null) return arg === undefined;
    return ArrayBuffer.isView(arg) || arg instanceof SharedArrayBuffer;
  }

  /** Writes those of `args`: how many, or -1 when one cannot be written. */
  write(slot: number, args: readonly unknown[]): number {
    this.copied.length = 0;
    let count = 0;
    for (let i = 0; i < args.length; i++) {
      if (!this.isFor(args[i])) continue;
      if (count === this.#most || !this.#writeOne(this.#at(slot, count++), i, args[i])) {
        this.forget();
        return -1;
      }
    }
    return count;
  }

  /** Gives back what the last `write` copied into. */
  forget(): void {
    for (const block of this.copied) this.#blocks.give(block, this.#owner);
    this.copied.length = 0;
  }

  /** Puts `count` entries into `args`; false when one is over a buffer not known here yet. */
  read(slot: number, count: number, args: unknown[]): boolean {
    const numbers = this.#numbers;
    for (let i = 0; i < count; i++) {
      const at = this.#at(slot, i);
      const what = numbers[at + 1]!;
      let value: unknown;
      if (what === NUMBER) value = numbers[at + 2];
      else if (what === VIEW) {
        value = this.#buffers.read(numbers, at + 2);
        if (value === undefined) return false;
      }
      args[numbers[at]!] = value;
    }
    return true;
  }

  /** Bytes that `count` entries take. */
  static bytesOf(count: number): number {
    return count * ENTRY_NUMBERS * 8;
  }

  #writeOne(at: number, index: number, arg: unknown): boolean {
    const numbers = this.#numbers;
    numbers[at] = index;
    if (arg === undefined) {
      numbers[at + 1] = UNDEFINED;
      return true;
    }
    if (typeof arg === "number") {
      numbers[at + 1] = NUMBER;
      numbers[at + 2] = arg;
      return true;
    }
    numbers[at + 1] = VIEW;
    return this.#buffers.write(arg, numbers, at + 2) || this.#copy(arg, at + 2);
  }

  #copy(arg: unknown, at: number): boolean {
    if (!this.#copies || !ArrayBuffer.isView(arg)) return false;
    if (arg.buffer instanceof SharedArrayBuffer) return false;
    const block = this.#blocks.take(arg.byteLength, this.#owner);
    if (block === NO_BLOCK) return false;
    this.copied.push(block);
    const offset = this.#blocks.offsetOf(block);
    const from = new Uint8Array(arg.buffer, arg.byteOffset, arg.byteLength);
    new Uint8Array(this.#data, offset, arg.byteLength).set(from);
    return this.#buffers.writeAs(arg, this.#data, offset, this.#numbers, at);
  }

  #at(slot: number, entry: number): number {
    return slot * this.#region.inlineBytes / 8 + entry * ENTRY_NUMBERS;
  }
}
