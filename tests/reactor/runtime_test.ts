/**
 * The runtime that waits in the kernel: beside the host, with its timers, and at its end.
 *
 * @module
 */
import process from "node:process";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  DeadlockError,
  failuresOf,
  PENDING,
  Runtime,
  scope,
  type Waker,
  yieldNow,
} from "@vais/runtime";
import {
  close,
  EventLoop,
  type FdStream,
  getReactor,
  pipe,
  reactorBlockOn,
  reactorInit,
  reactorRun,
  ReactorRuntime,
  reactorSpawn,
  read,
  sleepMs,
  streamPair,
  waitReadable,
  waitWritable,
  write,
} from "@vais/runtime/reactor";
import { runProgram } from "../support/programs.ts";
import { test } from "../support/test.ts";

/** Messages go to and fro until `isOver`; answers how many. */
function* pingPong(a: FdStream, isOver: () => boolean): Generator<unknown, number> {
  const buffer = new Uint8Array(8);
  let trips = 0;
  while (!isOver()) {
    yield* a.writeAll(buffer);
    yield* a.readFull(buffer);
    trips++;
  }
  a.closeWrite();
  return trips;
}

function* echo(b: FdStream): Generator<unknown, void> {
  const buffer = new Uint8Array(8);
  while ((yield* b.readFull(buffer)) > 0) yield* b.writeAll(buffer);
}

test("host timers and promises go on while the reactor is saturated", async () => {
  const runtime = new ReactorRuntime();
  const [a, b] = streamPair();
  let timers = 0;
  let promises = 0;
  const interval = setInterval(() => timers++, 1);
  const chain = (async () => {
    while (timers < 30) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      promises++;
    }
  })();
  const trips = runtime.spawn(() => pingPong(a, () => timers >= 30));
  const echoing = runtime.spawn(() => echo(b));
  assert(await trips > 0);
  await echoing;
  await chain;
  clearInterval(interval);
  assert(promises > 0);
  a.close();
  b.close();
  await runtime.close();
});

test("tasks that are busy do not keep descriptors waiting", async () => {
  const runtime = new ReactorRuntime();
  const [a, b] = streamPair();
  let turns = 0;
  let heardAt = -1;
  const busy = runtime.spawn(function* () {
    while (heardAt < 0) {
      turns++;
      yield* yieldNow();
    }
  });
  runtime.spawn(function* () {
    yield* a.read(new Uint8Array(1));
    heardAt = turns;
  });
  runtime.spawn(function* (task) {
    yield* task.sleep(2);
    yield* b.write(new Uint8Array(1));
  });
  await busy;
  assert(heardAt > 0);
  await runtime.run();
  a.close();
  b.close();
  await runtime.close();
});

test("timers are never early, with and without descriptors", async () => {
  const runtime = new ReactorRuntime();
  const [a, b] = streamPair();
  const waiting = runtime.spawn(() => a.read(new Uint8Array(1)));
  const early: number[] = [];
  await scope((s) => {
    for (let ms = 0; ms < 40; ms++) {
      s.spawn(function* () {
        const start = performance.now();
        yield* runtime.sleep(ms);
        const passed = performance.now() - start;
        if (passed < ms) early.push(ms - passed);
      });
    }
  }, { runtime });
  runtime.blockOn(function* () {
    for (const ms of [1, 3, 7]) {
      const start = performance.now();
      yield* runtime.sleep(ms);
      if (performance.now() - start < ms) early.push(ms);
    }
  });
  assertEquals(early, []);
  assert(!waiting.isFinished);
  a.close();
  await assertRejects(() => waiting.then());
  b.close();
  await runtime.close();
});

