/**
 * What sleeps: parking and the blocking queue, under every interleaving of few calls, at capacity 2 to 4.
 *
 * Where calls are recorded, every history is linearizable; elsewhere nothing is lost and nothing comes twice.
 *
 * @module
 */
import { explored } from "../support/explored.ts";

explored({
  name: "ParkWord, no wake is lost",
  uses: "ParkWord",
  threads: 2,
  text: `
export const setup = () => ({ park: ParkWord.create().handle, w: words(1) });
export const threads = [
  ({ park: handle, w }) => {
    const park = ParkWord.attach(handle);
    while (Atomics.load(w, 0) < 2) park.park();
    return park.park(1);
  },
  ({ park: handle, w }) => {
    const park = ParkWord.attach(handle);
    for (let i = 0; i < 2; i++) {
      Atomics.add(w, 0, 1);
      park.unpark();
    }
  },
];
`,
});

explored({
  name: "ParkWord, parkAsync",
  uses: "ParkWord",
  threads: 2,
  text: `
export const setup = () => ({ park: ParkWord.create().handle, w: words(1) });
export const threads = [
  async ({ park: handle, w }) => {
    const park = ParkWord.attach(handle);
    while (Atomics.load(w, 0) < 1) await park.parkAsync();
  },
  ({ park: handle, w }) => {
    Atomics.add(w, 0, 1);
    ParkWord.attach(handle).unpark();
  },
];
`,
});

const BLOCKING = (threads: string, check: string) => `
export const setup = () => BlockingMpmcQueue.create(2, { spins: 0 }).handle;
const push = (...values) => (handle) => {
  const queue = BlockingMpmcQueue.attach(handle);
  return values.map((value) => queue.push(value));
};
const pop = (times, timeout) => (handle) => {
  const queue = BlockingMpmcQueue.attach(handle);
  return Array.from({ length: times }, () => queue.pop(timeout));
};
const popAsync = (times) => async (handle) => {
  const queue = BlockingMpmcQueue.attach(handle);
  const got = [];
  for (let i = 0; i < times; i++) got.push(await queue.popAsync());
  return got;
};
const drain = (handle) => {
  const queue = BlockingMpmcQueue.attach(handle);
  const got = [];
  for (let value = queue.tryPop(); typeof value === "number"; value = queue.tryPop()) got.push(value);
  return got;
};
export const threads = [${threads}];
export const check = (handle, [a, b, c]) => ${check};
`;

explored({
  name: "BlockingMpmcQueue, both ends sleep",
  uses: "BlockingMpmcQueue",
  threads: 2,
  text: BLOCKING("push(1, 2, 3), pop(3)", 'equal(b, [1, 2, 3], "popped")'),
});

explored({
  name: "BlockingMpmcQueue, two consumers",
  uses: "BlockingMpmcQueue",
  threads: 3,
  text: BLOCKING("push(1, 2), pop(1), pop(1)", 'equal(numbers(b, c), [1, 2], "popped")'),
});

explored({
  name: "BlockingMpmcQueue, two producers",
  uses: "BlockingMpmcQueue",
  threads: 3,
  text: BLOCKING("push(1, 2), push(3), pop(3)", 'equal(numbers(c), [1, 2, 3], "popped")'),
});

explored({
  name: "BlockingMpmcQueue, two and two",
  uses: "BlockingMpmcQueue",
  threads: 4,
  text: BLOCKING(
    "push(1), push(2), pop(1), pop(1)",
    'equal(drain(handle), [], "left")',
  ),
});

explored({
  name: "BlockingMpmcQueue, timeouts lose nothing",
  uses: "BlockingMpmcQueue",
  threads: 2,
  text: BLOCKING(
    "push(1, 2), pop(2, 5)",
    'equal(numbers(b, drain(handle)), [1, 2], "popped and left")',
  ),
});

explored({
  name: "BlockingMpmcQueue, close wakes and drains",
  uses: "BlockingMpmcQueue",
  threads: 3,
  text: BLOCKING(
    `(handle) => {
      const queue = BlockingMpmcQueue.attach(handle);
      queue.push(1);
      queue.close();
    }, pop(1), pop(1)`,
    'equal([...b, ...c].sort(), [1, "CLOSED"], "popped")',
  ),
});

explored({
  name: "BlockingMpmcQueue, popAsync",
  uses: "BlockingMpmcQueue",
  threads: 2,
  text: BLOCKING("push(1, 2), popAsync(2)", 'equal(b, [1, 2], "popped")'),
});
