/**
 * Many threads push int32 values, many pop them, last in, first out.
 *
 * Invariant: a node is in the stack, in the free list, or held by the one thread that took it; both lists are
 * {@linkcode TaggedList}s over the same links, with 32-bit tags against ABA. A node's value is written
 * and read only by who holds it.
 *
 * R. K. Treiber, "Systems Programming: Coping with Parallelism" (1986); the tag: IBM System/370
 * Principles of Operation (1983).
 *
 * @module
 */

import { EMPTY, FULL } from "./answers.ts";
import { checkInteger, checkOptions, exactCapacity, isInt32, refuseInt32 } from "./check.ts";
import {
  createRegion,
  type Handle,
  LINE_WORDS,
  openRegion,
  paramOf,
  type Place,
  roundToLine,
  View,
} from "./layout.ts";
import { lostNodes } from "./lost_nodes.ts";
import { NONE, TaggedList } from "./tagged_list.ts";

const USED = LINE_WORDS;
const FREE = 2 * LINE_WORDS;
const NEXT = 3 * LINE_WORDS;

/**
 * A bounded stack of int32 values between any number of threads.
 *
 * `push` and `pop` are lock-free, O(1), linearizable; FULL says that no node was free at one moment: those
 * that a `pop` has taken and not yet given back count as used. Tags take 64-bit operations, which leave
 * a BigInt of garbage each: `LockFreeStackEBR` does without. Capacity: exact, not rounded. A worker that
 * dies inside `push` or `pop` loses one node (and, in `pop`, the value in it); nobody else is held up.
 * `repair()` finds such nodes.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { EMPTY, FULL, LockFreeStack } from "@vais/runtime/memory";
 *
 * const stack = LockFreeStack.create(2); // another worker: LockFreeStack.attach(handle)
 * assert(stack.push(1) === true && stack.push(2) === true);
 * assert(stack.push(3) === FULL);
 * assert(stack.pop() === 2 && stack.pop() === 1);
 * assert(stack.pop() === EMPTY);
 * ```
 */
export class LockFreeStack extends View<"LockFreeStack"> {
  readonly #words: Int32Array;
  readonly #used: TaggedList;
  readonly #free: TaggedList;
  readonly #values: number;
  /** How many values fit. */
  readonly capacity: number;

  private constructor(handle: Handle<"LockFreeStack">) {
    super(handle);
    const words = this.#words = openRegion("LockFreeStack", handle);
    this.capacity = paramOf(words, 0);
    this.#used = new TaggedList(words, USED, NEXT);
    this.#free = new TaggedList(words, FREE, NEXT);
    this.#values = NEXT + this.capacity;
  }

  /** Bytes that one of so many values takes. */
  static byteLength(capacity: number): number {
    return roundToLine((NEXT + 2 * exactCapacity("create a LockFreeStack", capacity)) * 4);
  }

  /** An empty one, of 1 to 2 ** 26. `tag`: where the tags begin, for tests. O(capacity). */
  static create(capacity: number, options?: { at?: Place; tag?: number }): LockFreeStack {
    const action = "create a LockFreeStack";
    const { at, tag = 0 } = checkOptions(action, options);
    checkInteger(action, "the tag", tag, -(2 ** 31), 2 ** 31 - 1);
    const bytes = LockFreeStack.byteLength(capacity);
    const stack = new LockFreeStack(createRegion("LockFreeStack", bytes, [capacity], at));
    stack.#used.fill(0, tag);
    stack.#free.fill(capacity, tag);
    return stack;
  }

  /** The one that `handle` names, in this thread. O(1). */
  static attach(handle: Handle<"LockFreeStack">): LockFreeStack {
    return new LockFreeStack(handle);
  }

  /** Puts an int32 on top: true, or FULL. Lock-free, O(1). */
  push(value: number): true | typeof FULL {
    if (!isInt32(value)) refuseInt32("push to a LockFreeStack", value);
    const node = this.#free.take();
    if (node === NONE) return FULL;
    this.#words[this.#values + node] = value;
    this.#used.give(node);
    return true;
  }

  /** Takes the value on top, or EMPTY. Lock-free, O(1). */
  pop(): number | typeof EMPTY {
    const node = this.#used.take();
    if (node === NONE) return EMPTY;
    const value = this.#words[this.#values + node]!;
    this.#free.give(node);
    return value;
  }

  /** Whether nothing is on it now. Wait-free, O(1). */
  get isEmpty(): boolean {
    return this.#used.first() === NONE;
  }

  /**
   * Frees the nodes that died with a worker; answers how many. Only while no other thread uses the stack.
   * O(n).
   */
  repair(): number {
    const firsts = [this.#used.first(), this.#free.first()];
    const lost = lostNodes(this.#words, NEXT, this.capacity, firsts);
    for (const node of lost) this.#free.give(node);
    return lost.length;
  }
}
