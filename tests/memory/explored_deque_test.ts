/**
 * The deque and what is built on it, under every interleaving of few calls, at capacity 2 to 4.
 *
 * Where calls are recorded, every history is linearizable; elsewhere nothing is lost and nothing comes twice.
 *
 * @module
 */
import { explored } from "../support/explored.ts";

const DEQUE = (start: number, threads: string) => `
export const setup = () => ChaseLevDeque.create(2, { start: ${start} }).handle;
export const model = dequeModel({ capacity: 2 });
const owner = (calls) => (handle, call) => {
  const deque = ChaseLevDeque.attach(handle);
  calls.forEach((value) =>
    value > 0
      ? call("push", value, () => deque.push(value))
      : call("pop", undefined, () => deque.pop())
  );
};
const thief = (times) => (handle, call) => {
  const deque = ChaseLevDeque.attach(handle);
  for (let i = 0; i < times; i++) call("steal", undefined, () => deque.steal());
};
export const threads = [${threads}];
`;

for (const start of [0, 2 ** 31 - 1, -1]) {
  explored({
    name: `ChaseLevDeque, owner and thief, from ${start}`,
    uses: "ChaseLevDeque",
    threads: 2,
    text: DEQUE(start, "owner([1, 2, 0, 3, 0]), thief(3)"),
  });
}

explored({
  name: "ChaseLevDeque, a cell used again under a thief's eyes",
  uses: "ChaseLevDeque",
  threads: 2,
  text: DEQUE(0, "owner([1, 2, 0, 0, 3, 4]), thief(2)"),
});

explored({
  name: "ChaseLevDeque, two thieves",
  uses: "ChaseLevDeque",
  threads: 3,
  text: DEQUE(0, "owner([1, 2, 0, 3, 0]), thief(1), thief(2)"),
});

explored({
  name: "ChaseLevDeque, stealHalf loses and doubles nothing",
  uses: "ChaseLevDeque",
  threads: 2,
  text: `
export const setup = () => {
  const [from, to] = [ChaseLevDeque.create(4), ChaseLevDeque.create(4)];
  [1, 2, 3].forEach((value) => from.push(value));
  return { from: from.handle, to: to.handle };
};
const drain = (handle) => {
  const deque = ChaseLevDeque.attach(handle);
  const got = [];
  for (let value = deque.steal(); value !== EMPTY; value = deque.steal()) got.push(value);
  return got;
};
export const threads = [
  ({ from }) => {
    const deque = ChaseLevDeque.attach(from);
    return [deque.pop(), deque.push(4), deque.pop(), deque.pop()];
  },
  ({ from, to }) => {
    ChaseLevDeque.attach(from).stealHalf(ChaseLevDeque.attach(to));
  },
];
export const check = ({ from, to }, [got]) =>
  equal(numbers(got, drain(from), drain(to)), [1, 2, 3, 4], "items");
`,
});

explored({
  name: "WorkStealingQueue, full deque, inbox and thief lose nothing",
  uses: "WorkStealingQueue",
  threads: 2,
  text: `
export const setup = () => WorkStealingQueue.create(2).handle;
export const threads = [
  (handle) => {
    const queue = WorkStealingQueue.attach(handle);
    const pushed = [1, 2, 3].filter((value) => queue.push(value) === true);
    return [pushed, queue.pop()];
  },
  (handle) => {
    const queue = WorkStealingQueue.attach(handle);
    return [queue.steal(), queue.inject(4) === true, queue.steal()];
  },
];
export const check = (handle, [[pushed, popped], [a, injected, b]]) => {
  const queue = WorkStealingQueue.attach(handle);
  const left = [];
  for (let value = queue.steal(); value !== EMPTY; value = queue.steal()) left.push(value);
  equal(numbers(popped, a, b, left), numbers(pushed, injected ? 4 : []), "items");
};
`,
});

explored({
  name: "WorkStealingScheduler, each item is taken once",
  uses: "WorkStealingScheduler",
  threads: 2,
  text: `
export const setup = () => WorkStealingScheduler.create(2, { capacity: 2, common: 2 }).handle;
export const threads = [
  (handle) => {
    const worker = WorkStealingScheduler.attach(handle).worker(0);
    [1, 2, 3].forEach((value) => equal(worker.push(value), true, "pushed"));
    return [worker.next()];
  },
  (handle) => {
    const worker = WorkStealingScheduler.attach(handle).worker(1);
    return [worker.next(), worker.next()];
  },
];
export const check = (handle, got) => {
  const worker = WorkStealingScheduler.attach(handle).worker(0);
  const left = [];
  for (let value = worker.next(); value !== EMPTY; value = worker.next()) left.push(value);
  equal(numbers(got, left), [1, 2, 3], "items");
};
`,
});
