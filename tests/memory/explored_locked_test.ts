/**
 * What has a lock: priority, deadline and multilevel queues, and the map, under every interleaving of few calls, at capacity 2 to 4.
 *
 * Where calls are recorded, every history is linearizable; elsewhere nothing is lost and nothing comes twice.
 *
 * @module
 */
import { explored } from "../support/explored.ts";

explored({
  name: "PriorityQueue, nothing lost",
  uses: "PriorityQueue",
  threads: 2,
  text: `
export const setup = () => PriorityQueue.create(2).handle;
const run = (...calls) => (handle) => {
  const queue = PriorityQueue.attach(handle);
  return calls.map((value) => value > 0 ? queue.push(value, value > 2 ? "high" : "low") : queue.pop());
};
export const threads = [run(1, 3, 0), run(2, 0, 4)];
export const check = (handle, [a, b]) => {
  const queue = PriorityQueue.attach(handle);
  const pushed = [[1, a[0]], [3, a[1]], [2, b[0]], [4, b[2]]].filter(([, answer]) => answer === true);
  const left = [];
  for (let value = queue.pop(); value !== EMPTY; value = queue.pop()) left.push(value);
  equal(numbers(a[2], b[1], left), pushed.map(([value]) => value).sort(), "items");
};
`,
});

explored({
  name: "DeadlineQueue, nothing lost",
  uses: "DeadlineQueue",
  threads: 2,
  text: `
export const setup = () => DeadlineQueue.create(2).handle;
const run = (...calls) => (handle) => {
  const queue = DeadlineQueue.attach(handle);
  return calls.map((value) => value > 0 ? queue.push(value, -value) : queue.pop());
};
export const threads = [run(1, 3, 0), run(2, 0, 4)];
export const check = (handle, [a, b]) => {
  const queue = DeadlineQueue.attach(handle);
  const pushed = [[1, a[0]], [3, a[1]], [2, b[0]], [4, b[2]]].filter(([, answer]) => answer === true);
  const left = [];
  for (let value = queue.pop(); value !== EMPTY; value = queue.pop()) left.push(value);
  equal(left, [...left].sort().reverse(), "order");
  equal(numbers(a[2], b[1], left), pushed.map(([value]) => value).sort(), "items");
};
`,
});

explored({
  name: "MultilevelQueue, three threads at its lock",
  uses: "MultilevelQueue",
  threads: 3,
  preemptions: 1,
  spinLimit: 100, // it sleeps after 64
  text: `
export const setup = () => MultilevelQueue.create(2).handle;
const push = (value, level) => (handle) => MultilevelQueue.attach(handle).push(value, level);
export const threads = [push(1, 0), push(2, 3), (handle) => {
  const queue = MultilevelQueue.attach(handle);
  const turn = queue.pop();
  return turn === EMPTY ? turn : turn.value;
}];
export const check = (handle, [, , got]) => {
  const queue = MultilevelQueue.attach(handle);
  const left = [];
  for (let turn = queue.pop(); turn !== EMPTY; turn = queue.pop()) left.push(turn.value);
  equal(numbers(got, left), [1, 2], "items");
};
`,
});

const MAP = (threads: string) => `
export const setup = () => {
  const map = ShardedMap.create(3, { shards: 1 });
  for (const key of [1, 5, 9]) map.put(key, 7); // all three begin at the same place
  return map.handle;
};
export const model = { ...mapModel(), initial: [7] };
const run = (...calls) => (handle, call) => {
  const map = ShardedMap.attach(handle);
  for (const [name, key, value] of calls) {
    if (name === "set") call("set", [key, value], () => map.put(key, value));
    if (name === "get") call("get", key, () => map.get(key));
    if (name === "delete") call("delete", key, () => map.remove(key));
  }
};
export const threads = [${threads}];
`;

explored({
  name: "ShardedMap, reading while entries move",
  uses: "ShardedMap",
  threads: 2,
  text: MAP(
    'run(["delete", 1], ["delete", 5]), run(["get", 9], ["get", 5])',
  ),
});

explored({
  name: "ShardedMap, two writers and a reader",
  uses: "ShardedMap",
  threads: 3,
  text: MAP('run(["delete", 1]), run(["set", 5, 8]), run(["get", 9], ["get", 5])'),
});

explored({
  name: "ShardedMap, sums add up",
  uses: "ShardedMap",
  threads: 3,
  preemptions: 1,
  text: `
export const setup = () => ShardedMap.create(2, { shards: 1 }).handle;
const run = (handle) => ShardedMap.attach(handle).add(5, 1);
export const threads = [run, run, run];
export const check = (_, got) => equal(got.sort(), [1, 2, 3], "sums");
`,
});

