/**
 * `main()` as the root of real processes: exit codes, signals, grace, and nothing that hangs.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Ended, program, runProcess } from "../support/main_program.ts";
import { test } from "../support/test.ts";

/** It exited with `code`, and said these lines; else what it wrote to stderr is shown. */
function assertEnded(ended: Ended, code: number, lines: readonly string[]): void {
  assertEquals([ended.code, ended.lines], [code, lines], ended.errors);
}

test("main: a body that returns ends the process with 0, by itself", async () => {
  const ended = await runProcess(program(`async (s) => {
    let isOver = false;
    s.spawn(function* (task) { while (!isOver) yield* task.sleep(1); say("child"); });
    await s.sleep(1);
    say("body");
    isOver = true;
  }`));
  assertEquals(ended, { ...ended, code: 0, lines: ["body", "child", "main is over", "exit 0"] });
  assertEquals(ended.errors, "");
});

test("main: a number is the exit code", async () => {
  const ended = await runProcess(program(`function* (s) { yield* s.sleep(1); return 7; }`));
  assertEnded(ended, 7, ["main is over", "exit 7"]);
});

test("main: an error is exit code 1, printed with every failure behind it", async () => {
  const ended = await runProcess(program(`async (s) => {
    s.spawn(async (task) => {
      try { await task.sleep(60_000); } finally { throw new RangeError("the cleanup failed"); }
    }, { name: "sibling" });
    s.spawn(async (task) => { await task.sleep(5); throw new TypeError("disk full"); }, { name: "writer" });
    await s.sleep(60_000);
  }`));
  assertEnded(ended, 1, ["main is over", "exit 1"]);
  assertMatch(ended.errors, /writer failed/);
  assertMatch(ended.errors, /TypeError: disk full/);
  assertMatch(ended.errors, /sibling failed in its cleanup/);
  assertMatch(ended.errors, /RangeError: the cleanup failed/);
});

/** Cleans up for `ms` when it is cancelled. */
const tidy = (ms: number) =>
  `async (s) => {
    try {
      say("ready");
      await s.sleep(60_000);
    } finally {
      say("cleaning");
      try { await s.sleep(${ms}); say("cleaned"); } catch (error) { say("cut: " + error.name); throw error; }
    }
  }`;

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  test(`main: ${signal} cancels, the cleanup runs, the exit code is ${code}`, async () => {
    const ended = await runProcess(program(tidy(20)), [{ after: "ready", send: signal }]);
    assertEnded(ended, code, ["ready", "cleaning", "cleaned", "main is over", `exit ${code}`]);
    assertEquals(ended.errors, "");
  });
}

test("main: a cleanup that is longer than the grace is cut", async () => {
  const ended = await runProcess(program(`${tidy(60_000)}, { graceMs: 200 }`), [
    { after: "ready", send: "SIGINT" },
  ]);
  assertEnded(ended, 130, ["ready", "cleaning", "cut: AbortError", "main is over", "exit 130"]);
  assert(ended.lastMs >= 190, `cut after ${ended.lastMs} ms, the grace is 200`);
});

test("main: the second signal cuts the cleanup short", async () => {
  const ended = await runProcess(program(`${tidy(60_000)}, { graceMs: Infinity }`), [
    { after: "ready", send: "SIGINT" },
    { after: "cleaning", send: "SIGINT" },
  ]);
  assertEnded(ended, 130, ["ready", "cleaning", "cut: AbortError", "main is over", "exit 130"]);
});

test("main: a body that ignores everything is ended by the second signal", async () => {
  const ended = await runProcess(
    program(`async (s) => {
      say("ready");
      for (let caught = 0;;) {
        try { await s.sleep(60_000); } catch { if (++caught === 1) say("ignored"); }
      }
    }`),
    [{ after: "ready", send: "SIGTERM" }, { after: "ignored", send: "SIGINT" }],
  );
  // The code tells of the first signal.
  assertEnded(ended, 143, ["ready", "ignored", "exit 143"]);
});

test("main: a body that waits for a foreign promise is ended by the second signal", async () => {
  const ended = await runProcess(
    program(`async (s) => {
      say("ready");
      s.signal.addEventListener("abort", () => say("told"));
      await new Promise(() => {});
    }`),
    [{ after: "ready", send: "SIGINT" }, { after: "told", send: "SIGINT" }],
  );
  assertEnded(ended, 130, ["ready", "told", "exit 130"]);
});

test("main: a third signal ends the process at once", async () => {
  const ended = await runProcess(
    program(
      `async (s) => {
        say("ready");
        await new Promise(() => {});
      }`,
      "",
      `let got = 0;
      process.on("SIGINT", () => say("got " + ++got));`,
    ),
    [
      { after: "ready", send: "SIGINT" },
      { after: "got 1", send: "SIGINT" },
      { after: "got 2", send: "SIGINT" },
    ],
  );
  assertEnded(ended, 130, ["ready", "got 1", "got 2", "got 3", "exit 130"]);
  assert(ended.lastMs < 900, `ended ${ended.lastMs} ms after the third signal`);
});

test("main: a program in which everything is parked stays alive until a signal comes", async () => {
  const ended = await runProcess(
    program(`function* (s) {
      const gate = new Deferred();
      s.spawn(function* () { yield* gate; });
      // Only the host's loop holds this timer; it does not keep the process alive.
      const timer = setTimeout(() => say("ready"), 300);
      timer.unref?.();
      yield* gate;
    }`),
    [{ after: "ready", send: "SIGINT" }],
  );
  assertEnded(ended, 130, ["ready", "main is over", "exit 130"]);
});

test("main: waiting for nothing but a signal is no deadlock", async () => {
  const ended = await runProcess(
    program(`function* () { setTimeout(() => say("ready"), 100); yield* Future.never(); }`),
    [{ after: "ready", send: "SIGTERM" }],
  );
  assertEnded(ended, 143, ["ready", "main is over", "exit 143"]);
});

test("main: its listeners are gone afterwards, and the process ends without a signal", async () => {
  const ended = await runProcess(program(
    `async (s) => {
      say("during " + process.listenerCount("SIGINT") + process.listenerCount("SIGTERM"));
      const late = s.spawn((task) => task.sleep(60_000));
      await s.sleep(1);
      late.cancel();
      say("body");
    }, { graceMs: 60_000 }`,
    `say("after " + process.listenerCount("SIGINT") + process.listenerCount("SIGTERM"));`,
  ));
  assertEnded(ended, 0, ["during 11", "body", "main is over", "after 00", "exit 0"]);
});

test("main: called twice, one after the other, both end well", async () => {
  const ended = await runProcess(program(
    `() => 3`,
    `say(await main(async (s) => { await s.sleep(1); }));`,
  ));
  // An exit code is not taken back.
  assertEnded(ended, 3, ["main is over", "0", "exit 3"]);
});
