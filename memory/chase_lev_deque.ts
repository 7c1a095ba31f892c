/**
 * The work-stealing deque: its owner pushes and pops at the bottom, thieves take at the top.
 *
 * Invariant: items are at positions top to bottom - 1; top only grows, and only by compare-and-swap;
 * bottom is the owner's. `pop` lowers bottom *before* it reads top, `steal` reads top *before* bottom: so
 * of an owner and a thief that want the same last item at least one sees the other, and the
 * compare-and-swap on top decides. Positions are int32 and compared as `(b - t) | 0`: they may wrap.
 *
 * Items are plain words: the owner writes one only while no thief can win it; a thief that reads one
 * too late loses its compare-and-swap and forgets what it read. Bottom is read plainly by the owner,
 * who alone writes it. What is left are three operations of `Atomics` for a push and a pop.
 *
 * D. Chase, Y. Lev, "Dynamic Circular Work-Stealing Deque" (2005); with its fences proved: N. M. Lê,
 * A. Pop, A. Cohen, F. Zappa Nardelli, "Correct and Efficient Work-Stealing for Weak Memory Models"
 * (2013). Fixed capacity instead of growth: a new SharedArrayBuffer would have to be posted.
 *
 * @module
 */

import { EMPTY, FULL, RETRY } from "./answers.ts";
import { isInt32, refuseInt32, roundCapacity, shown } from "./check.ts";
import {
  createRing,
  type Handle,
  LINE_WORDS,
  openRegion,
  paramOf,
  type Place,
  roundToLine,
  View,
} from "./layout.ts";

const TOP = LINE_WORDS;
const BOTTOM = 2 * LINE_WORDS;
const ITEMS = 3 * LINE_WORDS;
const MOST_STOLEN = 16;

/**
 * A deque of int32 values: one owner, any number of thieves.
 *
 * `push` and `pop` are for the owner alone: one thread. Everything else is for everybody.
 *
 * Capacity: rounded up to a power of two, at least 2; default 16. A full deque answers FULL: put the
 * item elsewhere, do not spin. An owner that dies leaves a deque that can be stolen from; the item it
 * was just pushing, popping or moving is lost. Its successor calls `recover()` first. A thief
 * that dies took its item or did not; nobody else is held up.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { ChaseLevDeque, EMPTY } from "@vais/runtime/memory";
 *
 * const deque = ChaseLevDeque.create(64);
 * const thief = ChaseLevDeque.attach(deque.handle); // in another worker
 * deque.push(1);
 * deque.push(2);
 * assert(deque.pop() === 2); // the owner: the newest
 * assert(thief.steal() === 1); // thieves: the oldest
 * assert(thief.steal() === EMPTY);
 * ```
 */
export class ChaseLevDeque extends View<"ChaseLevDeque"> {
  readonly #words: Int32Array;
  readonly #mask: number;
  /** The owner's copy of top: it may be old, and top only grows. */
  #top: number;

  private constructor(handle: Handle<"ChaseLevDeque">) {
    super(handle);
    this.#words = openRegion("ChaseLevDeque", handle);
    this.#mask = paramOf(this.#words, 0) - 1;
    this.#top = Atomics.load(this.#words, TOP);
  }

  /** Bytes that one of so many items takes. */
  static byteLength(capacity = 16): number {
    return roundToLine((ITEMS + roundCapacity("create a ChaseLevDeque", capacity, 2)) * 4);
  }

  /** An empty one. `start`: where its positions begin, for tests. O(capacity). */
  static create(capacity = 16, options?: { at?: Place; start?: number }): ChaseLevDeque {
    const size = roundCapacity("create a ChaseLevDeque", capacity, 2);
    const bytes = ChaseLevDeque.byteLength(size);
    return new ChaseLevDeque(createRing("ChaseLevDeque", bytes, size, options));
  }

  /** The one that `handle` names, in this thread. O(1). */
  static attach(handle: Handle<"ChaseLevDeque">): ChaseLevDeque {
    return new ChaseLevDeque(handle);
  }

