/**
 * The builder of a runtime with threads, and the context that makes the parts of a program.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Cancelled,
  ClosedError,
  Runtime,
  RuntimeContext,
  sleep,
  ThreadedRuntime,
  WorkerStartError,
} from "@vais/runtime";
import { test } from "../support/test.ts";

const bad = (value: unknown): never => value as never;

const MODULE = "data:text/javascript," + encodeURIComponent(`
  export const square = (n) => n * n;
  export const fail = (text) => { throw new RangeError(text); };
  export const forever = () => new Promise((resolve) => setTimeout(resolve, 1e9));
`);

interface Tasks {
  square(n: number): number;
  fail(text: string): never;
  forever(): Promise<void>;
}

test("spawn of a name runs on workers, spawn of a body here; both are tasks of the runtime", async () => {
  const log: string[] = [];
  const runtime = await Runtime.builder<Tasks>()
    .numWorkers(2)
    .disableWorkStealing()
    .workerThreadName("squares")
    .module(MODULE)
    .maxBlockingThreads(1)
    .onThreadStart(({ name }) => log.push(`+${name}`))
    .onThreadStop(({ name }) => log.push(`-${name}`))
    .onTaskStart(({ name }) => log.push(`>${name}`))
    .onTaskEnd(({ name }) => log.push(`<${name}`))
    .build();
  assertEquals((runtime as Runtime) instanceof ThreadedRuntime, true);
  assertEquals([runtime.workerCount, log.splice(0).sort()], [2, [
    "+squares worker 0",
    "+squares worker 1",
  ]]);
  const handles = [1, 2, 3].map((n) => runtime.spawn("square", [n]));
  assertEquals(handles.map(({ name }) => name), ["square", "square", "square"]);
  const sum: number = await runtime.spawn(function* () {
    let sum = 0;
    for (const handle of handles) sum += yield* handle;
    return sum;
  });
  assertEquals([sum, log.splice(0).sort()], [14, [
    ...Array(3).fill("<square"),
    ...Array(3).fill(">square"),
  ]]);
  await assertRejects(() => Promise.resolve(runtime.spawn("fail", ["no"])), RangeError, "no");
  const { threads, completed } = (runtime as unknown as ThreadedRuntime).metrics();
  assert(completed >= 4 && threads !== undefined);
  const stuck = runtime.spawn("forever", []);
  await sleep(1);
  assert(String(runtime.dump()).includes("forever"));
  await runtime.close();
  const outcome = await stuck.settled();
  assertEquals(outcome.status, "cancelled");
  assertEquals(log.filter((line) => line.startsWith("-")).length, 2);
});

test("blockOn builds, runs and closes; without workers everything runs here", async () => {
  const answer = await Runtime.builder<Tasks>().numWorkers(0).module(MODULE)
    .blockOn(() => 6 * 7);
  assertEquals(answer, 42);
  const failure = new Error("body failed");
  const error = await Runtime.builder().numWorkers(1).blockOn(() => {
    throw failure;
  }).catch((error) => error);
  assert(error === failure);
});

test("a builder refuses what is wrong, at the call or when it builds", async () => {
  assertThrows(() => Runtime.builder().onThreadStart(bad(1)), TypeError, "onThreadStart is number");
  await assertRejects(() => Runtime.builder().numWorkers(-1).build(), RangeError, "workerCount");
  await assertRejects(() => Runtime.builder().workerThreadName(bad(1)).build(), TypeError, "name");
  await assertRejects(
    () => Runtime.builder().numWorkers(1).module("data:text/javascript,throw 1").build(),
    WorkerStartError,
  );
});

test("a context makes its parts, and disposes of them", async () => {
  const context = new RuntimeContext<Tasks>({ engine: { workerCount: 1, module: MODULE } });
  const engine = await context.getEngine();
  assert(await context.getEngine() === engine);
  assertEquals(await engine.run("square", [5]), 25);
  const group = context.createTaskGroup();
  const log: string[] = [];
  group.spawn(async () => {
    try {
      await sleep(1e6);
    } finally {
      log.push("cleaned up");
    }
  });
  const settled = context.createFuture<number>();
  settled.resolve(1);
  const future = context.createFuture<number>();
  const source = context.createCancellationSource();
  await sleep(0);
  const disposing = context[Symbol.asyncDispose]();
  assert(context[Symbol.asyncDispose]() === disposing);
  await disposing;
  assertEquals([log, source.isCancelled, await settled], [["cleaned up"], true, 1]);
  await assertRejects(() => Promise.resolve(future), Cancelled);
  for (const make of ["createTaskGroup", "createFuture", "createCancellationSource"] as const) {
    assertThrows(() => context[make](), ClosedError, "disposed of");
  }
  assertThrows(() => context.getEngine(), ClosedError);
});

test("a context whose engine did not start can try again", async () => {
  await using context = new RuntimeContext({ engine: { module: "data:text/javascript,throw 1" } });
  for (let i = 0; i < 2; i++) await assertRejects(() => context.getEngine(), WorkerStartError);
  assertThrows(() => new RuntimeContext(bad(null)), TypeError, "options is null");
});
