/**
 * Histories of real workers, recorded with a shared ticket, are linearizable.
 *
 * Each worker makes a few hundred random calls in bursts; between bursts all wait for each other, so that
 * the check has places where nothing is going on.
 *
 * @module
 */
import { assert } from "@std/assert";
import {
  checkLinearizable,
  dequeModel,
  mapModel,
  queueModel,
  type RecordedCall,
  type SequentialModel,
  showHistory,
  stackModel,
} from "@vais/runtime/testing";
import { ChaseLevDeque, LockFreeStack, MpmcQueue, ShardedMap } from "@vais/runtime/memory";
import { test } from "../support/test.ts";
import { entry, startThread } from "../support/threads.ts";

const BURSTS = 60;
const CALLS = 20;

/** `body`: text that makes call number `n` of `thread` by `call(name, input, run)`. */
async function record(
  handle: { kind: string },
  workers: number,
  body: string,
): Promise<RecordedCall[]> {
  const words = new Int32Array(new SharedArrayBuffer(256)); // ticket, and who has arrived
  const code = `
const { ${handle.kind} } = await import("${entry("memory")}");
const { handle, words, thread, workers } = await messages.next();
const it = ${handle.kind}.attach(handle);
const history = [];
const call = (name, input, run) => {
  const invoked = Atomics.add(words, 0, 1);
  const output = run();
  const returned = Atomics.add(words, 0, 1);
  const plain = typeof output === "symbol" ? output.description : output;
  history.push({ thread, name, input, output: plain, invoked, returned });
};
let seed = thread + 1;
const random = (below) => (seed = Math.imul(seed, 1664525) + 1013904223 | 0, (seed >>> 8) % below);
for (let burst = 0; burst < ${BURSTS}; burst++) {
  Atomics.add(words, 32, 1);
  for (let i = 0; Atomics.load(words, 32) < (burst + 1) * workers; i++) {
    if (i > 5000) Atomics.wait(words, 33, 0, 0.01);
  }
  for (let i = 0; i < ${CALLS}; i++) {
    const n = thread * 100000 + burst * ${CALLS} + i;
    ${body}
  }
}
post(history);`;
  const threads = await Promise.all(Array.from({ length: workers }, () => startThread(code)));
  try {
    threads.forEach((one, thread) => one.post({ handle, words, thread, workers }));
    const histories = await Promise.all(threads.map((thread) => thread.next()));
    return histories.flat() as RecordedCall[];
  } finally {
    for (const thread of threads) await thread.end();
  }
}

function assertLinearizable<S>(history: RecordedCall[], model: SequentialModel<S>): void {
  const result = checkLinearizable(history, model);
  const at = result.order.length;
  assert(
    result.linearizable,
    `stuck after ${at} calls; then\n${
      showHistory(history.filter((c) => !result.order.includes(c)))
    }`
      .slice(0, 4000),
  );
  const overlaps = history.filter((a) =>
    history.some((b) => a.thread !== b.thread && a.invoked < b.invoked && b.invoked < a.returned)
  );
  console.log(`${history.length} calls, ${overlaps.length} overlapping, ${result.tried} tried`);
}

const PUSH_OR_POP = `
if (random(2) === 0) call("push", n, () => it.push(n));
else call("pop", undefined, () => it.pop());`;

test("MpmcQueue: histories of three workers are linearizable", async () => {
  const queue = MpmcQueue.create(4);
  assertLinearizable(await record(queue.handle, 3, PUSH_OR_POP), queueModel({ capacity: 4 }));
});

test("LockFreeStack: histories of three workers are linearizable", async () => {
  // Large enough never to be full: what is being pushed and popped takes room too.
  const stack = LockFreeStack.create(2000);
  assertLinearizable(await record(stack.handle, 3, PUSH_OR_POP), stackModel());
});

test("ChaseLevDeque: histories of an owner and two thieves are linearizable", async () => {
  const deque = ChaseLevDeque.create(4);
  const body = `
if (thread > 0) call("steal", undefined, () => it.steal());
else if (random(3) > 0) call("push", n, () => it.push(n));
else call("pop", undefined, () => it.pop());`;
  assertLinearizable(await record(deque.handle, 3, body), dequeModel({ capacity: 4 }));
});

test("ShardedMap: histories of three workers are linearizable", async () => {
  const map = ShardedMap.create(8, { shards: 2 });
  const body = `
const key = random(4);
const kind = random(4);
if (kind === 0) call("set", [key, n], () => it.put(key, n));
else if (kind === 1) call("delete", key, () => it.remove(key));
else if (kind === 2) call("has", key, () => it.has(key));
else call("get", key, () => it.get(key));`;
  assertLinearizable(await record(map.handle, 3, body), mapModel());
});
