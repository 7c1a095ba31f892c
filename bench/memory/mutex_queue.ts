/**
 * What one would write without the library: an array ring in shared memory under a mutex of `Atomics`.
 *
 * @module
 */
import { lock, MutexItems, unlock } from "./mutex.ts";

const HEAD = 32;
const TAIL = 64;
const ITEMS = MutexItems.ITEMS;

/** The queue. */
export class MutexQueue extends MutexItems {
  push(value: number): boolean {
    const words = this.words;
    lock(words);
    const tail = words[TAIL]!;
    const room = ((tail - words[HEAD]!) | 0) < this.capacity;
    if (room) {
      words[ITEMS + tail % this.capacity] = value;
      words[TAIL] = tail + 1;
    }
    unlock(words);
    return room;
  }

  pop(): number | undefined {
    const words = this.words;
    lock(words);
    const head = words[HEAD]!;
    let value: number | undefined;
    if (head !== words[TAIL]!) {
      value = words[ITEMS + head % this.capacity];
      words[HEAD] = head + 1;
    }
    unlock(words);
    return value;
  }
}
