/**
 * The runtime beside its host: slices, idleness, and when the process ends. Real time.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertLess, assertStringIncludes } from "@std/assert";
import { execFile } from "node:child_process";
import process from "node:process";
import { Future, Runtime, yieldNow } from "@vais/runtime";
import { hostDelay, Probe } from "../support/probes.ts";
import { test } from "../support/test.ts";

const IMPORT =
  `import { Future, PENDING, Runtime, sleep, spawn, yieldNow } from "@vais/runtime";\n`;

/** Runs a program in a fresh process of this host. */
function program(code: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const args = "Deno" in globalThis
    ? ["eval", IMPORT + code]
    : ["--input-type=module", "--eval", IMPORT + code];
  return new Promise((resolve) =>
    execFile(process.execPath, args, { timeout: 15_000 }, (error, stdout, stderr) => {
      const failed = error as { code?: number } | null;
      resolve({ code: failed === null ? 0 : failed.code ?? -1, stdout, stderr });
    })
  );
}

test("host timers, immediates and promises go on while tasks yield without end (G35)", async () => {
  const runtime = new Runtime();
  const end = performance.now() + 100;
  let ticks = 0;
  let immediates = 0;
  let resolved = false;
  const timer = setInterval(() => ticks++, 5);
  const immediate = () => {
    immediates++;
    if (performance.now() < end) setImmediate(immediate);
  };
  setImmediate(immediate);
  void hostDelay(20).then(() => hostDelay(20)).then(() => resolved = true);
  let yields = 0;
  for (let i = 0; i < 10; i++) {
    runtime.spawn(function* () {
      while (performance.now() < end) {
        yields++;
        yield* yieldNow();
      }
    });
  }
  await runtime.run();
  clearInterval(timer);
  // 20 ticks would be perfect; a busy machine must not fail this.
  assertGreater(ticks, 4);
  assertGreater(immediates, 4);
  assertGreater(yields, 1_000);
  assertEquals(resolved, true);
});

test("the runtime's own timers go on while tasks yield without end", async () => {
  const runtime = new Runtime();
  const end = performance.now() + 60;
  let ticks = 0;
  runtime.spawn(function* () {
    while (performance.now() < end) yield* yieldNow();
  });
  runtime.spawn(function* (task) {
    while (performance.now() < end) {
      yield* task.sleep(2);
      ticks++;
    }
  });
  await runtime.run();
  assertGreater(ticks, 4);
});

test("an async body goes on beside a generator that yields without end", async () => {
  const runtime = new Runtime();
  let stop = false;
  runtime.spawn(function* () {
    while (!stop) yield* yieldNow();
  });
  let steps = 0;
  const handle = runtime.spawn(async () => {
    for (; steps < 20; steps++) await yieldNow();
    stop = true;
  });
  await handle;
  await runtime.run();
  assertEquals(steps, 20);
});

const endless: Record<string, (runtime: Runtime) => () => PromiseLike<unknown>> = {
  "ready futures": () => () => Future.ready(1),
  "a finished task": (runtime) => {
    const finished = runtime.spawn(() => 1);
    return () => finished;
  },
  "yieldNow": () => () => yieldNow(),
  "new tasks": (runtime) => () => runtime.spawn(() => 1),
  "sleep(0)": (runtime) => () => runtime.sleep(0),
};
for (const [what, make] of Object.entries(endless)) {
  test(`an async body that awaits ${what} without end starves neither the host nor other tasks`, async () => {
    const runtime = new Runtime();
    const giveUp = performance.now() + 10_000;
    let ticks = 0;
    let naps = 0;
    const timer = setInterval(() => ticks++, 5);
    try {
      const next = make(runtime);
      const greedy = runtime.spawn(async () => {
        while ((ticks <= 2 || naps <= 2) && performance.now() < giveUp) await next();
      });
      runtime.spawn(function* (task) {
        while (!greedy.isFinished) {
          yield* task.sleep(1);
          naps++;
        }
      });
      await runtime.run();
      assertGreater(naps, 2);
      assertGreater(ticks, 2);
    } finally {
      clearInterval(timer);
    }
  });
}

test("two async bodies that wake each other without end do not starve the host", async () => {
  const runtime = new Runtime();
  const giveUp = performance.now() + 10_000;
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  try {
    const balls: Probe<void>[] = [new Probe(), new Probe()];
    for (const side of [0, 1]) {
      runtime.spawn(async (task) => {
        while (ticks <= 2 && performance.now() < giveUp) {
          const mine = balls[side]!;
          balls[1 - side]!.resolve();
          await task.wait(mine);
          balls[side] = new Probe();
        }
        balls[1 - side]!.resolve();
      });
    }
    await runtime.run();
    assertGreater(ticks, 2);
  } finally {
    clearInterval(timer);
  }
});

