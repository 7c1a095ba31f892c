/**
 * Planted: sleeping and waking.
 *
 * @module
 */
import { type Planted, WORDS } from "./planted.ts";

const INBOX = `
const ITEMS = 0, SLEEPS = 1, CLOSED = 2;
export const setup = () => words(4);
const take = (w) => {
  for (;;) {
    const n = Atomics.load(w, ITEMS);
    if (n === 0) return false;
    if (Atomics.compareExchange(w, ITEMS, n, n - 1) === n) return true;
  }
};
`;

/** A consumer that sleeps by a flag: puts it up, and sleeps if `look` finds nothing. */
const consume = (look = "Atomics.load(w, ITEMS) === 0") => `
const consume = (w) => {
  while (!take(w)) {
    Atomics.store(w, SLEEPS, 1);
    if (${look}) Atomics.wait(w, SLEEPS, 1);
    Atomics.store(w, SLEEPS, 0);
  }
};
`;

/** Wakes that consumer. */
const WAKE = `
const wake = (w) => {
  if (Atomics.compareExchange(w, SLEEPS, 1, 0) === 1) Atomics.notify(w, SLEEPS);
};
`;

/** Tells that the state has changed. */
const CHANGE = `
const STATE = 3; // grows with every change
const change = (w) => {
  Atomics.add(w, STATE, 1);
  Atomics.notify(w, STATE);
};
`;

/** How most of these are found: somebody sleeps for ever. */
const LOST = { reason: "asleep", says: /lost wake-up/ } as const;

/** The flag goes up, and nobody looks again before the sleep. */
export const noRecheck: Planted = {
  name: "no second look before sleeping",
  ...LOST,
  preemptions: 1,
  text: (broken) =>
    `${WORDS}${INBOX}${consume(broken ? "true" : undefined)}${WAKE}
const produce = (w) => {
  Atomics.add(w, ITEMS, 1);
  wake(w);
};
export const threads = [consume, produce];
`,
};

/** Looks whether somebody sleeps, and publishes only then. */
export const earlyNotify: Planted = {
  name: "notify before publishing",
  ...LOST,
  preemptions: 1,
  text: (broken) =>
    `${WORDS}${INBOX}${consume()}${WAKE}
const produce = (w) => {
  ${broken ? "wake(w); Atomics.add(w, ITEMS, 1)" : "Atomics.add(w, ITEMS, 1); wake(w)"};
};
export const threads = [consume, produce];
`,
};

/** Two items, one wake-up. */
export const lostNotify: Planted = {
  name: "notify only when it was empty",
  ...LOST,
  preemptions: 0,
  text: (broken) =>
    `${WORDS}${INBOX}
const consume = (w) => {
  while (!take(w)) Atomics.wait(w, ITEMS, 0);
};
const produce = (w) => {
  for (let i = 0; i < 2; i++) {
    const before = Atomics.add(w, ITEMS, 1);
    if (${broken ? "before === 0" : "true"}) Atomics.notify(w, ITEMS, 1);
  }
};
export const threads = [consume, consume, produce];
`,
};

/** Whoever sleeps is not told. */
export const silentClose: Planted = {
  name: "close wakes nobody",
  ...LOST,
  preemptions: 1,
  text: (broken) =>
    `${WORDS}${INBOX}${CHANGE}
const consume = (w) => {
  for (;;) {
    const state = Atomics.load(w, STATE);
    if (take(w)) continue;
    if (Atomics.load(w, CLOSED) === 1) return;
    Atomics.wait(w, STATE, state);
  }
};
const produce = (w) => {
  Atomics.add(w, ITEMS, 1);
  change(w);
  Atomics.store(w, CLOSED, 1);
  ${broken ? "" : "change(w);"}
};
export const threads = [consume, produce];
`,
};

/** The time is over in the moment in which the item is handed over. */
export const lostHandover: Planted = {
  name: "timeout that drops what was handed over",
  reason: "check",
  says: /handed over and dropped 1, must be 0/,
  preemptions: 1,
  text: (broken) =>
    `${WORDS}
const SEAT = 0, WAITING = 1, GIVEN = 2;
export const setup = () => words(1);
const receive = (w) => {
  Atomics.store(w, SEAT, WAITING);
  const waited = Atomics.wait(w, SEAT, WAITING, 10);
  ${broken ? 'if (waited === "timed-out") return false;' : ""}
  return Atomics.exchange(w, SEAT, 0) === GIVEN;
};
const give = (w) => {
  if (Atomics.compareExchange(w, SEAT, WAITING, GIVEN) !== WAITING) return false;
  Atomics.notify(w, SEAT);
  return true;
};
export const threads = [receive, give];
export const check = (w, [got, gave]) => equal(Number(gave) - Number(got), 0, "handed over and dropped");
`,
};

/** The same as `noRecheck` for an event loop. */
export const asyncNoRecheck: Planted = {
  name: "waitAsync for a value read too late",
  ...LOST,
  preemptions: 1,
  text: (broken) =>
    `${WORDS}${INBOX}${CHANGE}
const consume = async (w) => {
  for (;;) {
    ${broken ? "" : "const state = Atomics.load(w, STATE);"}
    if (take(w)) return "got it";
    ${broken ? "const state = Atomics.load(w, STATE);" : ""}
    await Atomics.waitAsync(w, STATE, state).value;
  }
};
const produce = (w) => {
  Atomics.add(w, ITEMS, 1);
  change(w);
};
export const threads = [consume, produce];
export const check = (w, [got]) => equal(got, "got it", "consumer");
`,
};
