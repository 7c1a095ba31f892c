/**
 * Every adapter with a cancel at every point: no listener, lock, source, socket or process is left.
 *
 * What lies in this process is swept in virtual time, checkpoint by checkpoint. Sockets and processes of
 * the system are cancelled after each number of turns of the host's loop, until they have come to their end.
 *
 * @module
 */
import { assert, assertThrows } from "@std/assert";
import { spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { createServer, type Socket } from "node:net";
import process from "node:process";
import {
  closing,
  debounce,
  events,
  fromReadable,
  mapConcurrent,
  merge,
  nextEvent,
  pipeInto,
  processEnd,
  scope,
  sleep,
  TaskGroup,
  throttle,
  TimeoutError,
  toReadable,
  withFetch,
  yieldNow,
  zip,
} from "@vais/runtime";
import { type SimulatedRuntime, sweepCancellation } from "@vais/runtime/testing";
import { test } from "../support/test.ts";

/** Spawns tasks; answers what is left behind, all of which must be 0 or false. */
type Program = (runtime: SimulatedRuntime) => () => unknown[];

/** A source that knows whether it is open. */
function source(log: { open: number }, count = 3) {
  return function* () {
    log.open++;
    try {
      for (let n = 1; n <= count; n++) yield n;
    } finally {
      log.open--;
    }
  };
}

async function drain(iterable: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of iterable) await yieldNow();
}

/** Two iterators of one kind, over sources that are counted. */
function overSources(
  make: (one: Iterable<number>, two: Iterable<number>) => AsyncIterable<unknown>,
): Program {
  return (runtime) => {
    const log = { open: 0 };
    for (const name of ["one", "two"]) {
      runtime.spawn(() => scope(() => drain(make(source(log)(), source(log)()))), { name });
    }
    return () => [log.open];
  };
}

const PROGRAMS: Record<string, Program> = {
  events: (runtime) => {
    const emitter = new EventEmitter();
    runtime.spawn(() =>
      scope(function* (s) {
        s.spawn(() => drain(events(emitter, "tick")), { name: "reader", background: true });
        s.spawn(async () => {
          for await (const _ of events(emitter, "tick")) break;
        }, { name: "leaver", background: true });
        for (let i = 0; i < 4; i++) {
          yield* yieldNow();
          emitter.emit("tick", i);
        }
      }), { name: "emitter" });
    return () => [emitter.listenerCount("tick"), emitter.listenerCount("error")];
  },
  nextEvent: (runtime) => {
    const emitter = new EventEmitter();
    for (const name of ["one", "two"]) {
      runtime.spawn(function* () {
        try {
          yield* nextEvent(emitter, "tick").timeout(5);
        } catch (error) {
          if (!(error instanceof TimeoutError)) throw error; // nobody emitted
        }
      }, { name });
    }
    runtime.spawn(function* () {
      yield* yieldNow();
      emitter.emit("tick");
    }, { name: "emitter" });
    return () => [emitter.listenerCount("tick"), emitter.listenerCount("error")];
  },
  fromReadable: (runtime) => {
    const streams = [1, 2].map(() =>
      new ReadableStream<number>({
        start(controller) {
          for (const n of [1, 2, 3]) controller.enqueue(n);
          controller.close();
        },
      })
    );
    for (const stream of streams) {
      runtime.spawn(() => scope(() => drain(fromReadable(stream))), { name: "reader" });
    }
    return () => streams.map((stream) => stream.locked);
  },
  toReadable: (runtime) => {
    const log = { open: 0 };
    runtime.spawn(() => scope(() => drain(fromReadable(toReadable(source(log)())))), {
      name: "reader",
    });
    return () => [log.open];
  },
  pipeInto: (runtime) => {
    const log = { open: 0 };
    const stream = new WritableStream<number>();
    runtime.spawn(() => pipeInto(source(log)(), stream), { name: "writer" });
    return () => [log.open, stream.locked];
  },
  closing: (runtime) => {
    const log = { open: 0 };
    runtime.spawn(() =>
      scope(() => {
        log.open++;
        return drain(closing({
          async *[Symbol.asyncIterator]() {
            for (const n of [1, 2]) {
              await yieldNow();
              yield n;
            }
          },
          close: () => void log.open--,
        }));
      }), { name: "reader" });
    return () => [log.open];
  },
  mapConcurrent: overSources((one) =>
    mapConcurrent(one, { limit: 2 }, function* (n) {
      yield* yieldNow();
      return n;
    })
  ),
  merge: overSources((one, two) => merge(one, two)),
  zip: overSources((one, two) => zip(one, two)),
  debounce: overSources((one) => debounce(one, 1)),
  throttle: overSources((one) => throttle(one, 1)),
};

for (const [name, program] of Object.entries(PROGRAMS)) {
  test(`${name}: cancelled anywhere, nothing is left`, async () => {
    const { runs } = await sweepCancellation(program, (left) => {
      for (const value of left()) assert(value === 0 || value === false, `${value} left`);
    });
    assert(runs >= 5, `${runs} runs`);
  });
}

/** Cancels `body` after 0, 1, 2, … turns of the host's loop, until it ends before its cancel. */
async function cancelAfterEachTurn(
  most: number,
  body: () => PromiseLike<unknown>,
  check: () => void | Promise<void>,
): Promise<number> {
  for (let turns = 0; turns < most; turns++) {
    const group = new TaskGroup({ name: `cancelled after ${turns} turns` });
    const task = group.spawn(async () => void await body());
    const driven = group.run().then(undefined, () => {});
    for (let i = 0; i < turns && !task.isFinished; i++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const isOver = task.isFinished;
    await group.cancelAndJoin();
    await driven;
    await check();
    if (isOver) return turns;
  }
  return most;
}

test("withFetch: cancelled after any number of turns, no connection is left", async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    socket.on("data", () => {
      socket.write("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 10\r\n\r\nhello");
      setTimeout(() => socket.end("world"), 2);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  try {
    const init = { headers: { connection: "close" } };
    await cancelAfterEachTurn(
      60,
      () => withFetch(`http://127.0.0.1:${port}/`, init, (response) => response.text()),
      async () => {
        while (sockets.size > 0) await sleep(1);
      },
    );
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test("processEnd: cancelled after any number of turns, no process is left", async () => {
  const pids: number[] = [];
  await cancelAfterEachTurn(20, () => {
    const child = spawn("/bin/sh", ["-c", "exec sleep 30"], { stdio: "ignore" });
    pids.push(child.pid!);
    return processEnd(child, { graceMs: 1_000 });
  }, () => {
    for (const pid of pids) assertThrows(() => process.kill(pid, 0), Error, "ESRCH");
  });
  assert(pids.length >= 5, `${pids.length} processes`);
});