test("one batch of very many tasks is cut into slices: the host's timers go on within it", async () => {
  const runtime = new Runtime();
  let ran = 0;
  let ranAtTick = -1;
  for (let i = 0; i < 20_000; i++) {
    runtime.spawn(() => {
      const until = performance.now() + 0.002;
      while (performance.now() < until);
      ran++;
    });
  }
  setTimeout(() => ranAtTick = ran, 1);
  await runtime.run();
  assert(ranAtTick > 0 && ranAtTick < 20_000, `the timer fired after ${ranAtTick} tasks`);
});

test("a parked runtime costs no CPU", async () => {
  // In a process of its own: the figure is that of a whole process.
  const { code, stdout } = await program(`
    const runtime = new Runtime();
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const probe = runtime.spawn(wait(300));
    for (let i = 0; i < 100; i++) runtime.spawn(runtime.sleep(300));
    await wait(20);
    const before = process.cpuUsage();
    const polls = runtime.metrics().polls;
    await probe;
    const { user, system } = process.cpuUsage(before);
    console.log(JSON.stringify({
      cpuMs: (user + system) / 1_000,
      polls: runtime.metrics().polls - polls,
      parks: runtime.metrics().parks,
    }));
    await runtime.run();`);
  assertEquals(code, 0);
  const { cpuMs, polls, parks } = JSON.parse(stdout);
  assertLess(cpuMs, 200, "ms of CPU in 300 ms of parking");
  assertLess(polls, 300);
  assertLess(parks, 20);
});

test("the process lives while a task is parked, and exits by itself with 0 when all is done", async () => {
  const results = await Promise.all([
    program(`
      const runtime = new Runtime();
      runtime.spawn(function* (task) { yield* task.sleep(50); console.log("slept"); });
      await runtime.run();
      console.log("done");`),
    program(`
      spawn(async (task) => { await task.sleep(20); console.log("slept"); });
      await spawn(function* () { yield* sleep(50); });
      console.log("done");`),
    program(`
      const runtime = new Runtime();
      const timer = setInterval(() => {}, 5);
      const handle = runtime.spawn({ poll: () => PENDING, cancel: () => clearInterval(timer) });
      setTimeout(() => (console.log("slept"), handle.cancel()), 20);
      await runtime.run();
      console.log("done");`),
  ]);
  for (const { code, stdout, stderr } of results) {
    assertEquals([code, stdout.trim(), stderr], [0, "slept\ndone", ""]);
  }
});

test("a parked runtime without any deadline keeps the process alive until host code wakes it", async () => {
  const { code, stdout } = await program(`
    const runtime = new Runtime();
    const timers = await import("node:timers");
    const signal = new Promise((resolve) => timers.setTimeout(resolve, 60).unref());
    await runtime.spawn(async () => { await signal; });
    console.log("woken");`);
  assertEquals([code, stdout.trim()], [0, "woken"]);
});

test("a deadlock ends the process with its error, not with silence (exit 13)", async () => {
  const { code, stderr } = await program(`
    const runtime = new Runtime({ name: "stuck" });
    runtime.spawn(Future.never(), { name: "waiter" });
    await runtime.run();`);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "DeadlockError");
  assertStringIncludes(stderr, "waiter #0 pending");
});

test("a failure that nobody joined is printed when the process exits", async () => {
  const { stderr } = await program(`
    const runtime = new Runtime();
    runtime.spawn(() => { throw new Error("nobody looked"); }, { name: "lonely" });
    runtime.runUntilStalled();`);
  assertStringIncludes(stderr, "lonely failed, and nobody joined it");
  assertStringIncludes(stderr, "nobody looked");
});

test("importing the package starts nothing: the process exits at once, silently", async () => {
  assertEquals(await program(""), { code: 0, stdout: "", stderr: "" });
});

test("run() rejects with an unobserved failure: the program ends with that error", async () => {
  const { code, stderr } = await program(`
    const runtime = new Runtime();
    runtime.spawn(() => { throw new RangeError("out of cheese"); });
    await runtime.run();`);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "out of cheese");
});

test("a virtual sleep of Number.MAX_VALUE ms ends: the wheel does not visit every block on the way", async () => {
  const { code, stdout } = await program(`
    const { SimulatedRuntime } = await import("@vais/runtime/testing");
    setTimeout(() => {}, 0);
    const runtime = new SimulatedRuntime();
    for (const ms of [2 ** 53, 1e18, Number.MAX_VALUE]) {
      runtime.blockOn(runtime.sleep(ms));
      console.log("slept");
    }`);
  assertEquals([code, stdout.trim()], [0, "slept\nslept\nslept"]);
});
