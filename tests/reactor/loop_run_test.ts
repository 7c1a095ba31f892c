/**
 * `EventLoop.run`: beside the host, until there is nothing to do; and `explain`.
 *
 * @module
 */
import process from "node:process";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ClosedError } from "@vais/runtime";
import {
  close,
  EventLoop,
  getReactor,
  LoopExplanation,
  pipe,
  ReactorRuntime,
  read,
  READABLE,
  Registration,
  WRITABLE,
} from "@vais/runtime/reactor";
import { hostTurn, loopTest, put, take } from "../support/loops.ts";
import { runProgram } from "../support/programs.ts";
import { test } from "../support/test.ts";

const nothing = () => {};

loopTest("run ends at once when nothing is registered", async (loop) => {
  await loop.run();
  loop.addPrepoller(nothing);
  loop.onStop(nothing);
  await loop.run();
  assertEquals([loop.running, loop.explain().state], [false, "new"]);
});

loopTest("run calls handlers and timers until the last is over", async (loop, pipes) => {
  const [readFd, writeFd] = pipes.make();
  const log: string[] = [];
  const handler = loop.addHandler(readFd, READABLE, (fd) => {
    log.push(`read ${take(fd)}`);
    handler.cancel();
  });
  loop.registerTimer(1, 3, { wake: () => (log.push("timer"), put(writeFd, "x")) });
  const running = loop.run();
  assertEquals(loop.running, true);
  await running;
  assertEquals([log, loop.running], [["timer", "read x"], false]);
  // It may be run again.
  loop.registerTimer(1, 1, { wake: () => log.push("again") });
  await loop.run();
  assertEquals(log.at(-1), "again");
});

loopTest("what host code registers while the loop sleeps is seen", async (loop, pipes) => {
  const [readFd, writeFd] = pipes.make();
  const log: string[] = [];
  const wait = loop.onWake(() => log.push("wake"));
  const running = loop.run();
  await hostTurn();
  loop.registerTimer(1, 1, { wake: () => log.push("timer") });
  while (log.length < 1) await hostTurn();
  put(writeFd, "x");
  loop.registerRead(readFd, { wake: () => log.push("read") });
  while (log.length < 2) await hostTurn();
  loop.wake();
  while (log.length < 3) await hostTurn();
  const prepoller = loop.addPrepoller(() => log.push("prepoller"));
  while (log.length < 4) await hostTurn();
  prepoller.cancel();
  assertEquals(log.slice(0, 4), ["timer", "read", "wake", "prepoller"]);
  wait.cancel();
  await running;
});

loopTest("registrations that are unref'd keep nothing going", async (loop, pipes) => {
  const [readFd] = pipes.make();
  const [other] = pipes.make();
  const registrations = [
    loop.addHandler(readFd, READABLE, nothing),
    loop.registerRead(other, { wake: nothing }),
    loop.registerTimer(1, 60_000, { wake: nothing }),
    loop.onWake(nothing),
    loop.onCommand("dump", nothing),
  ];
  assertEquals(loop.explain().referenced, 5);
  for (const one of registrations) assertEquals(one.unref().unref().isRef, false);
  await loop.run();
  assertEquals(loop.explain().referenced, 0);
  for (const one of registrations) one.ref().ref();
  assertEquals(loop.explain().referenced, 5);
  // The last one, while the loop sleeps.
  for (const one of registrations.slice(1)) one.unref();
  const running = loop.run();
  await hostTurn();
  assertEquals(loop.running, true);
  registrations[0]!.unref();
  await running;
  assertEquals(registrations.map(({ active }) => active), [true, true, true, true, true]);
  for (const one of registrations) one.cancel();
  assertEquals(registrations.map((one) => one.ref().active), [false, false, false, false, false]);
  assertEquals(loop.explain().referenced, 0);
});

test("Registration counts itself once, whatever is done to it", () => {
  let count = 0;
  let ends = 0;
  const one = new Registration(() => ends++, (change) => count += change);
  for (const step of [() => one.ref(), () => one.unref(), () => one.unref(), () => one.ref()]) {
    step();
    assertEquals(count, one.isRef ? 1 : 0);
  }
  one[Symbol.dispose]();
  one.settle();
  assertEquals([count, ends, one.cancel(), one.unref().ref().active], [0, 1, false, false]);
  assertEquals(count, 0);
});

