/**
 * Planted: memory that is used again.
 *
 * @module
 */
import { type Planted, WORDS } from "./planted.ts";

/** A free list of three slots: head, then links; `tag` is what a change adds to the head. */
export const untagged: Planted = {
  name: "untagged free-list head (ABA)",
  reason: "threw",
  says: /taken twice/,
  preemptions: 1,
  text: (broken) =>
    `${WORDS}
const HEAD = 0, NEXT = 1, USED = 4, TAG = ${broken ? 0 : 16};
// Slots 1 to 3; 0 is none. A head is a slot and, above it, a tag.
export const setup = () => {
  const w = words(8);
  w.set([1, 2, 3, 0]);
  return w;
};
const take = (w) => {
  for (;;) {
    const head = Atomics.load(w, HEAD);
    const slot = head & 15;
    if (slot === 0) return 0;
    const next = Atomics.load(w, NEXT + slot - 1);
    const after = (head & ~15) + TAG | next;
    if (Atomics.compareExchange(w, HEAD, head, after) !== head) continue;
    if (Atomics.exchange(w, USED + slot - 1, 1) === 1) throw new Error("taken twice: " + slot);
    return slot;
  }
};
const give = (w, slot) => {
  Atomics.store(w, USED + slot - 1, 0);
  for (;;) {
    const head = Atomics.load(w, HEAD);
    Atomics.store(w, NEXT + slot - 1, head & 15);
    const after = (head & ~15) + TAG | slot;
    if (Atomics.compareExchange(w, HEAD, head, after) === head) return;
  }
};
export const threads = [
  (w) => {
    take(w);
    take(w);
  },
  (w) => {
    const a = take(w);
    take(w);
    if (a !== 0) give(w, a);
  },
];
`,
};

/** Two threads find a slot in use, and both give it back. */
export const doubleFree: Planted = {
  name: "double free",
  reason: "check",
  says: /freed 2, must be 1/,
  preemptions: 1,
  text: (broken) =>
    `${WORDS}
const USED = 0, FREED = 1;
export const setup = () => {
  const w = words(2);
  w[USED] = 1;
  return w;
};
const free = (w) => {
  ${
      broken
        ? "if (Atomics.load(w, USED) !== 1) return; Atomics.store(w, USED, 0)"
        : "if (Atomics.compareExchange(w, USED, 1, 0) !== 1) return"
    };
  Atomics.add(w, FREED, 1);
};
export const threads = [free, free];
export const check = (w) => equal(w[FREED], 1, "freed");
`,
};

/** A block is overwritten while somebody reads it. */
export const earlyReclaim: Planted = {
  name: "premature reclaim",
  reason: "check",
  says: /read -1/,
  preemptions: 1,
  text: (broken) =>
    `${WORDS}
const CURRENT = 0, PINS = 1, BLOCKS = 2;
export const setup = () => {
  const w = words(4);
  w.set([0, 0, 10, 11]);
  return w;
};
const read = (w) => {
  Atomics.add(w, PINS, 1);
  const value = w[BLOCKS + Atomics.load(w, CURRENT)];
  Atomics.sub(w, PINS, 1);
  return value;
};
const replace = (w) => {
  const old = Atomics.exchange(w, CURRENT, 1);
  ${broken ? "" : "if (Atomics.load(w, PINS) === 0)"} w[BLOCKS + old] = -1; // used again
};
export const threads = [read, replace];
export const check = (w, [value]) => equal(value > 0, true, "read " + value + ":");
`,
};
