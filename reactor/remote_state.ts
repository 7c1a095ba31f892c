/**
 * What an event loop and other threads share: a few words of memory.
 *
 * `CLOSED` is set before the loop's descriptors are closed, and the loop then waits for those who
 * are inside a call (`USERS`): nobody writes to a descriptor that has become somebody else's. Both
 * are sequentially consistent, as `Atomics` are. Wakes are not coalesced here but in the kernel: a
 * thread that is ended between a flag and its system call would leave the flag behind.
 *
 * @module
 */

const CLOSED = 0;
const USERS = 1;
const WORDS = 2;

/** A thread that was ended inside a call is not waited for longer, in ms. */
const LONGEST_CLOSE_MS = 1_000;

/** The shared words. */
export class RemoteState {
  readonly #words: Int32Array<SharedArrayBuffer>;

  /** New ones, or those of another thread. */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(4 * WORDS)) {
    this.#words = new Int32Array(buffer);
  }

  /** Whether these can be the words of a loop. */
  static fits(buffer: unknown): boolean {
    return buffer instanceof SharedArrayBuffer && buffer.byteLength === 4 * WORDS;
  }

  /** To be given to other threads. */
  get buffer(): SharedArrayBuffer {
    return this.#words.buffer;
  }

  /** True once the loop is closed. */
  get isClosed(): boolean {
    return Atomics.load(this.#words, CLOSED) === 1;
  }

  /** Uses the loop's descriptors; answers false when they are closed. */
  use(body: () => void): boolean {
    Atomics.add(this.#words, USERS, 1);
    try {
      if (this.isClosed) return false;
      body();
      return true;
    } finally {
      if (Atomics.sub(this.#words, USERS, 1) === 1) Atomics.notify(this.#words, USERS);
    }
  }

  /** The descriptors are about to be closed: waits until nobody uses them. */
  close(): void {
    Atomics.store(this.#words, CLOSED, 1);
    const untilMs = performance.now() + LONGEST_CLOSE_MS;
    for (;;) {
      const users = Atomics.load(this.#words, USERS);
      const leftMs = untilMs - performance.now();
      if (users === 0 || leftMs <= 0) return;
      Atomics.wait(this.#words, USERS, users, leftMs);
    }
  }
}
