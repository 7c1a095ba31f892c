/**
 * Hashes of 64 bits in two int32, and the table of states that have been explored from.
 *
 * Two states with the same hash are taken for one: with a million states the odds of that are 1 to
 * 30 million, per exploration. Mixing as in Appleby, MurmurHash3 (2011); memory as in Zobrist, "A New
 * Hashing Method with Application for Game Playing" (1970).
 *
 * @module
 */
import { type Control, VISITED_ENTRIES, VISITED_WORDS, WORD } from "./control.ts";

function scramble(h: number): number {
  h = Math.imul(h ^ h >>> 16, 0x85ebca6b);
  h = Math.imul(h ^ h >>> 13, 0xc2b2ae35);
  return h ^ h >>> 16;
}

/** A hash in the making. */
export class Hash {
  low: number;
  high: number;

  constructor(low = 0x9747b28c | 0, high = 0x2c1b3c6d) {
    this.low = low;
    this.high = high;
  }

  /** Takes in an int32. */
  add(value: number): void {
    this.low = Math.imul(scramble(this.low ^ value), 0x2545f491) + 0x38495ab5 | 0;
    this.high = Math.imul(scramble(this.high + Math.imul(value, 0x9e3779b1) | 0), 0x27d4eb2d) +
        0x165667b1 | 0;
  }

  /** Takes in any number or bigint. */
  addValue(value: number | bigint | boolean): void {
    if (typeof value === "bigint") {
      this.add(Number(BigInt.asIntN(32, value)));
      this.add(Number(BigInt.asIntN(32, value >> 32n)));
    } else if (value === (Number(value) | 0)) this.add(value as number);
    else {
      double[0] = Number(value);
      this.add(halves[0]!);
      this.add(halves[1]!);
    }
  }

  /** Takes in a text. */
  addText(text: string): void {
    for (let i = 0; i < text.length; i++) this.add(text.charCodeAt(i));
    this.add(text.length);
  }
}

const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);

/** Adds to, or takes from, the memory's hash that `word` holds `value`. */
export function toggle(words: Int32Array, word: number, value: number): void {
  const a = scramble(Math.imul(word + 1, 0x9e3779b1) ^ value);
  const b = scramble(Math.imul(word + 7, 0x85ebca77) + Math.imul(value, 0x27d4eb2f) | 0);
  words[WORD.memoryLow]! ^= scramble(a + b | 0);
  words[WORD.memoryHigh]! ^= scramble(a ^ Math.imul(b, 0x165667b1));
}

/**
 * Whether all that is possible from the state of this hash, with so many preemptions left, has been
 * explored or is about to be. Else it is from now on.
 */
export function visit(control: Control, { low, high }: Hash, left: number): boolean {
  const { visited, words } = control;
  const generation = words[WORD.generation]! << 8;
  for (let i = (low ^ high >>> 7) >>> 0;; i++) {
    const at = i % VISITED_ENTRIES * VISITED_WORDS;
    const entry = visited[at + 2]!;
    if ((entry & ~255) !== generation) { // free
      if (words[WORD.visited]! > VISITED_ENTRIES * 0.8) return false;
      words[WORD.visited]!++;
      visited[at] = low;
      visited[at + 1] = high;
      visited[at + 2] = generation | left;
      return false;
    }
    if (visited[at] !== low || visited[at + 1] !== high) continue;
    if ((entry & 255) >= left) return true;
    visited[at + 2] = generation | left;
    return false;
  }
}
