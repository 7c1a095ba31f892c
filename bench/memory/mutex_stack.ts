/**
 * What one would write without the library: an array stack in shared memory under a mutex of `Atomics`.
 *
 * @module
 */
import { lock, MutexItems, unlock } from "./mutex.ts";

const COUNT = 32;
const ITEMS = MutexItems.ITEMS;

/** The stack. */
export class MutexStack extends MutexItems {
  push(value: number): boolean {
    const words = this.words;
    lock(words);
    const count = words[COUNT]!;
    const room = count < this.capacity;
    if (room) {
      words[ITEMS + count] = value;
      words[COUNT] = count + 1;
    }
    unlock(words);
    return room;
  }

  pop(): number | undefined {
    const words = this.words;
    lock(words);
    const count = words[COUNT]!;
    const value = count > 0 ? words[ITEMS + count - 1] : undefined;
    if (count > 0) words[COUNT] = count - 1;
    unlock(words);
    return value;
  }
}