/** The first thread dies before it unlocks, and says so in a word; others go on when it is recovered. */
const DYING = (structure: string, act: string, others: string) => `
export const setup = () => ({ handle: ${structure}.create(4, { worker: 9 }).handle, dead: words(1) });
const attach = (handle, worker) => ${structure}.attach(handle, { worker });
const dies = ({ handle, dead }) => {
  const view = attach(handle, 1);
  const { exchange } = Atomics;
  Atomics.exchange = () => {
    throw new Error("died");
  };
  try {
    view.${act};
  } catch {
    Atomics.store(dead, 0, 1);
  } finally {
    Atomics.exchange = exchange;
  }
};
const recovers = (worker) => ({ handle, dead }) => {
  const view = attach(handle, worker);
  until((is) => is === 1, () => Atomics.load(dead, 0));
  return view.recover(1);
};
export const threads = [dies, ${others}];
`;

explored({
  name: "PriorityQueue, who waits for a dead worker's lock goes on when it is recovered",
  uses: "PriorityQueue",
  threads: 3,
  spinLimit: 100,
  text: `${
    DYING("PriorityQueue", "push(1)", "recovers(2), ({ handle }) => attach(handle, 3).push(2)")
  }
export const check = ({ handle }, [, recovered]) => {
  const queue = attach(handle, 9);
  equal([recovered, queue.holder === undefined, queue.drain().sort()], [true, true, [1, 2]], "after");
};
`,
});

explored({
  name: "PriorityQueue, one of two recovers, and both may use it at once",
  uses: "PriorityQueue",
  threads: 3,
  spinLimit: 100,
  text: `${
    DYING(
      "PriorityQueue",
      "push(1)",
      "(state) => [recovers(2)(state), attach(state.handle, 2).pop()], recovers(3)",
    )
  }
export const check = ({ handle }, [, [first, popped], second]) => {
  const queue = attach(handle, 9);
  equal([first !== second, popped, queue.holder === undefined, queue.size], [true, 1, true, 0], "after");
};
`,
});

explored({
  name: "ShardedMap, readers and writers go on when a dead worker's shard is recovered",
  uses: "ShardedMap",
  threads: 3,
  preemptions: 1,
  spinLimit: 100,
  text: `${
    DYING(
      "ShardedMap",
      "remove(1)",
      "recovers(2), ({ handle }) => { const map = attach(handle, 3); return [map.put(5, 8), map.get(9)]; }",
    ).replace(
      "handle: ShardedMap.create(4, { worker: 9 }).handle",
      "handle: (() => { const map = ShardedMap.create(3, { shards: 1, worker: 9 }); for (const key of [1, 5, 9]) map.put(key, 7); return map.handle; })()",
    )
  }
export const check = ({ handle }, [, recovered, [put, got]]) => {
  const map = attach(handle, 9);
  equal([recovered, put, got, map.holders], [true, true, 7, []], "after");
  equal([map.get(1) ?? 0, map.get(5), map.get(9), map.count], [0, 8, 7, 2], "entries");
};
`,
});

explored({
  name: "PriorityQueue, a waiter that dies when it is woken keeps nobody asleep after recover",
  uses: "PriorityQueue",
  threads: 4,
  spinLimit: 100,
  text: `
export const setup = () => ({ handle: PriorityQueue.create(4, { worker: 9 }).handle, dead: words(1) });
const push = (worker) => ({ handle }) => PriorityQueue.attach(handle, { worker }).push(worker);
const diesAwake = ({ handle, dead }) => {
  const view = PriorityQueue.attach(handle, { worker: 2 });
  const { load, wait } = Atomics;
  Atomics.wait = (...args) => {
    Atomics.load = () => {
      throw new Error("died");
    };
    return wait(...args);
  };
  try {
    view.push(2);
  } catch {
    return "died";
  } finally {
    Object.assign(Atomics, { load, wait });
    Atomics.store(dead, 0, 1);
  }
};
export const threads = [push(1), diesAwake, push(3), ({ handle, dead }) => {
  const view = PriorityQueue.attach(handle, { worker: 4 });
  until((is) => is === 1, () => Atomics.load(dead, 0));
  return view.recover(2);
}];
export const check = ({ handle }, [, died, , recovered]) => {
  const queue = PriorityQueue.attach(handle, { worker: 9 });
  equal([recovered, queue.holder === undefined], [false, true], "after");
  equal(queue.drain().sort(), died === "died" ? [1, 3] : [1, 2, 3], "items");
};
`,
});
