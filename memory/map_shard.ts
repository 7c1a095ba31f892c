/**
 * One shard of a shared map: a hash table with open addressing in shared memory.
 *
 * Invariant: an entry is reached from its hash's place by steps of one over full entries. Writers hold the
 * shard's lock. An entry is filled before its tag is set, cleared by its tag, and a value changes in
 * one store, so that entries are always whole; only removing moves entries, each of them copied before it
 * is cleared, and the version is odd meanwhile: who read during an odd or a changed version looks again.
 * So a writer that dies leaves every other key in at least one place, if not always where it is
 * looked for: `mend` moves it there.
 *
 * Linear probing and removal by moving back: Donald E. Knuth, "The Art of Computer Programming", volume 3
 * (1973), 6.4, algorithms L and R. The version: Linux `seqlock` (Stephen Hemminger, 2002).
 *
 * @module
 */

import type { KeyCodec } from "./key_codec.ts";
import { LINE_WORDS } from "./layout.ts";
import { type LockUser, LockWord } from "./lock_word.ts";

const VERSION = 1;
const COUNT = 2;
/** In the line of the first shard: how many numbers of workers were drawn. */
export const SHARD_DRAWN = 3;
const HASH = 1;
const VALUE = 2;
const KEY = 3;
const OPTIMISTIC = 8;

/** Words that a shard takes: a line, then the entries. */
export function shardWords(slots: number, keyWords: number): number {
  const words = LINE_WORDS + slots * (KEY + keyWords);
  return Math.ceil(words / LINE_WORDS) * LINE_WORDS;
}

/** Internal: a shard, over words of the map. Keys come through the map's codec. */
export class MapShard {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #mask: number;
  readonly #entryWords: number;
  // deno-lint-ignore no-explicit-any -- it only carries words here
  readonly #key: KeyCodec<any>;
  /** Held by writers. */
  readonly lock: LockWord;

  /** `slots`: a power of two. */
  // deno-lint-ignore no-explicit-any -- it only carries words here
  constructor(words: Int32Array, at: number, slots: number, key: KeyCodec<any>, user: LockUser) {
    this.#words = words;
    this.#at = at;
    this.#mask = slots - 1;
    this.#key = key;
    this.#entryWords = KEY + key.words.length;
    this.lock = new LockWord(words, at, user);
  }

  /** The value of the codec's key. Lock-free unless removals go on all the time. */
  get(): number | undefined {
    const words = this.#words;
    const version = this.#at + VERSION;
    for (let i = 0; i < OPTIMISTIC; i++) {
      const before = Atomics.load(words, version);
      if ((before & 1) === 1) continue;
      const entry = this.#find();
      const value = entry < 0 ? undefined : Atomics.load(words, entry + VALUE);
      if (Atomics.load(words, version) === before) return value;
    }
    this.lock.lock();
    const entry = this.#find();
    const value = entry < 0 ? undefined : Atomics.load(words, entry + VALUE);
    this.lock.unlock();
    return value;
  }

