/**
 * A worker of the benches of stack, map and priority queue.
 *
 * @module
 */
import {
  Backoff,
  EMPTY,
  type Handle,
  LockFreeStack,
  PRIORITIES,
  PriorityQueue,
  ShardedMap,
} from "@vais/runtime/memory";
import { ArrayLanes } from "./lanes.ts";
import { MutexStack } from "./mutex_stack.ts";
import { isChange, keyOf, KEYS, levelOf, type StructureJob } from "./structure_jobs.ts";
import { serve } from "./threads.ts";

/** Messages that may be under way. */
const AHEAD = 1_000;

function begin(gate: Int32Array): void {
  Atomics.add(gate, 0, 1);
  while (Atomics.load(gate, 0) < 2);
}

/** Pushes and pops in turn; answers how long each pair took, in ns. */
function pairs(push: (value: number) => boolean, pop: () => number, count: number): Float64Array {
  const took = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    while (!push(i & 255));
    while (pop() < 0);
    took[i] = (performance.now() - start) * 1e6;
  }
  return took;
}

function stack({ handle, gate, count }: StructureJob): Float64Array {
  const stack = LockFreeStack.attach(handle as Handle<"LockFreeStack">);
  begin(gate);
  return pairs((value) => stack.push(value) === true, () => {
    const value = stack.pop();
    return value === EMPTY ? -1 : value;
  }, count);
}

function mutexStack({ buffer, gate, count }: StructureJob): Float64Array {
  const stack = new MutexStack(buffer!);
  begin(gate);
  return pairs((value) => stack.push(value), () => stack.pop() ?? -1, count);
}

/** Answers how many keys were found. */
function map({ handle, gate, count, role }: StructureJob): number {
  const map = ShardedMap.attach(handle as Handle<"ShardedMap">);
  let found = 0;
  begin(gate);
  for (let i = role === "first" ? 0 : 1; i < 2 * count; i += 2) {
    if (isChange(i >> 1)) map.put(keyOf(i), i);
    else if (map.get(keyOf(i)) !== undefined) found++;
  }
  return found;
}

/** The same from a worker that has the Map: the second asks, the first answers. */
function mapByMessages({ port, role, count }: StructureJob): Promise<number> {
  return new Promise((resolve) => {
    let found = 0;
    let done = 0;
    let asked = 0;
    const own = new Map<number, number>();
    for (let key = 0; key < KEYS; key++) own.set(key, key);
    const ask = () => {
      for (const end = Math.min(count, done + AHEAD); asked < end; asked++) {
        port!.postMessage(
          isChange(asked) ? { key: keyOf(asked), value: asked } : { key: keyOf(asked) },
        );
      }
    };
    port!.onmessage = ({ data }) => {
      done++;
      if (role === "first") {
        if (data.value !== undefined) own.set(data.key, data.value);
        port!.postMessage(data.value === undefined ? own.get(data.key) : 0);
        if (done === count) resolve(0);
        return;
      }
      if (data !== undefined) found++;
      if (done === count) resolve(found);
      else if (asked - done < AHEAD / 2) ask();
    };
    if (role === "second") ask();
  });
}

/** The first adds with a level, the second takes; answers the sum. */
function priority({ handle, gate, count, role }: StructureJob): number {
  const queue = PriorityQueue.attach(handle as Handle<"PriorityQueue">);
  const backoff = new Backoff();
  let sum = 0;
  begin(gate);
  for (let i = 0; i < count; i++) {
    if (role === "first") {
      while (queue.push(i & 255, PRIORITIES[levelOf(i)]) !== true) backoff.snooze();
    } else {
      let value = queue.pop();
      while (value === EMPTY) {
        backoff.snooze();
        value = queue.pop();
      }
      sum += value;
    }
    backoff.reset();
  }
  return sum;
}

/** The same by messages: the second has the levels. */
function priorityByMessages({ port, role, count }: StructureJob): Promise<number> {
  return new Promise((resolve) => {
    const lanes = new ArrayLanes();
    let sum = 0;
    let done = 0;
    const send = () => {
      for (const end = Math.min(count, done + AHEAD); done < end; done++) {
        port!.postMessage({ value: done & 255, level: levelOf(done) });
      }
      if (done >= count) resolve(0);
    };
    port!.onmessage = ({ data }) => {
      if (role === "first") return send();
      lanes.push(data.value, data.level);
      sum += lanes.pop()!;
      if (++done % (AHEAD / 2) === 0) port!.postMessage(0);
      if (done === count) resolve(sum);
    };
    if (role === "first") send();
  });
}

const WORK: Record<string, (job: StructureJob) => unknown> = {
  "stack": stack,
  "mutex stack": mutexStack,
  "map": map,
  "map by messages": mapByMessages,
  "priority": priority,
  "priority by messages": priorityByMessages,
};

await serve((job: StructureJob) => WORK[job.kind]!(job));