test("a parked reactor does not use the processor", async () => {
  const runtime = new ReactorRuntime();
  const streams: FdStream[] = [];
  for (let i = 0; i < 20; i++) {
    const [a, b] = streamPair();
    streams.push(a, b);
    runtime.spawn(() => a.read(new Uint8Array(1)).catch(() => 0));
  }
  await runtime.spawn((task) => task.sleep(20));
  const before = runtime.metrics();
  await runtime.spawn((task) => task.sleep(300));
  const after = runtime.metrics();
  // Counted, not timed: it turned only for the timer and its two tasks.
  assert(after.turns - before.turns < 20, `${after.turns - before.turns} turns`);
  assert(after.parks - before.parks < 20, `${after.parks - before.parks} parks`);
  for (const stream of streams) stream.close();
  await runtime.run();
  await runtime.close();
});

test("the Vais form: a poll function waits for a descriptor inside its poll", async () => {
  const runtime = new ReactorRuntime();
  const { readFd, writeFd } = pipe();
  const loop = runtime.getEventLoop();
  let polls = 0;
  const state = { registered: false };
  const handle = runtime.spawn(state, (s: typeof state, waker: Waker) => {
    polls++;
    if (s.registered) return "readable";
    s.registered = true;
    loop.registerRead(readFd, waker);
    return PENDING;
  });
  runtime.spawn(function* (task) {
    yield* task.sleep(2);
    yield* write(writeFd, new Uint8Array(1));
  });
  assertEquals(await handle, "readable");
  assertEquals(polls, 2);
  await runtime.run();
  close(readFd);
  close(writeFd);
  await runtime.close();
});

test("a plain Runtime waits for descriptors too: the reactor of the thread drives itself", async () => {
  const plain = new Runtime();
  const { readFd, writeFd } = pipe();
  const got = plain.spawn(function* () {
    return yield* read(readFd, new Uint8Array(8));
  });
  plain.spawn(function* (task) {
    yield* task.sleep(3);
    yield* write(writeFd, new Uint8Array(5));
  });
  assertEquals(await got, 5);
  // Cancelled, it lets go of the reactor.
  const cancelled = plain.spawn(() => read(readFd, new Uint8Array(8)));
  await plain.spawn((task) => task.sleep(2));
  cancelled.cancel();
  await assertRejects(() => cancelled.then());
  assertEquals(getReactor().getEventLoop().sourceCount, 0);
  assertThrows(() => plain.blockOn(() => read(readFd, new Uint8Array(1))), DeadlockError);
  close(readFd);
  close(writeFd);
  await plain.close();
  await getReactor().close();
});

test("a stream is waited for by the runtime that uses it, whoever made it", async () => {
  const [a, b] = streamPair(); // of the thread's reactor
  const first = new ReactorRuntime();
  const got = first.spawn(() => a.read(new Uint8Array(8)));
  await first.spawn((task) => task.sleep(1));
  assertEquals([getReactor(), first].map((one) => one.getEventLoop().sourceCount), [0, 1]);
  // The other direction meanwhile, from host code: it stays where somebody waits.
  await a.write(new Uint8Array(1));
  await b.write(new Uint8Array(2));
  assertEquals(await got, 2);
  await first.close();
  const second = new ReactorRuntime();
  const again = second.spawn(() => a.readFull(new Uint8Array(4)));
  await second.spawn((task) => task.sleep(1));
  assertEquals(second.getEventLoop().sourceCount, 1);
  // Blocking, two in one runtime.
  second.blockOn(() => b.writeAll(new Uint8Array(4)));
  assertEquals(await again, 4);
  a.close();
  b.close();
  await second.close();
  await getReactor().close();
});

test("blockOn, right after an await that slept, takes what comes: no wait beside the thread does", async () => {
  for (let i = 0; i < 50; i++) {
    const runtime = new ReactorRuntime();
    const { readFd, writeFd } = pipe();
    const writer = () =>
      runtime.spawn(function* (task) {
        yield* task.sleep(1);
        yield* write(writeFd, new Uint8Array(1));
      });
    writer();
    await runtime.spawn(() => read(readFd, new Uint8Array(1)));
    writer();
    assertEquals(runtime.blockOn(() => read(readFd, new Uint8Array(1))), 1);
    close(readFd);
    close(writeFd);
    await runtime.close();
  }
});

