/**
 * Starting a thread: every way in which it fails is one typed error, and nothing is left.
 *
 * @module
 */
import {
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { ClosedError } from "@vais/runtime";
import { startWorker, type WorkerStart } from "../../scheduling/threads/worker_host.ts";
import { WorkerStartError } from "../../scheduling/threads/worker_errors.ts";
import { command, runProcess } from "../support/main_program.ts";
import { runProgram } from "../support/programs.ts";
import { test } from "../support/test.ts";
import { entry } from "../support/threads.ts";
import { hear, isDeno, libraryFile, program, turns } from "../support/threads_hosts_entries.ts";

/** Starts one that must not start; its handlers must hear nothing. */
async function failing(start: Partial<WorkerStart>): Promise<WorkerStartError> {
  const heard: string[] = [];
  const error = await assertRejects(
    () =>
      startWorker({ name: "failing", setup: undefined, timeoutMs: 60_000, ...start }, {
        onMessage: () => heard.push("message"),
        onEnd: () => heard.push("end"),
      }),
    WorkerStartError,
  );
  assertEquals(error.code, "ERR_WORKER_START");
  assertEquals(error.worker, "failing");
  await turns(3);
  assertEquals(heard, []);
  return error;
}

const module = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`;

/** Deno checks the types of workers too, where the program's are checked; then that is what fails. */
const BROKEN: readonly [what: string, entry: string, says: RegExp][] = [
  ["a module that is not there", "file:///nowhere/at/all.js", /nowhere.at.all\.js|Type checking/],
  [
    "a module with a syntax error",
    module("let x = ;"),
    /Expression expected|Unexpected token|Unexpected ;/,
  ],
  [
    "a module that imports what is not there",
    module(`import "file:///nowhere.js";`),
    /nowhere\.js|Type checking/,
  ],
  ["a module that throws", module(`throw new RangeError("at the top");`), /at the top/],
];

for (const [what, entry, says] of BROKEN) {
  test(`${what} fails the start`, async () => {
    const error = await failing({ entry });
    assertEquals(error.reason, "module");
    assertInstanceOf(error.cause, Error);
    assertMatch(error.cause.message, says);
    assertStringIncludes(error.message, `Cannot start worker failing: `);
  });
}

test("what the program throws before it is ready is the cause, class and all", async () => {
  const error = await failing({
    entry: program(
      `throw new ClosedError("Cannot get ready", { cause: 7 });`,
      `import { ClosedError } from "${entry("runtime")}";`,
    ),
  });
  assertEquals(error.reason, "module");
  assertInstanceOf(error.cause, ClosedError);
  assertEquals([error.cause.code, error.cause.cause], ["ERR_CLOSED", 7]);
  assertEquals(
    error.message,
    "Cannot start worker failing: ClosedError: Cannot get ready",
  );
});

test("the library's own entry is found beside it, sources or package", async () => {
  // Its program needs a setup, and says so: it was loaded.
  const error = await failing({ setup: undefined });
  assertEquals(error.reason, "module");
  assertInstanceOf(error.cause, TypeError);
  assertMatch(error.cause.message, /undefined/);
});

test("a program that exits before it is ready fails the start", async () => {
  const error = await failing({ entry: program(`process.exit(5);`) });
  assertEquals(error.reason, "exited");
  assertStringIncludes(error.message, "ended itself with exit code 5 before it was ready");
});

test("a program that is never ready fails the start after the timeout, and is ended", async () => {
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const error = await failing({
    timeoutMs: isDeno ? 400 : 800,
    setup: beats,
    entry: program(`setInterval(() => Atomics.add(setup, 0, 1), 1); await new Promise(() => {});`),
  });
  assertEquals(error.reason, "timeout");
  assertStringIncludes(error.message, "it was not ready after ");
  // Its heart stops: waits until it has been still for some turns.
  for (let last = -1; last !== (last = Atomics.load(beats, 0));) await turns();
});

test("a program that blocks before it is ready fails the start after the timeout", async () => {
  const words = new Int32Array(new SharedArrayBuffer(4));
  const error = await failing({
    timeoutMs: 50,
    setup: words,
    entry: program(`while (Atomics.load(setup, 0) === 0);`),
  });
  assertEquals(error.reason, "timeout");
  Atomics.store(words, 0, 1); // Deno cannot stop it
});

test("a timeout that passes while the starting thread is busy does not count", async () => {
  const words = new Int32Array(new SharedArrayBuffer(4));
  const starting = hear({
    timeoutMs: 1,
    setup: words,
    entry: program(`setTimeout(() => {
      Atomics.store(setup, 0, 1);
      Atomics.notify(setup, 0);
    }, 20);`),
  });
  assertEquals(Atomics.wait(words, 0, 0, 20_000), "ok");
  const { worker } = await starting;
  assertEquals(await worker.terminate(), "ended");
});

test("a setup that cannot be cloned is told as such", async () => {
  const error = await assertRejects(
    () =>
      startWorker({ name: "x", setup: { f() {} }, entry: program("") }, {
        onMessage: () => {},
        onEnd: () => {},
      }),
    DOMException,
  );
  assertEquals(error.name, "DataCloneError");
});

test("wrong types and values are told as such", async () => {
  const start = (wrong: Record<string, unknown>) => () =>
    startWorker(
      { name: "x", setup: 1, entry: program(""), ...wrong } as WorkerStart,
      { onMessage: () => {}, onEnd: () => {} },
    );
  await assertRejects(start({ name: 7 }), TypeError, "name is number 7 (must be a string)");
  await assertRejects(start({ entry: "./tasks.ts" }), TypeError, "must be an absolute URL");
  await assertRejects(start({ timeoutMs: "1" }), TypeError, "timeoutMs");
  await assertRejects(start({ timeoutMs: -1 }), RangeError, "timeoutMs is -1");
  await assertRejects(start({ abandonAfterMs: NaN }), RangeError, "abandonAfterMs is NaN");
});

test("a message that cannot be cloned throws where it is posted, and harms nothing", async () => {
  const heard = await hear({
    entry: program(`port.onMessage((message) => {
      try {
        port.post(() => {});
      } catch (error) {
        port.post([error.name, message]);
      }
    });`),
  });
  let thrown: unknown;
  try {
    heard.worker.post({ f() {} });
  } catch (error) {
    thrown = error;
  }
  assertEquals((thrown as Error).name, "DataCloneError");
  heard.worker.post("still there");
  assertEquals(await heard.next(), ["DataCloneError", "still there"]);
  await heard.worker.terminate();
});

/** A program that starts a worker, and prints when it would end by itself. */
const holding = (then: string, entry = program(`port.onMessage((m) => port.post(m));`)) => `
import { startWorker } from "${libraryFile("scheduling/threads/worker_host")}";
import process from "node:process";
let answered = () => {};
const worker = await startWorker(
  { name: "w", setup: undefined, timeoutMs: 60_000, abandonAfterMs: 20, entry: ${
  JSON.stringify(entry)
} },
  { onMessage: (m) => (console.log(m), answered()), onEnd: (end) => console.log(JSON.stringify(end)) },
);
process.on("exit", () => console.log("over"));
${then}
`;

test("an idle worker that was unref'd lets the process end; one at work holds it", async () => {
  const { out, code } = await runProgram(holding(`
worker.unref();
worker.ref();
answered = () => worker.unref();
worker.post("answered");
`));
  assertEquals([out, code], ["answered\nover\n", 0]);
});

test("a worker that is held again holds the process until its last message is heard", async () => {
  const { out } = await runProgram(holding(
    `worker.unref(); worker.ref();`,
    program(`return () => new Promise((resolve) => setTimeout(() => {
      for (let i = 0; i < 500; i++) port.post(i);
      resolve();
    }, 50));`),
  ));
  const numbers = [...Array(500).keys()].map((i) => `${i}\n`).join("");
  assertEquals(out, `${numbers}{"how":"exited","exitCode":0}\nover\n`);
});

test("an error that nobody caught in a worker is told, not printed", async () => {
  const { out } = await runProgram(holding(
    ``,
    program(`return () => new Promise(() => setTimeout(() => { throw new Error("told"); }, 1));`),
  ));
  assertEquals(out, '{"how":"threw","error":{}}\nover\n');
});

test("terminating an unref'd worker is waited for", async () => {
  const { out } = await runProgram(holding(`
worker.unref();
console.log(await worker.terminate());
`));
  assertEquals(out, '{"how":"terminated"}\nended\nover\n');
});

test("a busy thread that was given up does not keep the process from ending", async () => {
  const { out } = await runProgram(holding(
    `console.log(await worker.terminate());`,
    program(`return () => { for (;;); };`),
  ));
  assertEquals(out, `{"how":"terminated"}\n${isDeno ? "abandoned" : "ended"}\nover\n`);
});

test("fifty workers come and go, and nothing of them stays", async () => {
  const endings = ["return;", "throw 1;", "process.exit(0);", "return new Promise(() => {});"];
  const resources = () =>
    isDeno ? 0 : (globalThis as unknown as { process: { getActiveResourcesInfo(): string[] } })
      .process.getActiveResourcesInfo().filter((name) => /Message|Worker/.test(name)).length;
  await turns();
  const before = resources();
  for (let i = 0; i < 12; i++) {
    await Promise.all(endings.map(async (ending) => {
      const heard = await hear({ entry: program(`return () => {${ending}};`) });
      if (ending.startsWith("return new")) await heard.worker.terminate();
      await heard.ended();
      assertEquals(heard.ends.length, 1);
    }));
  }
  // On Deno the test runner itself counts what a test leaves open.
  await turns();
  assertEquals(resources(), before);
});

const { allowedNodeEnvironmentFlags } = (globalThis as unknown as {
  process: { allowedNodeEnvironmentFlags?: ReadonlySet<string> };
}).process;
const PERMISSION = ["--permission", "--experimental-permission"]
  .find((flag) => allowedNodeEnvironmentFlags?.has(flag));

if (!isDeno && PERMISSION !== undefined) {
  test("Node without the right to have threads: the error says so", async () => {
    const text = `
import { startWorker } from "${libraryFile("scheduling/threads/worker_host")}";
await startWorker({ name: "w", setup: 1, entry: "data:text/javascript," }, {}).catch((error) => {
  console.log(error.code, error.reason, error.cause.code);
});`;
    const { lines } = await runProcess(text, [], [
      PERMISSION,
      "--allow-fs-read=*",
      ...command(text),
    ]);
    assertEquals(lines, ["ERR_WORKER_START permission ERR_ACCESS_DENIED"]);
  });
}
