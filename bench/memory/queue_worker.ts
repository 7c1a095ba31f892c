/**
 * One end of a queue in the memory benches.
 *
 * @module
 */
import {
  Backoff,
  ByteRing,
  EMPTY,
  type Handle,
  LockFreeQueue,
  MpmcQueue,
} from "@vais/runtime/memory";
import { ringbuf } from "../peers.ts";
import { MutexQueue } from "./mutex_queue.ts";
import { serve } from "./threads.ts";

/** What a worker is to do. */
export interface QueueJob {
  readonly kind: string;
  readonly role: "produce" | "consume" | "pairs";
  readonly count: number;
  /** Both ends count in it, and begin when both are there. */
  readonly gate: Int32Array;
  readonly handle?: Handle;
  readonly buffer?: SharedArrayBuffer;
  readonly port?: MessagePort;
}

/** Length of the messages. */
export const MESSAGE_BYTES = 200;
const BATCH = 64;

/** What the ends of one kind of queue do. `add`: true when done. `take`: the value, or -1 when there was none. */
interface Ends {
  add(value: number): boolean;
  take(): number;
}

async function endsOf(job: QueueJob): Promise<Ends> {
  const bytes = new Uint8Array(MESSAGE_BYTES);
  switch (job.kind) {
    case "mpmc": {
      const queue = MpmcQueue.attach(job.handle as Handle<"MpmcQueue">);
      return {
        add: (value) => queue.push(value) === true,
        take: () => {
          const value = queue.pop();
          return typeof value === "number" ? value : -1;
        },
      };
    }
    case "spsc": {
      const queue = LockFreeQueue.attach(job.handle as Handle<"LockFreeQueue">);
      return {
        add: (value) => queue.push(value) === true,
        take: () => {
          const value = queue.pop();
          return value === EMPTY ? -1 : value;
        },
      };
    }
    case "mutex": {
      const queue = new MutexQueue(job.buffer!);
      return { add: (value) => queue.push(value), take: () => queue.pop() ?? -1 };
    }
    case "bytes": {
      const ring = ByteRing.attach(job.handle as Handle<"ByteRing">);
      return {
        add: (value) => {
          bytes[0] = value;
          return ring.push(bytes) === true;
        },
        take: () => ring.popInto(bytes) === EMPTY ? -1 : bytes[0]!,
      };
    }
    case "ringbuf": {
      const { RingBuffer } = await ringbuf();
      const ring = new RingBuffer(job.buffer!, Uint8Array);
      return {
        add: (value) => {
          bytes[0] = value;
          if (ring.available_write() < MESSAGE_BYTES) return false;
          ring.push(bytes, MESSAGE_BYTES);
          return true;
        },
        take: () => {
          if (ring.available_read() < MESSAGE_BYTES) return -1;
          ring.pop(bytes, MESSAGE_BYTES);
          return bytes[0]!;
        },
      };
    }
    default:
      throw new Error(`no queue ${job.kind}`);
  }
}

function begin(gate: Int32Array): void {
  Atomics.add(gate, 0, 1);
  while (Atomics.load(gate, 0) < 2);
}

function produce(ends: Ends, count: number): number {
  const backoff = new Backoff();
  for (let i = 0; i < count; i++) {
    if (ends.add(i & 255)) continue;
    do backoff.snooze(); while (!ends.add(i & 255));
    backoff.reset();
  }
  return 0;
}

function consume(ends: Ends, count: number): number {
  const backoff = new Backoff();
  let sum = 0;
  for (let i = 0; i < count; i++) {
    let value = ends.take();
    if (value < 0) {
      do {
        backoff.snooze();
        value = ends.take();
      } while (value < 0);
      backoff.reset();
    }
    sum += value;
  }
  return sum;
}

/** Pushes and pops in turn, as the other thread does; answers how long each pair took, in ns. */
function pairs(ends: Ends, count: number): Float64Array {
  const took = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    while (!ends.add(i & 255));
    while (ends.take() < 0);
    took[i] = (performance.now() - start) * 1e6;
  }
  return took;
}

function batches(job: QueueJob): number {
  const queue = LockFreeQueue.attach(job.handle as Handle<"LockFreeQueue">);
  const batch = new Int32Array(BATCH);
  const backoff = new Backoff();
  let sum = 0;
  for (let done = 0; done < job.count;) {
    if (job.role === "produce") {
      for (let i = 0; i < BATCH; i++) batch[i] = (done + i) & 255;
      for (let sent = 0; sent < BATCH;) {
        const count = queue.pushMany(batch, sent);
        sent += count;
        if (count === 0) backoff.snooze();
        else backoff.reset();
      }
      done += BATCH;
    } else {
      const count = queue.popMany(batch);
      if (count === 0) backoff.snooze();
      else backoff.reset();
      for (let i = 0; i < count; i++) sum += batch[i]!;
      done += count;
    }
  }
  return sum;
}

/** Numbers or messages through a port, 1000 in flight. */
function overPort({ port, role, count, kind }: QueueJob): Promise<number> {
  const content = (i: number) =>
    kind === "port" ? i & 255 : new Uint8Array(MESSAGE_BYTES).fill(i, 0, 1);
  return new Promise((resolve) => {
    let done = 0;
    let sum = 0;
    const send = () => {
      for (const end = Math.min(count, done + 1_000); done < end;) {
        port!.postMessage(content(done++));
      }
      if (done >= count) resolve(0);
    };
    port!.onmessage = ({ data }) => {
      if (role === "produce") return send();
      sum += kind === "port" ? data : data[0];
      if (++done % 500 === 0) port!.postMessage(0);
      if (done === count) resolve(sum);
    };
    if (role === "produce") send();
  });
}

await serve(async (job: QueueJob) => {
  if (job.port !== undefined) return await overPort(job);
  if (job.kind === "spsc batched") {
    begin(job.gate);
    return batches(job);
  }
  const ends = await endsOf(job);
  begin(job.gate);
  if (job.role === "produce") return produce(ends, job.count);
  return job.role === "consume" ? consume(ends, job.count) : pairs(ends, job.count);
});
