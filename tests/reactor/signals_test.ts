/**
 * Signals: each stream sees each of them, once; what was there before is as it was afterwards.
 *
 * @module
 */
import process from "node:process";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Cancelled, ClosedError, DeadlockError, Future, TimeoutError } from "@vais/runtime";
import { ReactorRuntime, type Signal, SignalState } from "@vais/runtime/reactor";
import { runProgram } from "../support/programs.ts";
import { skip } from "../support/skip.ts";
import { test } from "../support/test.ts";
import { entry, startThread } from "../support/threads.ts";

const isUnix = process.platform !== "win32";

/** A test in a runtime of its own, after which no listener is left. */
function signalTest(name: string, body: (runtime: ReactorRuntime) => Promise<void>): void {
  if (!isUnix) return void skip(name, "Windows has no such signals");
  test(name, async () => {
    const before = counts();
    const runtime = new ReactorRuntime();
    try {
      await body(runtime);
    } finally {
      await runtime.close();
    }
    assertEquals(counts(), before);
  });
}

const counts = () => ["SIGUSR2", "SIGWINCH"].map((name) => process.listenerCount(name));
const send = (signal: Signal) => process.kill(process.pid, signal);

signalTest(
  "an async loop gets the signals, and closes the stream when it is left",
  async (runtime) => {
    const stream = runtime.signals("SIGUSR2", "SIGWINCH");
    assertEquals([stream.mask, counts()], [["SIGUSR2", "SIGWINCH"], [1, 1]]);
    const got: Signal[] = [];
    send("SIGUSR2");
    for await (const name of stream) {
      got.push(name);
      if (got.length === 3) break;
      send(got.length === 1 ? "SIGWINCH" : "SIGUSR2");
    }
    assertEquals([got, counts()], [["SIGUSR2", "SIGWINCH", "SIGUSR2"], [0, 0]]);
  },
);

signalTest("a generator task gets them as futures", async (runtime) => {
  const got = runtime.spawn(function* () {
    const names: Signal[] = [];
    for (const signal of runtime.signals("SIGUSR2")) {
      send("SIGUSR2");
      names.push(yield* signal);
      if (names.length === 3) break;
    }
    return names;
  });
  assertEquals(await got, ["SIGUSR2", "SIGUSR2", "SIGUSR2"]);
  assertEquals(counts(), [0, 0]);
});

signalTest(
  "a signal that comes again before it is taken is told once, in order of arrival",
  async (runtime) => {
    const stream = runtime.signals("SIGUSR2", "SIGWINCH");
    const watcher = runtime.signals("SIGWINCH");
    send("SIGUSR2");
    assertEquals(await stream.next(), "SIGUSR2");
    // The listeners are called by the host, in a turn of its own; the kernel coalesces as well.
    for (let i = 0; i < 3; i++) {
      send("SIGWINCH");
      assertEquals(await watcher.next(), "SIGWINCH");
    }
    send("SIGUSR2");
    while (stream.pendingSignals.length < 2) await runtime.spawn((task) => task.sleep(1));
    assertEquals(stream.pendingSignals, ["SIGWINCH", "SIGUSR2"]);
    assertEquals([await stream.next(), await stream.next()], ["SIGWINCH", "SIGUSR2"]);
    assertEquals([stream.pendingSignals, watcher.pendingSignals], [[], []]);
  },
);

signalTest("several streams each see each signal, by one listener of the host", async (runtime) => {
  const streams = Array.from({ length: 20 }, () => runtime.signals("SIGUSR2"));
  assertEquals(counts(), [1, 0]);
  send("SIGUSR2");
  for (const stream of streams) assertEquals(await stream.next(), "SIGUSR2");
  for (const stream of streams) stream.close();
  assertEquals(counts(), [0, 0]);
});

