/**
 * The stack without tags: nodes come back only when nobody can still be looking at them.
 *
 * Invariant: a node that was popped reaches the free list two epochs later, so while a thread is pinned no node
 * that it has seen at the head, of the stack or of the free list, can have left and come back:
 * compare-and-swap on a bare 32-bit head is safe.
 *
 * R. K. Treiber, "Systems Programming: Coping with Parallelism" (1986); Keir Fraser, "Practical
 * lock-freedom" (2004).
 *
 * @module
 */

import { EMPTY, FULL } from "./answers.ts";
import { checkOptions, exactCapacity, isInt32, refuseInt32, shown } from "./check.ts";
import { EpochParticipant } from "./epoch_participant.ts";
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

const USED = LINE_WORDS;
const FREE = 2 * LINE_WORDS;
const NEXT = 3 * LINE_WORDS;
const NONE = -1;
/** So many advances free what is retired, when nobody else is pinned. */
const TRIES = 3;

/**
 * A bounded stack of int32 values between threads that take part in one `EpochReclamation`.
 *
 * `push` and `pop` are lock-free and linearizable, O(1) but for freeing; each thread attaches with its own
 * participant. Capacity: exact; nodes that wait to be freed count, about three times `threshold` per
 * thread, more while one stays pinned: FULL means that no node was free, after trying to free some.
 * A worker that dies inside a call loses one node (and, in `pop`, the value in it) and those it had
 * retired; if it was pinned it holds up everybody's, see `EpochReclamation.clear`. `repair()` finds
 * the lost nodes.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { EMPTY, EpochReclamation, FULL, LockFreeStackEBR } from "@vais/runtime/memory";
 *
 * const me = EpochReclamation.create().join();
 * if (me === FULL) throw new Error("no slot");
 * const stack = LockFreeStackEBR.create(128, me);
 * // another worker: LockFreeStackEBR.attach(handle, its own participant)
 * stack.push(1);
 * stack.push(2);
 * assert(stack.pop() === 2 && stack.pop() === 1 && stack.pop() === EMPTY);
 * ```
 */
export class LockFreeStackEBR extends View<"LockFreeStackEBR"> {
  readonly #words: Int32Array;
  readonly #me: EpochParticipant;
  readonly #values: number;
  readonly #free = (node: number): void => this.#give(FREE, node);
  /** How many nodes there are. */
  readonly capacity: number;

  private constructor(handle: Handle<"LockFreeStackEBR">, participant: EpochParticipant) {
    super(handle);
    if (!(participant instanceof EpochParticipant)) {
      throw new TypeError(
        `Cannot use a LockFreeStackEBR: the participant is ${shown(participant)} ` +
          "(pass what join() of an EpochReclamation answered)",
      );
    }
    this.#words = openRegion("LockFreeStackEBR", handle);
    this.#me = participant;
    this.capacity = paramOf(this.#words, 0);
    this.#values = NEXT + this.capacity;
  }

  /** Bytes that one of so many nodes takes. */
  static byteLength(capacity: number): number {
    return roundToLine((NEXT + 2 * exactCapacity("create a LockFreeStackEBR", capacity)) * 4);
  }

  /** An empty one. O(capacity). */
  static create(
    capacity: number,
    participant: EpochParticipant,
    options?: { at?: Place },
  ): LockFreeStackEBR {
    const { at } = checkOptions("create a LockFreeStackEBR", options);
    const bytes = LockFreeStackEBR.byteLength(capacity);
    const handle = createRegion("LockFreeStackEBR", bytes, [capacity], at);
    const stack = new LockFreeStackEBR(handle, participant);
    for (let i = 0; i < capacity; i++) {
      Atomics.store(stack.#words, NEXT + i, i + 1 === capacity ? NONE : i + 1);
    }
    Atomics.store(stack.#words, USED, NONE);
    Atomics.store(stack.#words, FREE, 0);
    return stack;
  }

  /** The one that `handle` names, for this thread, whose participant it is. O(1). */
  static attach(
    handle: Handle<"LockFreeStackEBR">,
    participant: EpochParticipant,
  ): LockFreeStackEBR {
    return new LockFreeStackEBR(handle, participant);
  }

  /** Puts an int32 on top: true, or FULL. Lock-free. O(1), or O(threads + freed) when no node is free. */
  push(value: number): true | typeof FULL {
    if (!isInt32(value)) refuseInt32("push to a LockFreeStackEBR", value);
    let node = this.#take(FREE);
    for (let i = 0; node === NONE && i < TRIES; i++) {
      this.#me.collect();
      node = this.#take(FREE);
    }
    if (node === NONE) return FULL;
    this.#words[this.#values + node] = value;
    this.#give(USED, node);
    return true;
  }

  /** Takes the value on top, or EMPTY. Lock-free. O(1), or O(threads + freed) at every `threshold`. */
  pop(): number | typeof EMPTY {
    const node = this.#take(USED);
    if (node === NONE) return EMPTY;
    const value = this.#words[this.#values + node]!;
    this.#me.retire(node, this.#free);
    return value;
  }

  /** Whether nothing is on it now. Wait-free, O(1). */
  get isEmpty(): boolean {
    return Atomics.load(this.#words, USED) === NONE;
  }

  /**
   * Frees the nodes that died with a worker; answers how many. Only while no other thread uses the stack, and
   * none has nodes waiting: each other participant has left, its `leave()` or a later `collect()` having
   * come to 0 waiting, or was cleared. An `Error` when nodes that this thread retired cannot be freed yet.
   * O(n).
   */
  repair(): number {
    for (let i = 0; i < TRIES; i++) this.#me.collect();
    if (this.#me.waiting > 0) {
      throw new Error(
        `Cannot repair: ${this.#me.waiting} retired nodes wait (nobody may be pinned)`,
      );
    }
    const words = this.#words;
    const firsts = [USED, FREE].map((list) => Atomics.load(words, list));
    const lost = lostNodes(words, NEXT, this.capacity, firsts);
    for (const node of lost) this.#give(FREE, node);
    return lost.length;
  }

  /** Pinned, so that the node at the head cannot come back while it is looked at. */
  #take(list: number): number {
    const words = this.#words;
    this.#me.pin();
    try {
      for (;;) {
        const node = Atomics.load(words, list);
        if (node === NONE) return NONE;
        const next = Atomics.load(words, NEXT + node);
        if (Atomics.compareExchange(words, list, node, next) === node) return node;
      }
    } finally {
      this.#me.unpin();
    }
  }

  #give(list: number, node: number): void {
    const words = this.#words;
    for (;;) {
      const head = Atomics.load(words, list);
      Atomics.store(words, NEXT + node, head);
      if (Atomics.compareExchange(words, list, head, node) === head) return;
    }
  }
}
