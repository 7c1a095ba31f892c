/**
 * When may a slot that others might still be reading be used again? After two epochs.
 *
 * Invariant: the epoch moves from e to e + 1 only if every thread that is pinned was pinned in e. What
 * was unlinked and then retired while the epoch was e can be held only by threads pinned in e or before;
 * when the epoch is e + 2 they have all let go. Retired values wait in their own thread's three bags, one
 * per epoch that can matter, so that nobody else touches them and freeing takes no lock.
 *
 * Keir Fraser, "Practical lock-freedom" (2004); crossbeam-epoch `internal.rs` (Aaron Turon, 2015).
 *
 * @module
 */

import { FULL } from "./answers.ts";
import { checkInteger, checkOptions } from "./check.ts";
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

const EPOCH = LINE_WORDS;
/** No slot from here on was ever leased: spares looking at all of them. */
const HIGH_WATER = 2 * LINE_WORDS;
const SLOTS = 3 * LINE_WORDS;

const FREE = 0;
const LEASED = 1;
const PINNED = 3;
const EPOCH_SHIFT = 2;

/** What an {@linkcode EpochReclamation} is made with. */
export interface EpochReclamationOptions {
  /** How many threads may take part at once. Default 256. */
  readonly slots?: number;
  /** At so many retired values a thread tries to free some. Default 64. */
  readonly threshold?: number;
  /** Where to make it. */
  readonly at?: Place;
  /** Where the epoch begins, for tests. */
  readonly epoch?: number;
}

/**
 * Epoch-based reclamation between threads: each `join()`s, pins itself while it reads shared slots, and
 * retires the slots that it has unlinked; they are freed when nobody can hold them any more.
 *
 * A slot of the table is leased by `join` and recycled by `leave`. Pinning and unpinning are wait-free, O(1);
 * freeing looks at every slot leased, O(threads), at every `threshold` retired values. Garbage is
 * unbounded while a thread stays pinned.
 *
 * A worker that dies pinned holds up everybody's garbage for ever: who notices calls `clear(slot)` with
 * the number it knew it by. What the dead one itself had retired and not yet freed is lost.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { EpochReclamation, FULL } from "@vais/runtime/memory";
 *
 * const epochs = EpochReclamation.create(); // a worker: EpochReclamation.attach(handle)
 * const me = epochs.join();
 * if (me === FULL) throw new Error("256 threads already");
 * const freed: number[] = [];
 * me.pinned(() => me.retire(7, (slot) => freed.push(slot)));
 * for (let i = 0; i < 3; i++) me.collect();
 * assert(freed[0] === 7);
 * me.leave();
 * ```
 */
export class EpochReclamation extends View<"EpochReclamation"> {
  readonly #words: Int32Array;
  /** How many threads may take part at once. */
  readonly slots: number;
  /** At so many retired values a thread tries to free some. */
  readonly threshold: number;

  private constructor(handle: Handle<"EpochReclamation">) {
    super(handle);
    this.#words = openRegion("EpochReclamation", handle);
    this.slots = paramOf(this.#words, 0);
    this.threshold = paramOf(this.#words, 1);
  }

  /** Bytes that one for so many threads takes. */
  static byteLength(slots = 256): number {
    checkInteger("create an EpochReclamation", "the number of slots", slots, 1, 2 ** 16);
    return roundToLine((SLOTS + slots * LINE_WORDS) * 4);
  }

  /** One without participants. O(slots). */
  static create(options?: EpochReclamationOptions): EpochReclamation {
    const action = "create an EpochReclamation";
    const { slots = 256, threshold = 64, at, epoch = 0 } = checkOptions(action, options);
    const bytes = EpochReclamation.byteLength(slots);
    checkInteger(action, "the threshold", threshold, 1, 2 ** 24);
    checkInteger(action, "the epoch", epoch, -(2 ** 31), 2 ** 31 - 1);
    const handle = createRegion("EpochReclamation", bytes, [slots, threshold], at);
    const made = new EpochReclamation(handle);
    Atomics.store(made.#words, EPOCH, epoch);
    return made;
  }

  /** The one that `handle` names, in this thread. O(1). */
  static attach(handle: Handle<"EpochReclamation">): EpochReclamation {
    return new EpochReclamation(handle);
  }

  /** Leases a slot to this thread, or answers FULL. O(slots). Lock-free. */
  join(): EpochParticipant | typeof FULL {
    for (let slot = 0; slot < this.slots; slot++) {
      const word = wordOf(slot);
      if (Atomics.compareExchange(this.#words, word, FREE, LEASED) !== FREE) continue;
      for (let high = this.#highWater(); high <= slot; high = this.#highWater()) {
        Atomics.compareExchange(this.#words, HIGH_WATER, high, slot + 1);
      }
      return new EpochParticipant({
        slot,
        threshold: this.threshold,
        epoch: () => this.currentEpoch,
        pin: () => Atomics.store(this.#words, word, pinnedIn(this.currentEpoch)),
        unpin: () => Atomics.store(this.#words, word, LEASED),
        leave: () => Atomics.store(this.#words, word, FREE),
        advance: () => this.advance(),
      });
    }
    return FULL;
  }

  /**
   * Takes the slot from a worker that has died, its pin with it, so that others' garbage is freed again. Never
   * while it lives: it might read what is freed. True if the slot was leased. Wait-free, O(1).
   */
  clear(slot: number): boolean {
    checkInteger("clear a slot", "the slot", slot, 0, this.slots - 1);
    return Atomics.exchange(this.#words, wordOf(slot), FREE) !== FREE;
  }

  /** Moves the epoch on unless a thread is pinned in an older one. True if it moved. Wait-free, O(threads). */
  advance(): boolean {
    const words = this.#words;
    const epoch = Atomics.load(words, EPOCH);
    const high = this.#highWater();
    for (let slot = 0; slot < high; slot++) {
      const state = Atomics.load(words, wordOf(slot));
      if ((state & PINNED) === PINNED && state !== pinnedIn(epoch)) return false;
    }
    return Atomics.compareExchange(words, EPOCH, epoch, (epoch + 1) | 0) === epoch;
  }

  /** The epoch now: an int32 that wraps. Wait-free, O(1). */
  get currentEpoch(): number {
    return Atomics.load(this.#words, EPOCH);
  }

  /** The slots leased now, and whether each is pinned. O(slots). */
  participants(): { slot: number; pinned: boolean }[] {
    const leased = [];
    for (let slot = 0; slot < this.#highWater(); slot++) {
      const state = Atomics.load(this.#words, wordOf(slot));
      if (state !== FREE) leased.push({ slot, pinned: state !== LEASED });
    }
    return leased;
  }

  #highWater(): number {
    return Atomics.load(this.#words, HIGH_WATER);
  }
}

function wordOf(slot: number): number {
  return SLOTS + slot * LINE_WORDS;
}

/** The low 30 bits of the epoch are kept: a thread would have to stay pinned for 2 ** 30 epochs. */
function pinnedIn(epoch: number): number {
  return (epoch << EPOCH_SHIFT) | PINNED;
}
