/**
 * Text that belongs to a slot: beside its record, or in a leased block.
 *
 * @module
 */

import { BLOCK, type DispatchRegion, LENGTH, RECORD_WORDS } from "./dispatch_region.ts";
import { NO_BLOCK, type SharedBlocks } from "./shared_blocks.ts";

const SHORT = 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Internal: writes and reads the text of slots. Areas lie at the beginning of `data`. */
export class SlotText {
  readonly #words: Int32Array;
  readonly #region: DispatchRegion;
  readonly #data: SharedArrayBuffer;
  readonly #blocks: SharedBlocks;
  readonly #owner: number;
  readonly #areas: (Uint8Array | undefined)[] = [];
  readonly #scratch = new Uint8Array(SHORT);
  /** Its beginnings, by length. */
  readonly #scratches: (Uint8Array | undefined)[] = [];

  /** Blocks are leased to `owner`. */
  constructor(
    region: DispatchRegion,
    data: SharedArrayBuffer,
    blocks: SharedBlocks,
    owner: number,
  ) {
    this.#region = region;
    this.#words = region.words;
    this.#data = data;
    this.#blocks = blocks;
    this.#owner = owner;
  }

  /** Writes text beside the record, from byte `from` on, or into a block; false when it fits nowhere. */
  write(slot: number, text: string, from: number): boolean {
    const record = this.#recordAt(slot);
    this.#words[record + BLOCK] = NO_BLOCK;
    if (from + text.length <= this.#region.inlineBytes) {
      const area = this.#areaOf(slot);
      const { read, written } = encoder.encodeInto(text, from === 0 ? area : area.subarray(from));
      if (read === text.length) {
        this.#words[record + LENGTH] = written;
        return true;
      }
    }
    // Most text is ASCII; what is not takes up to three bytes a character.
    return this.#writeBlock(slot, text, text.length) ||
      this.#writeBlock(slot, text, text.length * 3);
  }

  /** Reads it. Copied out first: a decoder reads shared memory slowly, and in browsers not at all. */
  read(slot: number, from: number): string {
    const record = this.#recordAt(slot);
    const length = this.#words[record + LENGTH]!;
    const block = this.#words[record + BLOCK]!;
    const bytes = block === NO_BLOCK
      ? this.#areaOf(slot).subarray(from, from + length)
      : new Uint8Array(this.#data, this.#blocks.offsetOf(block), length);
    const copy = length <= SHORT ? this.#scratchOf(length) : new Uint8Array(length);
    copy.set(bytes);
    return decoder.decode(copy);
  }

  #scratchOf(length: number): Uint8Array {
    return this.#scratches[length] ??= this.#scratch.subarray(0, length);
  }

  #writeBlock(slot: number, text: string, bytes: number): boolean {
    const block = this.#blocks.take(bytes, this.#owner);
    if (block === NO_BLOCK) return false;
    const at = this.#blocks.offsetOf(block);
    const room = new Uint8Array(this.#data, at, this.#blocks.bytesOf(block));
    const { read, written } = encoder.encodeInto(text, room);
    if (read < text.length) {
      this.#blocks.give(block, this.#owner);
      return false;
    }
    const record = this.#recordAt(slot);
    this.#words[record + LENGTH] = written;
    this.#words[record + BLOCK] = block;
    return true;
  }

  #areaOf(slot: number): Uint8Array {
    const { inlineBytes } = this.#region;
    return this.#areas[slot] ??= new Uint8Array(this.#data, slot * inlineBytes, inlineBytes);
  }

  #recordAt(slot: number): number {
    return this.#region.records + slot * RECORD_WORDS;
  }
}
