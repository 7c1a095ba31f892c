/**
 * Planted: locks.
 *
 * @module
 */
import { type Planted, WORDS } from "./planted.ts";

const COUNT_INSIDE = `
const LOCK = 0, TURN = 2, INSIDE = 3, TOTAL = 4;
export const setup = () => words(5);
const inside = (w) => {
  equal(Atomics.add(w, INSIDE, 1), 0, "others inside:");
  w[TOTAL] = w[TOTAL] + 1;
  Atomics.sub(w, INSIDE, 1);
};
export const check = (w) => equal(w[TOTAL], 2, "total");
`;

/** Looks, then takes. */
export const spinLock: Planted = {
  name: "spin lock that tests and then sets",
  reason: "threw",
  says: /others inside: 1, must be 0/,
  preemptions: 2,
  text: (broken) =>
    `${WORDS}${COUNT_INSIDE}
const lock = (w) => {
  ${
      broken
        ? "while (Atomics.load(w, LOCK) !== 0); Atomics.store(w, LOCK, 1)"
        : "while (Atomics.compareExchange(w, LOCK, 0, 1) !== 0)"
    };
};
const run = (w) => {
  lock(w);
  inside(w);
  Atomics.store(w, LOCK, 0);
};
export const threads = [run, run];
`,
};

/** Peterson's lock, the turn given away before the flag is up. */
export const peterson: Planted = {
  name: "Peterson's lock in the wrong order",
  reason: "threw",
  says: /others inside: 1, must be 0/,
  preemptions: 2,
  text: (broken) =>
    `${WORDS}${COUNT_INSIDE}
const run = (me) => (w) => {
  ${
      broken
        ? "Atomics.store(w, TURN, 1 - me); Atomics.store(w, me, 1)"
        : "Atomics.store(w, me, 1); Atomics.store(w, TURN, 1 - me)"
    };
  while (Atomics.load(w, 1 - me) === 1 && Atomics.load(w, TURN) === 1 - me) Atomics.pause();
  inside(w);
  Atomics.store(w, me, 0);
};
export const threads = [run(0), run(1)];
`,
};

/** One way out leaves the lock taken. */
export const keptLock: Planted = {
  name: "lock kept on an early return",
  reason: "endless",
  says: /not ended after 500 steps/,
  preemptions: 0,
  text: (broken) =>
    `${WORDS}
const LOCK = 0, CLOSED = 1;
export const setup = () => words(2);
const run = (w) => {
  while (Atomics.compareExchange(w, LOCK, 0, 1) !== 0) Atomics.pause();
  if (Atomics.load(w, CLOSED) === 1) {
    ${broken ? "" : "Atomics.store(w, LOCK, 0);"}
    return;
  }
  Atomics.store(w, CLOSED, 1);
  Atomics.store(w, LOCK, 0);
};
export const threads = [run, run, run];
`,
};

/** Drepper's mutex with two states: whoever unlocks does not know that somebody sleeps. */
export const futexLock: Planted = {
  name: "mutex that forgets its sleepers",
  reason: "asleep",
  says: /lost wake-up/,
  preemptions: 1,
  text: (broken) =>
    `${WORDS}${COUNT_INSIDE}
const lock = (w) => {
  if (Atomics.compareExchange(w, LOCK, 0, 1) === 0) return;
  while (Atomics.exchange(w, LOCK, ${broken ? 1 : 2}) !== 0) Atomics.wait(w, LOCK, ${
      broken ? 1 : 2
    });
};
const unlock = (w) => {
  if (Atomics.exchange(w, LOCK, 0) === 2) Atomics.notify(w, LOCK, 1);
};
const run = (w) => {
  lock(w);
  inside(w);
  unlock(w);
};
export const threads = [run, run];
`,
};
