/**
 * Arguments and results in shared memory.
 *
 * Up to four numbers lie in the task's record. Other values that JSON carries exactly are text, beside the record
 * or in a leased block; typed arrays over shared buffers go by reference. What is none of these is refused:
 * it needs a message.
 *
 * Numbers come back as small integers where they are such: read from a Float64Array they would be
 * boxed, and make a function that counts in integers 1.7 times slower.
 *
 * @module
 */

import { ArgTable } from "./arg_table.ts";
import {
  BLOCK,
  type DispatchRegion,
  FN,
  KIND,
  LENGTH,
  RECORD_NUMBERS,
  RECORD_WORDS,
} from "./dispatch_region.ts";
import type { TaskFunction } from "./dispatch_types.ts";
import { areJsonExact, isJsonExact } from "./json_exact.ts";
import { NO_BLOCK, type SharedBlocks } from "./shared_blocks.ts";
import type { SharedBuffers } from "./shared_views.ts";
import { SlotText } from "./slot_text.ts";

/** Arguments: numbers, as many as FN's upper bits say. A result: one number. */
export const NUMBERS: number = 0;
/** A result, or nothing at all. */
export const UNDEFINED: number = 1;
/** Text. For arguments, after a table of as many as FN's upper bits say. */
export const TEXT: number = 2;
/** A result: a reference in the four numbers. */
export const VIEW: number = 3;
/** Arguments: LENGTH numbers beside the record. */
export const LIST: number = 4;
/** Arguments: they come as a message. */
export const MESSAGE: number = 5;
/** A result: the deadline had passed. */
export const OBSOLETE: number = 6;
/** Added to a result that was thrown. */
export const THREW: number = 16;

/** `fn` is below this. */
export const MOST_FUNCTIONS: number = 2 ** 24;
const COUNT_SHIFT = 24;
const FN_MASK = MOST_FUNCTIONS - 1;
const MOST_NUMBERS = 4;

/** Where payloads lie, and whose blocks are leased. */
export interface PayloadPlaces {
  /** Buffers that views may be over. In the first lie the areas beside the records, then the blocks. */
  readonly buffers: SharedBuffers;
  /** The blocks. */
  readonly blocks: SharedBlocks;
  /** This thread, as an owner of blocks. */
  readonly owner: number;
  /** Whether plain typed arrays are copied into blocks. */
  readonly copies: boolean;
}

/** `value`, as a small integer if it is one. */
export function small(value: number): number {
  const integer = value | 0;
  return integer === value && (integer !== 0 || 1 / value > 0) ? integer : value;
}

/** Internal: reads and writes what belongs to a slot. */
export class Payload {
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;
  readonly #region: DispatchRegion;
  readonly #records: number;
  readonly #areas: Float64Array;
  readonly #buffers: SharedBuffers;
  readonly #text: SlotText;
  readonly #table: ArgTable;
  /** Blocks that the last `writeArgs` took, besides BLOCK. */
  readonly copied: readonly number[];
  /** Whether it took any. */
  tookBlocks = false;

  /** Of the slots of `region`. */
  constructor(region: DispatchRegion, places: PayloadPlaces) {
    const { buffers, blocks, owner, copies } = places;
    const data = buffers.all[0]!;
    this.#region = region;
    this.#words = region.words;
    this.#numbers = region.numbers;
    this.#records = region.records;
    this.#areas = new Float64Array(data, 0, region.capacity * region.inlineBytes / 8);
    this.#buffers = buffers;
    this.#text = new SlotText(region, data, blocks, owner);
    this.#table = new ArgTable(region, data, buffers, blocks, owner, copies);
    this.copied = this.#table.copied;
  }

  /** Writes a call; false when it needs a message. Blocks that it took are in BLOCK and `copied`. */
  writeArgs(slot: number, fn: number, args: readonly unknown[]): boolean {
    const count = args.length;
    if (count > MOST_NUMBERS) return this.#writeList(slot, fn, args);
    const at = this.#numbersAt(slot);
    for (let i = 0; i < count; i++) {
      const arg = args[i];
      if (typeof arg !== "number") return this.#writeMixed(slot, fn, args);
      this.#numbers[at + i] = arg;
    }
    const record = this.#recordAt(slot);
    this.#words[record + FN] = fn | count << COUNT_SHIFT;
    this.#words[record + KIND] = NUMBERS;
    this.tookBlocks = false;
    return true;
  }

  /** Writes a call whose arguments come as a message. */
  writeMessage(slot: number, fn: number): void {
    this.#write(slot, fn, MESSAGE);
  }

  /** Which function a call is for. */
  functionOf(slot: number): number {
    return this.#words[this.#recordAt(slot) + FN]! & FN_MASK;
  }

  /** The kind of what lies there. */
  kindOf(slot: number): number {
    return this.#words[this.#recordAt(slot) + KIND]!;
  }

  /** The block a slot's text lies in, or NO_BLOCK. */
  blockOf(slot: number): number {
    return this.#words[this.#recordAt(slot) + BLOCK]!;
  }

