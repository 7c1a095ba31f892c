/**
 * What one would write without the library: an array ring in shared memory under a mutex of `Atomics`.
 *
 * @module
 */
import { lock, unlock } from "./mutex.ts";

const HEAD = 32;
const TAIL = 64;
const ITEMS = 96;

/** The queue, over memory of `MutexQueue.byteLength(capacity)`. */
export class MutexQueue {
  readonly #words: Int32Array;
  readonly #capacity: number;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#capacity = this.#words.length - ITEMS;
  }

  static byteLength(capacity: number): number {
    return (ITEMS + capacity) * 4;
  }

  push(value: number): boolean {
    const words = this.#words;
    lock(words);
    const tail = words[TAIL]!;
    const room = ((tail - words[HEAD]!) | 0) < this.#capacity;
    if (room) {
      words[ITEMS + tail % this.#capacity] = value;
      words[TAIL] = tail + 1;
    }
    unlock(words);
    return room;
  }

  pop(): number | undefined {
    const words = this.#words;
    lock(words);
    const head = words[HEAD]!;
    let value: number | undefined;
    if (head !== words[TAIL]!) {
      value = words[ITEMS + head % this.#capacity];
      words[HEAD] = head + 1;
    }
    unlock(words);
    return value;
  }
}
