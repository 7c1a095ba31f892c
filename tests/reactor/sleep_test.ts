/**
 * How a reactor sleeps beside its host: what ends the sleep, and what keeps the process meanwhile.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { yieldNow } from "@vais/runtime";
import { close, FdStream, pipe, ReactorRuntime, READABLE } from "@vais/runtime/reactor";
import { openLibc } from "../../reactor/libc.ts";
import { within } from "../support/probes.ts";
import { runProgram } from "../support/programs.ts";
import { test } from "../support/test.ts";

/** Writes a byte, without a runtime. */
function poke(fd: number): void {
  assertEquals(openLibc().write(fd, new Uint8Array(1)), 1);
}

function hostTurn(ms = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Both ends of a pipe; the reading one is a stream. */
function poked(): { from: FdStream; writeFd: number } {
  const { readFd, writeFd } = pipe();
  return { from: new FdStream(readFd, "pipe"), writeFd };
}

test("asleep without a deadline, a reactor has no timer of the host", async () => {
  if ("Bun" in globalThis) return; // it asks by a timer there
  const runtime = new ReactorRuntime();
  const { from, writeFd } = poked();
  const got = runtime.spawn(() => from.read(new Uint8Array(1)));
  const run = runtime.run();
  await hostTurn(5); // it sleeps
  const { setTimeout: real } = globalThis;
  let timers = 0;
  const counting = Object.assign(
    (...args: Parameters<typeof real>) => (timers++, real(...args)),
    real,
  );
  globalThis.setTimeout = counting as typeof real;
  try {
    const { parks } = runtime.metrics();
    for (let i = 0; i < 3; i++) {
      const again = runtime.spawn(function* () {}); // wakes it; then it sleeps again
      while (!again.isFinished) await new Promise((resolve) => setImmediate(resolve));
    }
    assertEquals(runtime.metrics().parks >= parks + 2, true);
    assertEquals(timers, 0);
  } finally {
    globalThis.setTimeout = real;
  }
  poke(writeFd);
  assertEquals(await got, 1);
  await run;
  from.close();
  close(writeFd);
  await runtime.close();
});

test("asleep, busy with host callbacks that write, asleep again: each byte is heard", async () => {
  const runtime = new ReactorRuntime();
  const { from, writeFd } = poked();
  let heard = 0;
  const reader = runtime.spawn(function* () {
    const buffer = new Uint8Array(1);
    while ((yield* from.read(buffer)) > 0) heard++;
  });
  const run = runtime.run();
  const until = async (count: number) => {
    while (heard < count) await hostTurn(1);
  };
  for (let i = 0; i < 20; i++) {
    await hostTurn(2); // asleep
    poke(writeFd);
    await within(until(3 * i + 1), "a byte while it slept");
    // Busy: written between the last look at the kernel and the host's own, the byte is the host's
    // to see first, although nobody sleeps.
    let isOver = false;
    const busy = runtime.spawn(function* () {
      while (!isOver) yield* yieldNow();
    });
    for (let k = 0; k < 2; k++) {
      await new Promise<void>((resolve) => setImmediate(() => setTimeout(resolve, 0)));
      poke(writeFd);
    }
    await within(until(3 * i + 3), "a byte while it was busy");
    isOver = true;
    await busy;
  }
  close(writeFd);
  await reader;
  await run;
  from.close();
  await runtime.close();
});

test("nobody drives the reactor: what becomes ready is nobody's, and is there for the next wait", async () => {
  const runtime = new ReactorRuntime();
  const { from, writeFd } = poked();
  const buffer = new Uint8Array(8);
  for (let i = 0; i < 10; i++) {
    const first = runtime.spawn(() => from.read(buffer));
    await hostTurn(1);
    poke(writeFd);
    assertEquals(await within(first, "the first byte"), 1);
    poke(writeFd); // the kernel still has the interest
    await hostTurn(1);
    const { polls } = runtime.getEventLoop().explain();
    await hostTurn(3);
    assertEquals(runtime.getEventLoop().explain().polls, polls);
    assertEquals(await within(runtime.spawn(() => from.read(buffer)), "the second byte"), 1);
  }
  from.close();
  close(writeFd);
  await runtime.close();
});

test("a runtime is closed from the very wake that ended its sleep", async () => {
  for (let i = 0; i < 10; i++) {
    const runtime = new ReactorRuntime();
    const { from, writeFd } = poked();
    const task = runtime.spawn(() => from.read(new Uint8Array(1)));
    const closed = task.then(() => runtime.close());
    await hostTurn(1);
    poke(writeFd);
    await within(closed, "the end of the runtime");
    from.close();
    close(writeFd);
  }
});

test("a handler that wakes nobody lets the reactor sleep on", async () => {
  const runtime = new ReactorRuntime();
  const { from, writeFd } = poked();
  const other = pipe();
  let calls = 0;
  const loop = runtime.getEventLoop();
  const handler = loop.addHandler(other.readFd, READABLE, () => {
    calls++;
    openLibc().read(other.readFd, new Uint8Array(8));
  });
  const got = runtime.spawn(() => from.read(new Uint8Array(1)));
  const run = runtime.run();
  for (let i = 0; i < 5; i++) {
    await hostTurn(1);
    poke(other.writeFd);
    for (let k = 0; k < 2_000 && calls <= i; k++) await hostTurn(1);
    assertEquals(calls, i + 1);
  }
  assertEquals(got.isFinished, false);
  poke(writeFd);
  assertEquals(await got, 1);
  await run;
  handler.cancel();
  from.close();
  for (const fd of [writeFd, other.readFd, other.writeFd]) close(fd);
  await runtime.close();
});

const IMPORTS = `import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import process from "node:process";
import { open, pipe, read, ReactorRuntime, write } from "@vais/runtime/reactor";
`;

test("only the sleep itself keeps the process: the other end is another process", async () => {
  // Nothing else of the host goes on: the child is let go, and there is no timer.
  const ended = await runProgram(`${IMPORTS}
const folder = mkdtempSync("/tmp/vais-sleep-");
const fifo = folder + "/fifo";
await new Promise((resolve) => spawn("mkfifo", [fifo]).on("close", resolve));
const runtime = new ReactorRuntime();
const fd = open(fifo, { write: true });
const child = spawn("sh", ["-c", "sleep 0.3; echo hi > " + fifo], { stdio: "ignore", detached: true });
child.unref();
const got = await runtime.spawn(function* () {
  return yield* read(fd, new Uint8Array(8));
});
rmSync(folder, { recursive: true });
console.log(got);
`);
  assertEquals(ended, { code: 0, signal: null, out: "3\n" });
});

test("a descriptor that is ready, and nobody there to read it, does not keep the process", async () => {
  const ended = await runProgram(`${IMPORTS}
const { readFd, writeFd } = pipe();
const runtime = new ReactorRuntime();
const one = runtime.spawn(function* () {
  return yield* read(readFd, new Uint8Array(1));
});
setTimeout(() => void write(writeFd, new Uint8Array(3)).then(() => {}), 20);
console.log(await one);
process.on("exit", () => console.log("exit"));
`);
  assertEquals(ended, { code: 0, signal: null, out: "1\nexit\n" });
});
