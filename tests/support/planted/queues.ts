/**
 * Planted: rings and deques.
 *
 * @module
 */
import { type Planted, WORDS } from "./planted.ts";

/** A ring of two cells for one producer and one consumer, `full` and `publish` left open. */
const ring = (full: string, publish: string) =>
  `${WORDS}
const HEAD = 0, TAIL = 1, CELLS = 2, CAPACITY = 2;
export const setup = () => words(4);
const produce = (w) => {
  for (let item = 1; item <= 3;) {
    const tail = Atomics.load(w, TAIL);
    const length = tail - Atomics.load(w, HEAD);
    if (${full}) {
      Atomics.pause();
      continue;
    }
    ${publish}
    item++;
  }
};
const consume = (w) => {
  const got = [];
  while (got.length < 3) {
    const head = Atomics.load(w, HEAD);
    if (Atomics.load(w, TAIL) === head) {
      Atomics.pause();
      continue;
    }
    got.push(w[CELLS + head % CAPACITY]);
    Atomics.store(w, HEAD, head + 1);
  }
  return got;
};
export const threads = [produce, consume];
export const check = (w, [, got]) => equal(got, [1, 2, 3], "got");
`;

const WRITE = "w[CELLS + tail % CAPACITY] = item;";
const PUBLISH = "Atomics.store(w, TAIL, tail + 1);";

/** One item too many. */
export const offByOne: Planted = {
  name: "full test off by one",
  reason: "check",
  says: /got \[3,2,3\]/,
  preemptions: 0,
  text: (broken) => ring(`length ${broken ? ">" : ">="} CAPACITY`, `${WRITE} ${PUBLISH}`),
};

/** The consumer sees the cell before it is written. */
export const earlyPublish: Planted = {
  name: "publish before write",
  reason: "check",
  says: /got \[1,2,1\]/,
  preemptions: 1,
  text: (broken) =>
    ring("length >= CAPACITY", broken ? `${PUBLISH} ${WRITE}` : `${WRITE} ${PUBLISH}`),
};

/** A Chase-Lev deque with two items; how the thief looks and how the owner takes the last one. */
const deque = (look: string, last: string, thieves: number) =>
  `${WORDS}
const TOP = 0, BOTTOM = 1, CELLS = 2;
export const setup = () => {
  const w = words(6);
  w.set([0, 2, 10, 11]);
  return w;
};
const pop = (w) => {
  const bottom = Atomics.load(w, BOTTOM) - 1;
  Atomics.store(w, BOTTOM, bottom);
  const top = Atomics.load(w, TOP);
  if (top > bottom) {
    Atomics.store(w, BOTTOM, bottom + 1);
    return 0;
  }
  const item = w[CELLS + bottom];
  if (top < bottom) return item;
  const won = ${last};
  Atomics.store(w, BOTTOM, bottom + 1);
  return won ? item : 0;
};
const steal = (w) => {
  ${look}
  if (top >= bottom) return 0;
  const item = w[CELLS + top];
  return Atomics.compareExchange(w, TOP, top, top + 1) === top ? item : 0;
};
export const threads = [(w) => [pop(w), pop(w)]${", (w) => [steal(w)]".repeat(thieves)}];
export const check = (w, got) => {
  const items = got.flat().filter((item) => item !== 0).sort();
  for (let i = Atomics.load(w, TOP); i < Atomics.load(w, BOTTOM); i++) items.push(w[CELLS + i]);
  equal(items, [10, 11], "items");
};
`;

const LOOK = "const top = Atomics.load(w, TOP), bottom = Atomics.load(w, BOTTOM);";
const LOOK_WRONG = "const bottom = Atomics.load(w, BOTTOM), top = Atomics.load(w, TOP);";
const LAST = "Atomics.compareExchange(w, TOP, top, top + 1) === top";
const LAST_WRONG = "(Atomics.store(w, TOP, top + 1), true)";

/** The thief's two loads in the wrong order. */
export const stealOrder: Planted = {
  name: "reordered loads in steal",
  reason: "check",
  says: /items \[10,11,11\]/,
  preemptions: 1,
  text: (broken) => deque(broken ? LOOK_WRONG : LOOK, LAST, 1),
};

/** The last item is taken without a race for it. */
export const lastItem: Planted = {
  name: "last item taken without compare-and-swap",
  reason: "check",
  says: /items \[10,11,11\]/,
  preemptions: 2,
  text: (broken) => deque(LOOK, broken ? LAST_WRONG : LAST, 2),
};

/** Vyukov's queue: a cell that is claimed and not yet written hides the ones behind it. */
export const relaxedEmpty: Planted = {
  name: "empty while items lie behind an unfinished push",
  reason: "nonlinearizable",
  says: /pop\(\) -> "EMPTY"/,
  preemptions: 1,
  text: (broken) =>
    `${WORDS}
const HEAD = 0, TAIL = 1, CELLS = 2;
export const setup = () => words(6);
const push = (w, item) => {
  const tail = Atomics.add(w, TAIL, 1);
  Atomics.store(w, CELLS + tail, item);
  return true;
};
const pop = (w) => {
  const head = Atomics.load(w, HEAD);
  const item = Atomics.load(w, CELLS + head);
  if (item === 0) return ${
      broken ? '"EMPTY"' : 'Atomics.load(w, TAIL) === head ? "EMPTY" : "RETRY"'
    };
  return Atomics.compareExchange(w, HEAD, head, head + 1) === head ? item : "RETRY";
};
export const threads = [
  (w, call) => call("push", 1, () => push(w, 1)),
  (w, call) => {
    call("push", 2, () => push(w, 2));
    call("pop", undefined, () => pop(w));
  },
];
export const model = {
  initial: [],
  step(items, { name, input, output }) {
    if (name === "push") return [...items, input];
    if (output === "RETRY") return items;
    if (output === "EMPTY") return items.length === 0 ? items : undefined;
    return items[0] === output ? items.slice(1) : undefined;
  },
};
`,
};