signalTest("of several waits of one stream each gets another signal", async (runtime) => {
  const stream = runtime.signals("SIGUSR2", "SIGWINCH");
  const waits = [0, 1].map(() => runtime.spawn(() => stream.next()));
  const given = runtime.spawn(() => stream.next());
  await runtime.spawn((task) => task.sleep(1));
  given.cancel();
  send("SIGUSR2");
  send("SIGWINCH");
  const got = [await waits[0]!, await waits[1]!].sort();
  assertEquals(got, ["SIGUSR2", "SIGWINCH"]);
  await assertRejects(() => given.then(), Cancelled);
  // Two waits of one task, one of which is given up.
  send("SIGUSR2");
  assertEquals(
    await runtime.spawn(function* () {
      const first = stream.next().timeout(1);
      const [outcome] = yield* Future.allSettled([first, runtime.sleep(0)]);
      assert(outcome.status === "fulfilled" || outcome.reason instanceof TimeoutError);
      return outcome.status === "fulfilled" ? outcome.value : yield* stream.next();
    }),
    "SIGUSR2",
  );
});

signalTest(
  "waiting for a signal is no deadlock, and wakes a runtime that sleeps",
  async (runtime) => {
    const stream = runtime.signals("SIGUSR2");
    const handle = runtime.spawn(() => stream.next());
    setTimeout(() => send("SIGUSR2"), 20);
    await runtime.run();
    assertEquals(handle.outcome(), { status: "ok", value: "SIGUSR2" });
    // Blocked, the host can call no listener: that is said, not waited out.
    assertThrows(() => runtime.blockOn(() => stream.next()), DeadlockError, "host");
  },
);

signalTest("close ends waits and loops; so does closing the runtime", async (runtime) => {
  const stream = runtime.signals("SIGUSR2");
  const waits = runtime.spawn(() => stream.next());
  const loop = (async () => {
    for await (const _ of stream) throw new Error("a signal came");
    return "over";
  })();
  await runtime.spawn((task) => task.sleep(1));
  stream.close();
  stream[Symbol.dispose]();
  await assertRejects(() => waits.then(), ClosedError, "the stream is closed");
  assertEquals(await loop, "over");
  assertEquals([...stream], []);
  await assertRejects(() => stream.next().then(), ClosedError);
  const other = new ReactorRuntime();
  other.signals("SIGUSR2");
  other.signals("SIGWINCH");
  assertEquals(counts(), [1, 1]);
  await other.close();
  assertEquals(counts(), [0, 0]);
  assertThrows(() => other.signals("SIGUSR2"), ClosedError);
});

signalTest("SignalState keeps what came until it is taken", async () => {
  let wake = () => {};
  using state = new SignalState(["SIGUSR2", "SIGUSR2"], (name) => {
    assertEquals(name, "SIGUSR2");
    wake();
  });
  assertEquals([state.mask, state.pendingSignals, state.take()], [["SIGUSR2"], [], undefined]);
  const hold = setTimeout(() => {}, 30_000);
  send("SIGUSR2");
  await new Promise<void>((resolve) => wake = resolve);
  clearTimeout(hold);
  assertEquals([state.pendingSignals, state.isClosed], [["SIGUSR2"], false]);
  assertEquals([state.take(), state.take()], ["SIGUSR2", undefined]);
  state.close();
  state.close();
  assertEquals([state.isClosed, state.pendingSignals], [true, []]);
});

test("signals are checked at the door, and listen to nothing then", () => {
  const before = counts();
  const runtime = new ReactorRuntime();
  for (
    const [call, type] of [
      [() => runtime.signals(), RangeError],
      [() => runtime.signals({ forceAfter: 2 } as never), RangeError],
      [() => runtime.signals("SIGKILL" as never), RangeError],
      [() => runtime.signals("SIGSTOP" as never), RangeError],
      [() => runtime.signals("SIGSEGV" as never), RangeError],
      [() => runtime.signals("SIGNOTHING" as never), RangeError],
      [() => runtime.signals("toString" as never), RangeError],
      [() => runtime.signals("SIGUSR2", "sigint" as never), RangeError],
      [() => runtime.signals(12 as never), TypeError],
      [() => runtime.signals("SIGUSR2", { forceAfter: 0 }), RangeError],
      [() => runtime.signals("SIGUSR2", { forceAfter: 1.5 }), RangeError],
      [() => runtime.signals("SIGUSR2", { forceAfter: "2" as never }), TypeError],
      [() => new SignalState([], () => {}), RangeError],
      [() => new SignalState(["SIGUSR2"], undefined as never), TypeError],
      [() => new SignalState(["SIGUSR2"], () => {}, null as never), TypeError],
    ] as const
  ) {
    const error = assertThrows(call, type, undefined, String(call));
    assert(/^Cannot .+: .+ \(.+\)$/.test(error.message), error.message);
  }
  assertEquals(counts(), before);
});