  /** Under the lock: the value of the codec's key. */
  valueOf(): number | undefined {
    const entry = this.#find();
    return entry < 0 ? undefined : Atomics.load(this.#words, entry + VALUE);
  }

  /** Under the lock: sets it; false when there is no room for one more. */
  put(value: number): boolean {
    const words = this.#words;
    const found = this.#find();
    if (found >= 0) {
      Atomics.store(words, found + VALUE, value);
      return true;
    }
    if (this.count >= this.#mask - (this.#mask >> 3)) return false;
    let slot = this.#key.hash & this.#mask;
    while (Atomics.load(words, this.#entry(slot)) !== 0) slot = (slot + 1) & this.#mask;
    const entry = this.#entry(slot);
    Atomics.store(words, entry + HASH, this.#key.hash);
    Atomics.store(words, entry + VALUE, value);
    const key = this.#key.words;
    for (let i = 0; i < key.length; i++) Atomics.store(words, entry + KEY + i, key[i]!);
    Atomics.store(words, entry, this.#key.tag);
    Atomics.add(words, this.#at + COUNT, 1);
    return true;
  }

  /** Under the lock: removes the codec's key; answers its value. */
  remove(): number | undefined {
    const words = this.#words;
    let hole = this.#find();
    if (hole < 0) return undefined;
    const value = Atomics.load(words, hole + VALUE);
    Atomics.add(words, this.#at + VERSION, 1);
    Atomics.store(words, hole, 0);
    let to = this.#slotOf(hole);
    for (let slot = (to + 1) & this.#mask;; slot = (slot + 1) & this.#mask) {
      const entry = this.#entry(slot);
      if (Atomics.load(words, entry) === 0) break;
      const home = Atomics.load(words, entry + HASH) & this.#mask;
      if (((slot - home) & this.#mask) < ((slot - to) & this.#mask)) continue;
      this.#move(entry, hole);
      hole = entry;
      to = slot;
    }
    Atomics.sub(words, this.#at + COUNT, 1);
    Atomics.add(words, this.#at + VERSION, 1);
    return value;
  }

  /** Under the lock: removes all; answers how many there were. */
  clear(): number {
    const words = this.#words;
    const count = this.count;
    Atomics.add(words, this.#at + VERSION, 1);
    for (let slot = 0; slot <= this.#mask; slot++) Atomics.store(words, this.#entry(slot), 0);
    Atomics.store(words, this.#at + COUNT, 0);
    Atomics.add(words, this.#at + VERSION, 1);
    return count;
  }

  /** Under the lock: each key, through the codec's `words`, with its tag and value. */
  forEach(visit: (tag: number, value: number) => void): void {
    const words = this.#words;
    for (let slot = 0; slot <= this.#mask; slot++) {
      const entry = this.#entry(slot);
      const tag = Atomics.load(words, entry);
      if (tag === 0) continue;
      const key = this.#key.words;
      for (let i = 0; i < key.length; i++) key[i] = Atomics.load(words, entry + KEY + i);
      visit(tag, Atomics.load(words, entry + VALUE));
    }
  }

  /** How many entries it has. */
  get count(): number {
    return Atomics.load(this.#words, this.#at + COUNT);
  }

  /** Under the lock, after its holder has died: every key is where it is looked for, once. O(slots). */
  mend(): void {
    const words = this.#words;
    const version = this.#at + VERSION;
    if ((Atomics.load(words, version) & 1) === 0) Atomics.add(words, version, 1);
    while (this.#settle());
    let count = 0;
    for (let slot = 0; slot <= this.#mask; slot++) {
      if (Atomics.load(words, this.#entry(slot)) !== 0) count++;
    }
    Atomics.store(words, this.#at + COUNT, count);
    Atomics.add(words, version, 1);
  }

  /** Moves entries to the first hole on their way, clears second copies; false when there were none. */
  #settle(): boolean {
    const words = this.#words;
    let settled = false;
    for (let slot = 0; slot <= this.#mask; slot++) {
      const entry = this.#entry(slot);
      if (Atomics.load(words, entry) === 0) continue;
      let at = Atomics.load(words, entry + HASH) & this.#mask;
      while (at !== slot && !this.#isFreeOr(at, entry)) at = (at + 1) & this.#mask;
      if (at === slot) continue;
      settled = true;
      if (Atomics.load(words, this.#entry(at)) === 0) this.#move(entry, this.#entry(at));
      else Atomics.store(words, entry, 0);
    }
    return settled;
  }

  /** Whether a slot has no entry, or a copy of `entry`. */
  #isFreeOr(slot: number, entry: number): boolean {
    const words = this.#words;
    const other = this.#entry(slot);
    const tag = Atomics.load(words, other);
    if (tag === 0 || tag !== Atomics.load(words, entry)) return tag === 0;
    for (let i = KEY; i < this.#entryWords; i++) {
      if (Atomics.load(words, other + i) !== Atomics.load(words, entry + i)) return false;
    }
    return true;
  }

  /** Copies an entry into a free place, then clears the one where it was. */
  #move(from: number, to: number): void {
    const words = this.#words;
    for (let i = 1; i < this.#entryWords; i++) {
      Atomics.store(words, to + i, Atomics.load(words, from + i));
    }
    Atomics.store(words, to, Atomics.load(words, from));
    Atomics.store(words, from, 0);
  }

  /** The entry of the codec's key, or -1. Ends also when what it reads moves. */
  #find(): number {
    const words = this.#words;
    const { tag, hash } = this.#key;
    for (
      let i = 0, slot = hash & this.#mask;
      i <= this.#mask;
      i++, slot = (slot + 1) & this.#mask
    ) {
      const entry = this.#entry(slot);
      const is = Atomics.load(words, entry);
      if (is === 0) return -1;
      if (is === tag && Atomics.load(words, entry + HASH) === hash && this.#hasKey(entry)) {
        return entry;
      }
    }
    return -1;
  }

  #hasKey(entry: number): boolean {
    const key = this.#key.words;
    for (let i = 0; i < key.length; i++) {
      if (Atomics.load(this.#words, entry + KEY + i) !== key[i]) return false;
    }
    return true;
  }

  #entry(slot: number): number {
    return this.#at + LINE_WORDS + slot * this.#entryWords;
  }

  #slotOf(entry: number): number {
    return (entry - this.#at - LINE_WORDS) / this.#entryWords;
  }
}
