/**
 * The program's memory: which words there are, and which of them are in conflict.
 *
 * A word is in conflict when two threads touch it and at least one of them writes. Steps on other words
 * commute with all steps of other threads, so a preemption before one of them is as good as one
 * after it, and need not be tried. The same holds for plain accesses that are ordered by atomic ones in
 * every execution; a word where they are not is racy (`race_watch.ts`). What is in conflict, and what is
 * racy, is learned on the way; when that changes, the exploration starts over with what it knows.
 *
 * Sources: the access sets of Flanagan & Godefroid, "Dynamic Partial-Order Reduction" (2005), used in the
 * static way of persistent sets, since a preemption bound forbids more (Coons, Musuvathi & McKinley,
 * "Bounded Partial-Order Reduction", 2013); preemptions at synchronization only: Musuvathi & Qadeer,
 * "Iterative Context Bounding" (2007).
 *
 * @module
 */
import { type Control, MOST_THREADS, WORD } from "./control.ts";
import { toggle } from "./hash.ts";

const WROTE = MOST_THREADS;
const SEEN = (1 << MOST_THREADS) - 1;
const WRITERS = SEEN << WROTE;
const RACY = 1 << 2 * MOST_THREADS;

/** See the head of this file. */
export class MemoryMap {
  readonly #control: Control;
  readonly #numbers = new Map<ArrayBufferLike, number>();
  readonly #words: Int32Array[] = [];
  readonly #first: number[] = [];
  readonly #accesses: Int32Array;

  /** `accesses`: a word for each word of the buffers. */
  constructor(
    control: Control,
    buffers: readonly SharedArrayBuffer[],
    accesses: SharedArrayBuffer,
  ) {
    this.#control = control;
    this.#accesses = new Int32Array(accesses);
    let first = 0;
    for (const buffer of buffers) {
      this.#numbers.set(buffer, this.#words.length);
      this.#words.push(new Int32Array(buffer));
      this.#first.push(first);
      first += buffer.byteLength / 4;
    }
  }

  /** The number of a buffer, or -1 when it is not the program's. */
  numberOf(buffer: ArrayBufferLike): number {
    return this.#numbers.get(buffer) ?? -1;
  }

  /** The name of the word there, unique over all buffers. */
  wordAt(buffer: number, byteOffset: number): number {
    return this.#first[buffer]! + (byteOffset >> 2);
  }

  /**
   * Notes that `thread` is about to touch the words from `first` to `last`; answers whether it matters
   * who goes first.
   */
  touch(thread: number, first: number, last: number, writes: boolean, plain: boolean): boolean {
    const { words } = this.#control;
    const bits = 1 << thread | (writes ? 1 << thread + WROTE : 0);
    let matters = false;
    for (let word = first; word <= last; word++) {
      const before = this.#accesses[word]!;
      const now = before | bits;
      if (now !== before) {
        this.#accesses[word] = now;
        if (inConflict(now) && !inConflict(before)) words[WORD.changed] = 1;
      }
      if (!inConflict(now)) continue;
      if (!plain || (now & RACY) !== 0) matters = true;
      else if (words[WORD.plain] === 0) words[WORD.plain] = words[WORD.changed] = 1;
    }
    return matters;
  }

  /** Plain accesses to `word` are not ordered. */
  markRacy(word: number): void {
    if ((this.#accesses[word]! & RACY) !== 0) return;
    this.#accesses[word]! |= RACY;
    this.#control.words[WORD.changed] = 1;
    this.#control.words[WORD.racy]!++;
  }

  /** Takes the words from there out of the memory's hash, or into it. */
  toggle(buffer: number, byteOffset: number, bytes: number): void {
    const words = this.#words[buffer]!;
    const first = this.#first[buffer]!;
    const last = byteOffset + bytes - 1 >> 2;
    for (let i = byteOffset >> 2; i <= last; i++) toggle(this.#control.words, first + i, words[i]!);
  }
}

function inConflict(accesses: number): boolean {
  const threads = (accesses | accesses >> WROTE) & SEEN;
  return (accesses & WRITERS) !== 0 && (threads & threads - 1) !== 0;
}
