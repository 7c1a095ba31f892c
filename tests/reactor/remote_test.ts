/**
 * Other threads wake an event loop and send it commands; nothing is lost, and nothing is written to
 * a descriptor that is closed.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ClosedError, Deferred } from "@vais/runtime";
import {
  EventLoop,
  ReactorRuntime,
  type RemoteHandle,
  RemoteLoop,
  UnsupportedError,
} from "@vais/runtime/reactor";
import { SimulatedKernel } from "@vais/runtime/testing";
import { loopTest, put } from "../support/loops.ts";
import { test } from "../support/test.ts";
import { entry, startThread, type Thread } from "../support/threads.ts";

/** A worker that counts in shared memory and wakes after each count. */
const STORM = `
const { RemoteLoop } = await import("${entry("reactor")}");
const { handle, counter, rounds } = await messages.next();
const remote = RemoteLoop.attach(handle);
const words = new Int32Array(counter);
post("ready");
await messages.next();
for (let i = 0; i < rounds; i++) {
  Atomics.add(words, 0, 1);
  remote.wake();
}
post("done");
await messages.next();
`;

/** A worker that sends commands. */
const COMMANDS = `
const { RemoteLoop } = await import("${entry("reactor")}");
const { handle, commands, times } = await messages.next();
const remote = RemoteLoop.attach(handle);
for (let i = 0; i < times; i++) for (const command of commands) remote.postpone(command);
post("sent");
await messages.next();
post(remote.queued);
let refused;
try { remote.wake(); remote.postpone("dump"); } catch (error) { refused = error.name; }
post([refused, remote.isClosed]);
`;

/** A test of a loop with workers, which the host does not end without a trace: no count of fds. */
function workerTest(name: string, body: (loop: EventLoop) => Promise<void>): void {
  test(name, async () => {
    using loop = new EventLoop();
    await body(loop);
  });
}

async function start(code: string, message: unknown): Promise<Thread> {
  const thread = await startThread(code);
  thread.post(message);
  return thread;
}

const ROUNDS = 20_000;

/** Two workers, each of which counts and wakes; `wait` ends when the final count was seen. */
async function storm(
  handle: RemoteHandle,
  wait: (isDone: () => boolean) => Promise<void> | void,
): Promise<void> {
  const counter = new SharedArrayBuffer(4);
  const words = new Int32Array(counter);
  const message = { handle, counter, rounds: ROUNDS };
  const threads = await Promise.all([start(STORM, message), start(STORM, message)]);
  for (const thread of threads) assertEquals(await thread.next(), "ready");
  for (const thread of threads) thread.post("go");
  await wait(() => Atomics.load(words, 0) === 2 * ROUNDS);
  for (const thread of threads) {
    assertEquals(await thread.next(), "done");
    thread.post("end");
  }
  for (const thread of threads) await thread.end();
}

workerTest(
  "a storm of wakes from two workers: a running loop sees the final count",
  async (loop) => {
    await storm(loop.remote(), async (isDone) => {
      // Only onWake looks: were the last wake lost, this would never end.
      const wait = loop.onWake(() => {
        if (isDone()) wait.cancel();
      });
      await loop.run();
    });
  },
);

workerTest("the same in a loop that blocks its thread", async (loop) => {
  let seen = false;
  await storm(loop.remote(), (isDone) => {
    loop.onWake(() => seen = isDone());
    while (!seen) loop.pollEvents(-1);
  });
  assert(loop.explain().wakes > 0);
});

test("the same in a reactor runtime, awaited and blocked on", async () => {
  for (const blocks of [false, true]) {
    const runtime = new ReactorRuntime();
    const loop = runtime.getEventLoop();
    await storm(loop.remote(), async (isDone) => {
      const gate = new Deferred<void>();
      loop.onWake(() => {
        if (isDone()) gate.resolve();
      });
      const handle = runtime.spawn(() => gate);
      if (blocks) runtime.blockOn(handle);
      else await handle;
    });
    await runtime.close();
  }
});