  /** The owner adds an int32 at the bottom: true, or FULL. Wait-free, O(1). */
  push(value: number): true | typeof FULL {
    if (!isInt32(value)) refuseInt32("push to a ChaseLevDeque", value);
    const words = this.#words;
    const bottom = words[BOTTOM]!;
    if (((bottom - this.#top) | 0) > this.#mask) {
      this.#top = Atomics.load(words, TOP);
      if (((bottom - this.#top) | 0) > this.#mask) return FULL;
    }
    words[ITEMS + (bottom & this.#mask)] = value;
    Atomics.store(words, BOTTOM, (bottom + 1) | 0);
    return true;
  }

  /** The owner takes its newest item, or EMPTY. Wait-free, O(1). */
  pop(): number | typeof EMPTY {
    const words = this.#words;
    const bottom = (words[BOTTOM]! - 1) | 0;
    Atomics.store(words, BOTTOM, bottom);
    const top = Atomics.load(words, TOP);
    const left = (bottom - top) | 0;
    if (left > 0) return words[ITEMS + (bottom & this.#mask)]!;
    this.#top = top;
    return this.#popLast(top, left);
  }

  /** Takes the oldest item; EMPTY; or RETRY when someone else took it first. Wait-free, O(1). */
  steal(): number | typeof EMPTY | typeof RETRY {
    const words = this.#words;
    const top = Atomics.load(words, TOP);
    const bottom = Atomics.load(words, BOTTOM);
    if (((bottom - top) | 0) <= 0) return EMPTY;
    const value = words[ITEMS + (top & this.#mask)]!;
    return Atomics.compareExchange(words, TOP, top, (top + 1) | 0) === top ? value : RETRY;
  }

  /**
   * Moves about half of the items, the oldest, at most 16 and at least one, to `into`, which the caller
   * owns, as single steals. Answers how many; EMPTY or RETRY when the first was not to be had; FULL
   * when `into` is full. Wait-free, O(16).
   */
  stealHalf(into: ChaseLevDeque): number | typeof EMPTY | typeof RETRY | typeof FULL {
    if (!(into instanceof ChaseLevDeque)) {
      throw new TypeError(
        `Cannot steal half: the target is ${shown(into)} (pass a ChaseLevDeque that you own)`,
      );
    }
    const { buffer, byteOffset } = into.handle;
    if (buffer === this.handle.buffer && byteOffset === this.handle.byteOffset) {
      throw new TypeError("Cannot steal half: the target is the source (pass another deque)");
    }
    const half = Math.ceil(this.size / 2);
    if (half === 0) return EMPTY;
    const room = into.capacity - into.size;
    if (room === 0) return FULL;
    const wanted = Math.min(half, room, MOST_STOLEN);
    for (let moved = 0; moved < wanted; moved++) {
      const value = this.steal();
      if (typeof value === "symbol") return moved === 0 ? value : moved;
      into.push(value);
    }
    return wanted;
  }

  /**
   * For a new owner, first of all: if the old one died inside `pop`, bottom may stand below top, and
   * goes back there. Answers whether it did. Wait-free, O(1).
   */
  recover(): boolean {
    const top = Atomics.load(this.#words, TOP);
    const bottom = Atomics.load(this.#words, BOTTOM);
    if (((bottom - top) | 0) >= 0) return false;
    Atomics.store(this.#words, BOTTOM, top);
    return true;
  }

  /** Items now: exact only while nobody else is at it. Wait-free, O(1). */
  get size(): number {
    const top = Atomics.load(this.#words, TOP);
    return Math.max(0, (Atomics.load(this.#words, BOTTOM) - top) | 0);
  }

  /** Whether `size` is 0. Wait-free, O(1). */
  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** How many items fit. */
  get capacity(): number {
    return this.#mask + 1;
  }

  /** At most one item was left: thieves may want it too. Bottom goes back where it was. */
  #popLast(top: number, left: number): number | typeof EMPTY {
    const words = this.#words;
    if (left < 0) {
      Atomics.store(words, BOTTOM, top);
      return EMPTY;
    }
    const value = words[ITEMS + (top & this.#mask)]!;
    const next = (top + 1) | 0;
    const won = Atomics.compareExchange(words, TOP, top, next) === top;
    Atomics.store(words, BOTTOM, next);
    return won ? value : EMPTY;
  }
}
