/**
 * Planted: numbers that several threads change.
 *
 * @module
 */
import { type Planted, WORDS } from "./planted.ts";

/** An increment of two steps. */
export const counter: Planted = {
  name: "non-atomic increment",
  reason: "check",
  says: /counted 1, must be 2/,
  preemptions: 1,
  text: (broken) =>
    `${WORDS}
export const setup = () => words(1);
const count = (w) => {
  ${broken ? "w[0]++" : "Atomics.add(w, 0, 1)"};
};
export const threads = [count, count];
export const check = (w) => equal(w[0], 2, "counted");
`,
};

/** The room is asked for, and taken without looking again. */
export const staleLength: Planted = {
  name: "stale length",
  reason: "check",
  says: /in the room 3, must be 2/,
  preemptions: 1,
  text: (broken) =>
    `${WORDS}
const CAPACITY = 2;
export const setup = () => {
  const w = words(1);
  w[0] = 1;
  return w;
};
const enter = (w) => {
  for (;;) {
    const n = Atomics.load(w, 0);
    if (n === CAPACITY) return false;
    ${
      broken
        ? "Atomics.add(w, 0, 1); return true"
        : "if (Atomics.compareExchange(w, 0, n, n + 1) === n) return true"
    };
  }
};
export const threads = [enter, enter];
export const check = (w, got) => {
  equal(w[0], 2, "in the room");
  equal(got.filter(Boolean).length, 1, "let in");
};
`,
};

/** A pair that is read while it is written. */
export const seqlock: Planted = {
  name: "sequence lock without a second look",
  reason: "check",
  says: /pair \[0,2\]/,
  preemptions: 1,
  text: (broken) =>
    `${WORDS}
const SEQUENCE = 0, A = 1, B = 2;
export const setup = () => words(3);
const write = (w) => {
  for (let i = 1; i <= 2; i++) {
    Atomics.add(w, SEQUENCE, 1);
    w[A] = i;
    w[B] = i;
    Atomics.add(w, SEQUENCE, 1);
  }
};
const read = (w) => {
  for (;;) {
    const before = Atomics.load(w, SEQUENCE);
    const pair = [w[A], w[B]];
    if ((before & 1) === 0 && ${broken || "Atomics.load(w, SEQUENCE) === before"}) return pair;
    Atomics.pause();
  }
};
export const threads = [write, read];
export const check = (w, [, pair]) => equal(pair[0], pair[1], "pair " + JSON.stringify(pair) + ":");
`,
};