loopTest("stop ends run, from a callback as from host code", async (loop, pipes) => {
  const [readFd, writeFd] = pipes.make();
  const log: string[] = [];
  loop.addHandler(readFd, READABLE, (fd) => {
    take(fd);
    loop.stop();
    log.push("handler");
  });
  put(writeFd, "x");
  await loop.run();
  assertEquals(log, ["handler"]);
  const running = loop.run();
  await hostTurn();
  loop.stop();
  loop.stop();
  await running;
  // Stopped while nobody runs it, the next run is not.
  loop.stop();
  const again = loop.run();
  await hostTurn();
  assertEquals(loop.running, true);
  loop.stop();
  await again;
});

loopTest("runFor ends run after that time, and only then", async (loop, pipes) => {
  const [readFd] = pipes.make();
  loop.addHandler(readFd, READABLE, nothing);
  const start = performance.now();
  await loop.run({ runFor: 20 });
  assert(performance.now() - start >= 20);
  await loop.run({ runFor: 0 });
  // Its timer is gone when it was not needed.
  const running = loop.run({ runFor: 60_000 });
  loop.stop();
  await running;
  assertEquals(loop.explain().timers, 0);
});

loopTest("closing the loop ends run, within a callback and outside", async (loop, pipes) => {
  const [readFd] = pipes.make();
  loop.addHandler(readFd, READABLE, nothing);
  let stopped = 0;
  loop.onStop(() => stopped++);
  const running = loop.run();
  await hostTurn();
  loop.close();
  await running;
  assertEquals(stopped, 1);
  await assertRejects(() => loop.run(), ClosedError);
  const inner = new EventLoop();
  const [fd, end] = pipes.make();
  put(end, "x");
  inner.addHandler(fd, READABLE, () => inner.close());
  inner.onStop(() => stopped++);
  await inner.run();
  assertEquals(stopped, 2);
});

loopTest(
  "onStop callbacks are called once, last first, all of them",
  async (loop, _pipes, errors) => {
    const log: string[] = [];
    const register = () => {
      loop.onStop((given) => log.push(`first ${given === loop}`));
      loop.onStop(() => {
        log.push("second");
        throw new Error("second");
      });
      loop.onStop(nothing).cancel();
      loop.onStop(() => {
        log.push("third");
        throw new Error("third");
      });
    };
    register();
    const error = await assertRejects(() => loop.run(), AggregateError, "2 onStop callbacks threw");
    assertEquals(error.errors.map(({ message }) => message), ["third", "second"]);
    assertEquals(log.splice(0), ["third", "second", "first true"]);
    await loop.run();
    assertEquals(log, []);
    register();
    loop.stop();
    assertEquals(log.splice(0), ["third", "second", "first true"]);
    assertEquals(errors.splice(0).map(([error, what]) => [(error as Error).message, what]), [
      ["third", "onStop"],
      ["second", "onStop"],
    ]);
    loop.onStop(() => log.push("closed"));
    loop.close();
    assertEquals(log, ["closed"]);
  },
);

loopTest("host timers and promises go on while handlers are always ready", async (loop, pipes) => {
  const [, writeFd] = pipes.make();
  let calls = 0;
  loop.addHandler(writeFd, WRITABLE, () => calls++);
  const running = loop.run();
  for (let i = 0; i < 20; i++) await hostTurn();
  loop.stop();
  await running;
  assert(calls > 20, `${calls} calls`);
});

loopTest("a loop that waits does nothing", async (loop, pipes) => {
  for (let i = 0; i < 50; i++) {
    const [readFd] = pipes.make();
    loop.addHandler(readFd, READABLE, nothing);
  }
  const running = loop.run();
  for (let i = 0; i < 5; i++) await hostTurn();
  const before = loop.explain().polls;
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  const polls = loop.explain().polls - before;
  assert("Bun" in globalThis || polls < 10, `${polls} polls while nothing happened`);
  loop.stop();
  await running;
});

loopTest("a second run, and one of a runtime's loop, are refused", async (loop) => {
  loop.registerTimer(1, 60_000, { wake: nothing });
  const running = loop.run();
  await assertRejects(() => loop.run(), TypeError, "it is running");
  loop.stop();
  await running;
  const runtime = new ReactorRuntime({ name: "mine" });
  await assertRejects(() => runtime.getEventLoop().run(), TypeError, "use its run()");
  let stopped = 0;
  runtime.getEventLoop().onStop(() => stopped++);
  runtime.getEventLoop().stop();
  assertEquals(stopped, 1);
  runtime.getEventLoop().onStop(() => stopped++);
  await runtime.close();
  assertEquals(stopped, 2);
});