test("the globals use the reactor of the thread", async () => {
  assertEquals(reactorInit(), getReactor());
  const { readFd, writeFd } = pipe();
  const handle = reactorSpawn(function* () {
    yield* waitWritable(writeFd);
    yield* write(writeFd, new Uint8Array(1));
    yield* waitReadable(readFd);
    yield* sleepMs(1);
    return "done";
  });
  await reactorRun();
  assertEquals(handle.outcome(), { status: "ok", value: "done" });
  assertEquals(reactorBlockOn(() => waitReadable(readFd).map(() => "blocked")), "blocked");
  close(readFd);
  close(writeFd);
  await getReactor().close();
  assert(reactorInit() !== undefined, "a closed one is replaced");
});

test("failures of tasks that wait for descriptors are told by run()", async () => {
  const runtime = new ReactorRuntime();
  runtime.spawn(() => runtime.readable(2 ** 30));
  const error = await assertRejects(() => runtime.run());
  assertEquals(failuresOf(error).length, 1);
  await runtime.close();
});

test("options are checked at the door", () => {
  assertThrows(() => new ReactorRuntime(5 as never), TypeError, "options");
  assertThrows(() => new ReactorRuntime({ backend: "iocp" as never }), RangeError, "backend");
  assertThrows(() => new ReactorRuntime({ maxEvents: 0 }), RangeError, "maxEvents");
  assertThrows(() => new EventLoop({ maxEvents: 1.5 }), RangeError, "maxEvents");
  const runtime = new ReactorRuntime();
  assertThrows(() => runtime.readable(-1), RangeError, "fd");
  assertThrows(() => runtime.readable("1" as never), TypeError, "fd");
  assertThrows(() => runtime.sleepMs(-1), RangeError);
});

const IMPORTS =
  `import { getReactor, pipe, read, ReactorRuntime, write } from "@vais/runtime/reactor";
const { readFd, writeFd } = pipe();
`;

test("a process ends by itself once nobody waits", async () => {
  // After a wait that was given up, the host must not be kept by what watched the kernel.
  const ended = await runProgram(`${IMPORTS}
await read(readFd, new Uint8Array(1)).timeout(20).then(() => {}, (error) => console.log(error.code));
const runtime = new ReactorRuntime();
await runtime.spawn(() => runtime.readable(readFd).timeout(20)).then(() => {}, () => {});
console.log("over");
`);
  assertEquals(ended, { code: 0, signal: null, out: "ERR_TIMEOUT\nover\n" });
});

test("a process stays while a descriptor is waited for, and only then", async () => {
  const ended = await runProgram(`${IMPORTS}
setTimeout(() => void write(writeFd, new Uint8Array(3)).then(() => {}), 50);
const runtime = new ReactorRuntime();
const task = runtime.spawn(() => runtime.readable(readFd));
await runtime.run();
console.log(task.isFinished);
`);
  assertEquals(ended, { code: 0, signal: null, out: "true\n" });
});

test("what is left waiting does not keep a process that ends itself", async () => {
  const ended = await runProgram(`${IMPORTS}
import process from "node:process";
void read(readFd, new Uint8Array(1)).then(() => {});
setTimeout(() => process.exit(7), 50);
`);
  assertEquals(ended.code, 7);
});

test("SIGCHLD and other signals do not disturb a wait in the kernel", async () => {
  if (process.platform === "win32") return;
  const ended = await runProgram(`${IMPORTS}
import process from "node:process";
let signals = 0;
process.on("SIGUSR2", () => signals++);
const runtime = new ReactorRuntime();
const storm = setInterval(() => process.kill(process.pid, "SIGUSR2"), 1);
const start = performance.now();
const reading = runtime.spawn(() => read(readFd, new Uint8Array(1)));
await runtime.spawn((task) => task.sleep(100));
console.log(reading.isFinished, performance.now() - start >= 100);
runtime.spawn(() => write(writeFd, new Uint8Array(1)));
console.log(await reading);
clearInterval(storm);
console.log(signals > 5);
process.exit(0);
`);
  assertEquals(ended, { code: 0, signal: null, out: "false true\n1\ntrue\n" });
});
