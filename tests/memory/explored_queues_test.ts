/**
 * The queues and the byte ring, under every interleaving of few calls, at capacity 2 to 4.
 *
 * Where calls are recorded, every history is linearizable; elsewhere nothing is lost and nothing comes twice.
 *
 * @module
 */
import { explored } from "../support/explored.ts";

const MPMC = (start: number, threads: string) => `
export const setup = () => MpmcQueue.create(2, { start: ${start} }).handle;
export const model = queueModel({ capacity: 2 });
const run = (...calls) => (handle, call) => {
  const queue = MpmcQueue.attach(handle);
  calls.forEach((value) =>
    value > 0
      ? call("push", value, () => queue.push(value))
      : call("pop", undefined, () => queue.pop())
  );
};
export const threads = [${threads}];
`;

for (const start of [0, 2 ** 31 - 2, -2]) {
  explored({
    name: `MpmcQueue, push and pop from ${start}`,
    uses: "MpmcQueue",
    threads: 2,
    text: MPMC(start, "run(1, 0, 2, 3), run(4, 0, 0)"),
  });
}

explored({
  name: "MpmcQueue, two producers",
  uses: "MpmcQueue",
  threads: 3,
  text: MPMC(0, "run(1, 2), run(3), run(0, 0)"),
});

explored({
  name: "MpmcQueue, two consumers",
  uses: "MpmcQueue",
  threads: 3,
  text: MPMC(0, "run(1, 2, 3), run(0, 0), run(0)"),
});

explored({
  name: "MpmcQueue, laps: what a view remembers of head and tail is old",
  uses: "MpmcQueue",
  threads: 2,
  text: MPMC(-6, "run(1, 2, 0, 3, 0, 4), run(0, 0, 5, 0, 0, 6)"),
});

explored({
  name: "MpmcQueue, closed while others add and take: FULL, EMPTY and CLOSED are exact",
  uses: "MpmcQueue",
  threads: 3,
  text: `
export const setup = () => MpmcQueue.create(2).handle;
export const threads = [
  (handle) => {
    const queue = MpmcQueue.attach(handle);
    return [1, 2, 3].map((value) => String(queue.push(value)));
  },
  (handle) => {
    const queue = MpmcQueue.attach(handle);
    return [queue.pop(), queue.pop(), queue.pop()].map(String);
  },
  (handle) => MpmcQueue.attach(handle).close(),
];
export const check = (handle, [pushed, popped]) => {
  const queue = MpmcQueue.attach(handle);
  const CLOSED = "Symbol(CLOSED)";
  const first = pushed.indexOf(CLOSED);
  if (first >= 0) equal(pushed.slice(first).every((one) => one === CLOSED), true, "open again");
  const drained = popped.indexOf(CLOSED);
  if (drained >= 0) equal(popped.slice(drained).every((one) => one === CLOSED), true, "filled again");
  const left = [];
  for (let value = queue.pop(); typeof value === "number"; value = queue.pop()) left.push(value);
  equal([String(queue.pop()), String(queue.push(9))], [CLOSED, CLOSED], "end");
  const taken = popped.map(Number).filter((value) => value > 0);
  equal([...taken, ...left], [1, 2, 3].filter((_, i) => pushed[i] === "true"), "items");
};
`,
});

explored({
  name: "RecordQueue, records stay whole",
  uses: "RecordQueue",
  threads: 2,
  text: `
export const setup = () => RecordQueue.create(2, 2, { type: "int32" }).handle;
export const model = queueModel({ capacity: 2 });
const run = (...calls) => (handle, call) => {
  const queue = RecordQueue.attach(handle);
  calls.forEach((value) => {
    if (value > 0) return call("push", value, () => queue.push([value, -value]));
    call("pop", undefined, () => {
      const record = [0, 0];
      const answer = queue.pop(record);
      if (answer !== true) return answer;
      equal(record[0], -record[1], "record");
      return record[0];
    });
  });
};
export const threads = [run(1, 0, 2), run(3, 4, 0)];
`,
});

explored({
  name: "LockFreeQueue, one producer and one consumer",
  uses: "LockFreeQueue",
  threads: 2,
  text: `
export const setup = () => LockFreeQueue.create(2, { start: 2 ** 31 - 1 }).handle;
export const model = queueModel({ capacity: 2 });
export const threads = [
  (handle, call) => {
    const queue = LockFreeQueue.attach(handle);
    for (const value of [1, 2, 3, 4]) call("push", value, () => queue.push(value));
  },
  (handle, call) => {
    const queue = LockFreeQueue.attach(handle);
    for (let i = 0; i < 4; i++) call("pop", undefined, () => queue.pop());
  },
];
`,
});

explored({
  name: "LockFreeQueue, batches",
  uses: "LockFreeQueue",
  threads: 2,
  text: `
export const setup = () => LockFreeQueue.create(4).handle;
export const threads = [
  (handle) => {
    const queue = LockFreeQueue.attach(handle);
    let next = 1;
    for (let i = 0; i < 3; i++) next += queue.pushMany([next, next + 1, next + 2]);
    return next;
  },
  (handle) => {
    const queue = LockFreeQueue.attach(handle);
    const got = [];
    for (let i = 0; i < 3; i++) {
      const batch = [0, 0];
      const n = queue.popMany(batch);
      got.push(...batch.slice(0, n));
    }
    return got;
  },
];
export const check = (handle, [next, got]) => {
  const queue = LockFreeQueue.attach(handle);
  for (let value = queue.pop(); value !== EMPTY; value = queue.pop()) got.push(value);
  equal(got, Array.from({ length: next - 1 }, (_, i) => i + 1), "got");
};
`,
});

explored({
  name: "LockFreeQueue, laps: what a side remembers of the other is old",
  uses: "LockFreeQueue",
  threads: 2,
  text: `
export const setup = () => LockFreeQueue.create(2, { start: -3 }).handle;
export const model = queueModel({ capacity: 2 });
export const threads = [
  (handle, call) => {
    const queue = LockFreeQueue.attach(handle);
    for (let value = 1; value <= 7; value++) call("push", value, () => queue.push(value));
  },
  (handle, call) => {
    const queue = LockFreeQueue.attach(handle);
    for (let i = 0; i < 7; i++) call("pop", undefined, () => queue.pop());
  },
];
`,
});

explored({
  name: "ByteRing, messages stay whole and in order",
  uses: "ByteRing",
  threads: 2,
  text: `
export const setup = () => {
  const ring = ByteRing.create(64);
  ring.push(new Uint8Array(20));
  ring.pop();
  return ring.handle;
};
export const threads = [
  (handle) => {
    const ring = ByteRing.attach(handle);
    return [3, 22, 17, 20].filter((length) => ring.push(new Uint8Array(length).fill(length)) === true);
  },
  (handle) => {
    const ring = ByteRing.attach(handle);
    const got = [];
    for (let i = 0; i < 4; i++) {
      const message = ring.pop();
      if (message !== EMPTY) got.push([...message]);
    }
    return got;
  },
];
export const check = (handle, [sent, got]) => {
  const ring = ByteRing.attach(handle);
  for (let message = ring.pop(); message !== EMPTY; message = ring.pop()) got.push([...message]);
  equal(got, sent.map((length) => new Array(length).fill(length)), "messages");
};
`,
});
