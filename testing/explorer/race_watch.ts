/**
 * Which accesses happen before which, and which plain ones race.
 *
 * An atomic read happens after the atomic write it read from, with all that the writer had done before.
 * A plain access races when another thread's conflicting access to the word neither happens before nor
 * after it. Where nothing races, it is enough to preempt at atomic steps.
 *
 * Who read from whom is all that this depends on, so that is kept as a hash too: where plain accesses
 * matter, two states are one only if they agree on it.
 *
 * Source: Flanagan & Freund, "FastTrack" (PLDI 2009), with whole vectors; the order is that of the
 * ECMAScript memory model, synchronizes-with.
 *
 * @module
 */
import { type Control, LANE, WORD } from "./control.ts";
import type { MemoryMap } from "./memory_map.ts";
import type { Access } from "./steps.ts";

/** Vectors of a word: what its last atomic write had seen, then who last touched it, and how. */
const RELEASED = 0;
const PLAIN_WRITES = 1;
const PLAIN_READS = 2;
const WRITES = 3;
const READS = 4;
const VECTORS = 5;
/** Before them: the schedule they are of, and who wrote last. */
const HEADER = 2;

/** Words of a {@linkcode RaceWatch} for so many words of a program with so many threads. */
export function raceWords(words: number, threads: number): number {
  return threads * threads + words * (HEADER + VECTORS * threads);
}

/** See the head of this file. */
export class RaceWatch {
  readonly #control: Control;
  readonly #memory: MemoryMap;
  readonly #words: Int32Array;
  readonly #threads: number;

  /** `memory`: {@linkcode raceWords} words. */
  constructor(control: Control, map: MemoryMap, memory: SharedArrayBuffer) {
    this.#control = control;
    this.#memory = map;
    this.#words = new Int32Array(memory);
    this.#threads = control.threads;
  }

  /** A schedule begins. */
  reset(): void {
    const n = this.#threads;
    this.#words.fill(0, 0, n * n);
    for (let t = 0; t < n; t++) this.#words[t * n + t] = 1;
  }

  /** `thread` has touched the words from `first` to `last`. */
  note(
    thread: number,
    { name, writes, plain = false, a, bytes }: Access,
    first: number,
    last: number,
    answer: number | bigint,
  ): void {
    if (name === "notify") return;
    const reads = name !== "store" && !(plain && writes);
    const wrote = writes && (name !== "compareExchange" || isSame(a!, answer, bytes));
    for (let word = first; word <= last; word++) {
      const from = this.#touch(thread, word, reads, wrote, plain);
      if (from === 0) continue;
      const before = this.#control.lane(thread, LANE.origins);
      const after = Math.imul(before ^ from, 0x9e3779b1) + 1 | 0;
      this.#control.setLane(thread, LANE.origins, after);
    }
  }

  /** Answers whom it read from, if that was atomic. */
  #touch(thread: number, word: number, reads: boolean, writes: boolean, plain: boolean): number {
    const n = this.#threads;
    const words = this.#words;
    const at = this.#entry(word);
    const isOrdered = this.#isAfter(thread, at, PLAIN_WRITES) &&
      (!writes || this.#isAfter(thread, at, PLAIN_READS)) &&
      (!plain || this.#isAfter(thread, at, WRITES)) &&
      (!plain || !writes || this.#isAfter(thread, at, READS));
    if (!isOrdered) this.#memory.markRacy(word);
    const clock = thread * n;
    const now = words[clock + thread]!;
    const vector = plain ? (writes ? PLAIN_WRITES : PLAIN_READS) : writes ? WRITES : READS;
    words[at + HEADER + vector * n + thread] = now;
    if (plain) return 0;
    const from = words[at + 1]!;
    const released = at + HEADER + RELEASED * n;
    if (reads) {
      for (let t = 0; t < n; t++) {
        if (words[released + t]! > words[clock + t]!) words[clock + t] = words[released + t]!;
      }
    }
    if (writes) {
      for (let t = 0; t < n; t++) words[released + t] = words[clock + t]!;
      words[at + 1] = now * n + thread + 1;
      words[clock + thread] = now + 1;
      this.#toggle(word, from);
      this.#toggle(word, now * n + thread + 1);
    }
    return reads ? from : 0;
  }

  #entry(word: number): number {
    const n = this.#threads;
    const at = n * n + word * (HEADER + VECTORS * n);
    const schedule = this.#control.words[WORD.schedules]!;
    if (this.#words[at] !== schedule) {
      this.#words.fill(0, at, at + HEADER + VECTORS * n);
      this.#words[at] = schedule;
    }
    return at;
  }

  /** Whether `thread` has seen the last accesses of all others that the vector lists. */
  #isAfter(thread: number, at: number, vector: number): boolean {
    const n = this.#threads;
    const first = at + HEADER + vector * n;
    for (let t = 0; t < n; t++) {
      if (t !== thread && this.#words[first + t]! > this.#words[thread * n + t]!) return false;
    }
    return true;
  }

  /** Takes into the hash, or out of it, who wrote a word last. */
  #toggle(word: number, writer: number): void {
    if (writer === 0) return;
    const { words } = this.#control;
    const a = Math.imul(Math.imul(word + 1, 0x9e3779b1) ^ writer, 0x85ebca6b);
    words[WORD.writersLow]! ^= Math.imul(a ^ a >>> 15, 0xc2b2ae35);
    words[WORD.writersHigh]! ^= Math.imul(a ^ a >>> 12, 0x27d4eb2f) + writer;
  }
}

/** Whether a view whose elements have so many bytes holds `a` as `b`. */
function isSame(a: number | bigint, b: number | bigint, bytes: number): boolean {
  const bits = 8 * bytes;
  if (typeof a === "bigint") return BigInt.asIntN(bits, a) === BigInt.asIntN(bits, BigInt(b));
  return (a - Number(b)) % 2 ** bits === 0;
}