workerTest("commands of two workers keep their order, also when the pipe is full", async (loop) => {
  const log: string[] = [];
  for (const command of ["dump", "garbage_collect", "process"] as const) {
    loop.onCommand(command, (name) => log.push(name));
  }
  const handle = loop.remote();
  const times = 40_000; // more than a pipe holds
  const threads = await Promise.all([
    start(COMMANDS, { handle, commands: ["dump", "process"], times }),
    start(COMMANDS, { handle, commands: ["garbage_collect"], times }),
  ]);
  for (const thread of threads) assertEquals(await thread.next(), "sent");
  const running = loop.run();
  while (log.length < 3 * times) await new Promise((resolve) => setTimeout(resolve, 1));
  loop.stop();
  await running;
  const ofFirst = log.filter((name) => name !== "garbage_collect");
  assert(ofFirst.every((name, i) => name === (i % 2 === 0 ? "dump" : "process")));
  assertEquals([ofFirst.length, log.length], [2 * times, 3 * times]);
  for (const thread of threads) {
    thread.post("go on");
    assertEquals(await thread.next(), 0);
    await thread.next();
    await thread.end();
  }
});

workerTest(
  "a worker's quit stops the loop; once closed, its commands are refused",
  async (loop) => {
    const waiting = loop.onCommand("process", () => {});
    const thread = await start(COMMANDS, { handle: loop.remote(), commands: ["quit"], times: 1 });
    assertEquals(await thread.next(), "sent");
    await loop.run();
    assertEquals(waiting.active, true);
    loop.close();
    thread.post("go on");
    assertEquals(await thread.next(), 0);
    assertEquals(await thread.next(), ["ClosedError", true]);
    await thread.end();
  },
);

loopTest("a remote handle is the same each time, and works in this thread too", (loop, pipes) => {
  const handle = loop.remote();
  assertEquals(loop.remote(), handle);
  const remote = RemoteLoop.attach(structuredClone(handle));
  const log: string[] = [];
  loop.onWake(() => log.push("wake"));
  loop.onCommand("dump", () => log.push("dump"));
  for (let i = 0; i < 1_000; i++) remote.wake();
  loop.pollEvents(-1);
  remote.postpone("dump");
  loop.pollEvents(-1);
  assertEquals([log, remote.queued, remote.isClosed], [["wake", "dump"], 0, false]);
  loop.close();
  assertEquals(remote.isClosed, true);
  // What has the numbers now hears nothing.
  const [readFd, writeFd] = pipes.make();
  remote.wake();
  assertThrows(() => remote.postpone("dump"), ClosedError);
  put(writeFd, "x");
  assertEquals([readFd, writeFd].length, 2);
});

test("a simulated kernel has no remote handle", () => {
  using loop = new EventLoop({ kernel: new SimulatedKernel() });
  assertThrows(() => loop.remote(), UnsupportedError, "the kernel is");
});

test("remote handles and their commands are checked at the door", () => {
  using loop = new EventLoop();
  const handle = loop.remote();
  const remote = RemoteLoop.attach(handle);
  for (
    const [call, type] of [
      [() => RemoteLoop.attach(undefined as never), TypeError],
      [() => RemoteLoop.attach(5 as never), TypeError],
      [() => RemoteLoop.attach({ ...handle, wakeFd: -1 }), RangeError],
      [() => RemoteLoop.attach({ ...handle, commandFd: "1" as never }), RangeError],
      [() => RemoteLoop.attach({ ...handle, state: new Int32Array(2) as never }), TypeError],
      [() => RemoteLoop.attach({ ...handle, state: new SharedArrayBuffer(4) }), TypeError],
      [() => remote.postpone("jump" as never), RangeError],
      [() => remote.postpone(undefined as never), TypeError],
    ] as const
  ) {
    const error = assertThrows(call, type, undefined, String(call));
    assert(/^Cannot .+: .+ \(.+\)$/.test(error.message), error.message);
  }
});