  /** Calls `run` with the numbers of a call of kind NUMBERS. */
  callWithNumbers(slot: number, run: TaskFunction): unknown {
    const numbers = this.#numbers;
    const at = this.#numbersAt(slot);
    switch (this.#words[this.#recordAt(slot) + FN]! >>> COUNT_SHIFT) {
      case 0:
        return run();
      case 1:
        return run(small(numbers[at]!));
      case 2:
        return run(small(numbers[at]!), small(numbers[at + 1]!));
      case 3:
        return run(small(numbers[at]!), small(numbers[at + 1]!), small(numbers[at + 2]!));
      default:
        return run(
          small(numbers[at]!),
          small(numbers[at + 1]!),
          small(numbers[at + 2]!),
          small(numbers[at + 3]!),
        );
    }
  }

  /** The arguments of a call that are no message; undefined when one is over a buffer not known here yet. */
  readArgs(slot: number): unknown[] | undefined {
    const record = this.#recordAt(slot);
    const kind = this.#words[record + KIND];
    if (kind === NUMBERS) return this.callWithNumbers(slot, (...args) => args) as unknown[];
    if (kind === LIST) {
      const at = this.#areaAt(slot);
      const length = this.#words[record + LENGTH]!;
      return Array.from({ length }, (_, i) => small(this.#areas[at + i]!));
    }
    const entries = this.#words[record + FN]! >>> COUNT_SHIFT;
    const from = this.blockOf(slot) === NO_BLOCK ? ArgTable.bytesOf(entries) : 0;
    const args = JSON.parse(this.#text.read(slot, from)) as unknown[];
    return this.#table.read(slot, entries, args) ? args : undefined;
  }

  /** A result of kind NUMBERS. */
  readNumber(slot: number): number {
    return small(this.#numbers[this.#numbersAt(slot)]!);
  }

  /** Writes a result that is a number. */
  writeNumber(slot: number, value: number): void {
    this.#numbers[this.#numbersAt(slot)] = value;
    this.#words[this.#recordAt(slot) + KIND] = NUMBERS;
  }

  /** Writes a result, thrown or not; false when it needs a message. */
  writeResult(slot: number, value: unknown, threw: boolean): boolean {
    const record = this.#recordAt(slot);
    const flag = threw ? THREW : 0;
    if (typeof value === "number") {
      this.#numbers[this.#numbersAt(slot)] = value;
      this.#words[record + KIND] = NUMBERS | flag;
    } else if (value === undefined) {
      this.#words[record + KIND] = UNDEFINED | flag;
    } else if (this.#buffers.write(value, this.#numbers, this.#numbersAt(slot))) {
      this.#words[record + KIND] = VIEW | flag;
    } else {
      if (!isJsonExact(value) || !this.#text.write(slot, JSON.stringify(value), 0)) return false;
      this.#words[record + KIND] = TEXT | flag;
    }
    return true;
  }

  /** Says that the deadline had passed. */
  writeObsolete(slot: number): void {
    this.#words[this.#recordAt(slot) + KIND] = OBSOLETE;
  }

  /** The result, whether thrown or not. */
  readResult(slot: number): unknown {
    switch (this.kindOf(slot) & (THREW - 1)) {
      case NUMBERS:
        return small(this.#numbers[this.#numbersAt(slot)]!);
      case TEXT:
        return JSON.parse(this.#text.read(slot, 0));
      case VIEW:
        return this.#buffers.read(this.#numbers, this.#numbersAt(slot));
      default:
        return undefined;
    }
  }

  #writeList(slot: number, fn: number, args: readonly unknown[]): boolean {
    const { length } = args;
    if (length * 8 > this.#region.inlineBytes) return this.#writeMixed(slot, fn, args);
    const at = this.#areaAt(slot);
    for (let i = 0; i < length; i++) {
      const arg = args[i];
      if (typeof arg !== "number") return this.#writeMixed(slot, fn, args);
      this.#areas[at + i] = arg;
    }
    this.#write(slot, fn, LIST);
    this.#words[this.#recordAt(slot) + LENGTH] = length;
    return true;
  }

  #writeMixed(slot: number, fn: number, args: readonly unknown[]): boolean {
    const table = this.#table;
    const entries = table.write(slot, args);
    if (entries < 0) return false;
    this.#write(slot, fn | entries << COUNT_SHIFT, TEXT);
    if (!this.#writeText(slot, args, entries)) {
      table.forget();
      return false;
    }
    this.tookBlocks = this.blockOf(slot) !== NO_BLOCK || this.copied.length > 0;
    return true;
  }

  /** False also when a getter of an argument threw: whoever clones it will throw the same. */
  #writeText(slot: number, args: readonly unknown[], entries: number): boolean {
    const table = this.#table;
    try {
      const plain = args.map((arg) => table.isFor(arg) ? null : arg);
      return areJsonExact(plain) &&
        this.#text.write(slot, JSON.stringify(plain), ArgTable.bytesOf(entries));
    } catch {
      return false;
    }
  }

  #write(slot: number, fn: number, kind: number): void {
    const record = this.#recordAt(slot);
    this.#words[record + FN] = fn;
    this.#words[record + KIND] = kind;
    this.#words[record + BLOCK] = NO_BLOCK;
    this.tookBlocks = false;
  }

  /** In float64. */
  #areaAt(slot: number): number {
    return slot * this.#region.inlineBytes / 8;
  }

  #recordAt(slot: number): number {
    return this.#records + slot * RECORD_WORDS;
  }

  #numbersAt(slot: number): number {
    return (this.#recordAt(slot) >> 1) + RECORD_NUMBERS;
  }
}