loopTest("run checks its options", async (loop) => {
  loop.registerTimer(1, 60_000, { wake: nothing });
  for (
    const [options, type] of [
      [null, TypeError],
      [5, TypeError],
      [{ runFor: -1 }, RangeError],
      [{ runFor: NaN }, RangeError],
      [{ runFor: "1" }, TypeError],
      [{ signals: "SIGINT" }, TypeError],
      [{ signals: ["SIGKILL"] }, RangeError],
      [{ signals: ["SIGNOTHING"] }, RangeError],
      [{ signals: [2] }, TypeError],
    ] as const
  ) {
    const error = await assertRejects(() => loop.run(options as never), type);
    assert(/^Cannot .+: .+ \(.+\)$/.test(error.message), error.message);
    assertEquals(loop.running, false);
  }
});

loopTest("explain tells what there is, as data and as text", (loop, pipes) => {
  const fresh = loop.explain();
  assertEquals([fresh.state, fresh.via, fresh.queueFd, fresh.sources], [
    "new",
    undefined,
    undefined,
    [],
  ]);
  const [a, b] = pipes.sockets();
  loop.addHandler(a, READABLE | WRITABLE, nothing, { explanation: "both ways" });
  loop.addHandler(b, READABLE, function named() {});
  loop.registerWrite(b, { wake: nothing });
  loop.registerTimer(1, 60_000, { wake: nothing });
  loop.addPrepoller(nothing);
  loop.postpone("process");
  const before = loop.explain();
  assertEquals([before.commandsPending, before.prepollers, before.timers], [1, 1, 1]);
  assertEquals(before.sources.filter(({ fd }) => fd === a || fd === b), [
    { fd: a, direction: "read", explanation: "both ways" },
    { fd: a, direction: "write", explanation: "both ways" },
    { fd: b, direction: "read", explanation: "named" },
    { fd: b, direction: "write", explanation: "waker" },
  ]);
  loop.pollEvents(1_000);
  loop.wake();
  loop.pollEvents(1_000);
  const after = loop.explain();
  assert(after instanceof LoopExplanation);
  assertEquals([after.state, after.running, after.remote], ["open", false, false]);
  assertEquals([after.wakes, after.commandsPending, after.stale], [1, 0, 0]);
  assert(after.polls >= 2 && after.taken >= 3 && after.referenced === 3, `${after}`);
  assert(after.nextTimeoutMs! > 0 && after.nextTimeoutMs! <= 60_001);
  assertEquals(structuredClone({ ...after }), { ...after });
  assertEquals(JSON.parse(JSON.stringify(before)), { ...before });
  const text = String(after);
  for (const part of ["1 timer, next in", "1 prepollers", `fd ${a} write: both ways`]) {
    assert(text.includes(part), text);
  }
});

test("explain tells what operations of a runtime wait for", async () => {
  const runtime = new ReactorRuntime();
  const { readFd, writeFd } = pipe();
  const handle = runtime.spawn(() => read(readFd, new Uint8Array(1)));
  await runtime.spawn((task) => task.sleep(1));
  assert(`${runtime.getEventLoop().explain()}`.includes(`fd ${readFd} read: read fd ${readFd}`));
  put(writeFd, "x");
  await handle;
  close(readFd);
  close(writeFd);
  await runtime.close();
  await getReactor().close();
});

const LOOP = `import { EventLoop } from "@vais/runtime/reactor";
import process from "node:process";
const say = (line) => console.log(line);
process.on("exit", (code) => say("exit " + code));
const loop = new EventLoop();
`;

if (process.platform !== "win32") {
  test("run: the first signal stops the loop, and the listeners are gone", async () => {
    const ended = await runProgram(`${LOOP}
loop.onStop(() => say("stopped"));
loop.onWake(() => {});
process.on("SIGUSR2", () => say("mine"));
const count = () => process.listenerCount("SIGUSR2") + "" + process.listenerCount("SIGTERM");
setTimeout(() => { say("during " + count()); process.kill(process.pid, "SIGUSR2"); }, 50);
await loop.run({ signals: ["SIGUSR2", "SIGTERM", "SIGUSR2"] });
say("after " + count());
process.off("SIGUSR2", process.listeners("SIGUSR2")[0]);
`);
    assertEquals(ended.out.trim().split("\n").sort(), [
      "after 10",
      "during 21",
      "exit 0",
      "mine",
      "stopped",
    ]);
  });

  test("run: a second signal of the same kind ends the process", async () => {
    const ended = await runProgram(`${LOOP}
loop.onWake(() => {});
const running = loop.run({ signals: ["SIGTERM", "SIGUSR2"] });
// Both in one turn of the host: the loop has no chance to end in between.
process.once("SIGTERM", () => process.emit("SIGTERM"));
setTimeout(() => process.kill(process.pid, "SIGTERM"), 50);
await running;
say("ended");
`);
    assertEquals([ended.code, ended.out.includes("exit 143")], [143, true], ended.out);
  });
}
