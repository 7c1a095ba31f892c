/**
 * What one would write without the library: an array ring in shared memory under a mutex of `Atomics`.
 *
 * The mutex is the third of Ulrich Drepper, "Futexes Are Tricky" (2004).
 *
 * @module
 */

const LOCK = 0;
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
    this.#lock();
    const tail = words[TAIL]!;
    const room = ((tail - words[HEAD]!) | 0) < this.#capacity;
    if (room) {
      words[ITEMS + tail % this.#capacity] = value;
      words[TAIL] = tail + 1;
    }
    this.#unlock();
    return room;
  }

  pop(): number | undefined {
    const words = this.#words;
    this.#lock();
    const head = words[HEAD]!;
    let value: number | undefined;
    if (head !== words[TAIL]!) {
      value = words[ITEMS + head % this.#capacity];
      words[HEAD] = head + 1;
    }
    this.#unlock();
    return value;
  }

  #lock(): void {
    const words = this.#words;
    let state = Atomics.compareExchange(words, LOCK, 0, 1);
    if (state === 0) return;
    if (state !== 2) state = Atomics.exchange(words, LOCK, 2);
    while (state !== 0) {
      Atomics.wait(words, LOCK, 2);
      state = Atomics.exchange(words, LOCK, 2);
    }
  }

  #unlock(): void {
    if (Atomics.sub(this.#words, LOCK, 1) === 1) return;
    Atomics.store(this.#words, LOCK, 0);
    Atomics.notify(this.#words, LOCK, 1);
  }
}