const WORKER = `
const { ReactorRuntime } = await import("${entry("reactor")}");
try {
  new ReactorRuntime().signals("SIGUSR2").close();
  post("listened");
} catch (error) {
  post(error.code + ": " + error.message);
}
`;

test("a worker of Node is told that it gets no signals; Deno's workers get them", async () => {
  const thread = await startThread(WORKER);
  const said = String(await thread.next());
  if ("Deno" in globalThis) assertEquals(said, "listened");
  else assert(/^ERR_UNSUPPORTED: Cannot listen for SIGUSR2: a worker gets no/.test(said), said);
  await thread.end();
});

const PROGRAM = `import { ReactorRuntime, SignalState } from "@vais/runtime/reactor";
import process from "node:process";
const say = (line) => console.log(line);
process.on("exit", (code) => say("exit " + code));
const runtime = new ReactorRuntime();
const send = (signal) => process.kill(process.pid, signal);
const turns = () => new Promise((resolve) => setTimeout(resolve, 30));
`;

if (isUnix) {
  test("a program that waits for a signal stays alive, and then ends by itself", async () => {
    const ended = await runProgram(`${PROGRAM}
setTimeout(() => send("SIGTERM"), 100);
for await (const name of runtime.signals("SIGTERM", "SIGINT")) { say(name); break; }
`);
    assertEquals([ended.code, ended.out], [0, "SIGTERM\nexit 0\n"]);
  });

  test("a stream that nobody waits for keeps no process alive", async () => {
    const ended = await runProgram(`${PROGRAM} runtime.signals("SIGTERM"); say("end");`);
    assertEquals([ended.code, ended.out], [0, "end\nexit 0\n"]);
  });

  test("after the stream is closed the signal does what it did before", async () => {
    const ended = await runProgram(`${PROGRAM}
const stream = runtime.signals("SIGUSR2");
send("SIGUSR2");
say(await stream.next());
stream.close();
setTimeout(() => say("survived"), 5_000);
send("SIGUSR2");
`);
    assertEquals(ended.out, "SIGUSR2\n");
    assert(ended.signal === "SIGUSR2" || ended.code === 140, JSON.stringify(ended));
  });

  test("two SIGINT that nobody takes end the process with 130", async () => {
    const ended = await runProgram(`${PROGRAM}
const streams = [runtime.signals("SIGINT"), runtime.signals("SIGINT", "SIGTERM")];
process.on("SIGINT", () => say("mine"));
for (let i = 0; i < 5; i++) { send("SIGINT"); await turns(); }
say("survived");
`);
    assertEquals([ended.code, ended.out], [130, "mine\nmine\nexit 130\n"]);
  });

  test("SIGINT that one stream takes forces nothing; neither does one that must not", async () => {
    const ended = await runProgram(`${PROGRAM}
let streams = [runtime.signals("SIGINT"), runtime.signals("SIGINT")];
for (let i = 0; i < 5; i++) { send("SIGINT"); await streams[0].next(); }
for (const stream of streams) stream.close();
streams = [runtime.signals("SIGINT", { forceAfter: Infinity }), runtime.signals("SIGTERM")];
for (let i = 0; i < 3; i++) { send("SIGINT"); send("SIGTERM"); await turns(); }
say("survived");
streams.push(runtime.signals("SIGINT", { forceAfter: 1 }));
streams[0].close();
send("SIGINT");
await turns();
say("not reached");
`);
    assertEquals([ended.code, ended.out], [130, "survived\nexit 130\n"]);
  });
}
