/**
 * Bad input to engines: TypeError for the wrong kind, RangeError for out of range, and nothing begun.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  createEngine,
  Engine,
  type EngineConfig,
  runTask,
  runWorkload,
  submitTask,
  waitForResult,
} from "@vais/runtime";
import type { Any } from "../support/bad_input.ts";
import { type Tasks, tasksModule, until } from "../support/threads_engine_tasks.ts";
import { test } from "../support/test.ts";

const WRONG_CONFIG: [keyof EngineConfig, unknown][] = [
  ["module", 5],
  ["module", "./tasks.ts"],
  ["name", 5],
  ["maxTasks", "10"],
  ["workerCount", "2"],
  ["minWorkers", {}],
  ["maxWorkers", "2"],
  ["keepAliveMs", "10"],
  ["concurrency", true],
  ["whenFull", 5],
  ["stealPolicy", 5],
  ["stealPolicy", {}],
  ["numaEnabled", 1],
  ["cpuAffinityEnabled", "yes"],
  ["numaTopology", [0, 1]],
  ["latency", 5],
  ["copyBuffers", 1],
  ["maxBlocking", "2"],
  ["graceMs", "10"],
  ["startTimeoutMs", "10"],
  ["maxAbandoned", "1"],
  ["maxUnread", "1"],
  ["resourceLimits", 5],
  ["resourceLimits", { maxOldGenerationSizeMb: "10" }],
  ["hooks", 5],
  ["hooks", { onFull: 5 }],
  ["seed", "1"],
  ["detached", 1],
];

const OUT_OF_RANGE: [keyof EngineConfig, unknown][] = [
  ["maxTasks", 0],
  ["maxTasks", 65_537],
  ["maxTasks", 1.5],
  ["workerCount", -1],
  ["workerCount", 129],
  ["workerCount", NaN],
  ["minWorkers", 99],
  ["maxWorkers", 0],
  ["maxWorkers", 129],
  ["keepAliveMs", -1],
  ["concurrency", 0],
  ["concurrency", 4097],
  ["whenFull", "explode"],
  ["stealPolicy", "greedy"],
  ["latency", "none"],
  ["maxBlocking", 0],
  ["graceMs", NaN],
  ["startTimeoutMs", -5],
  ["maxAbandoned", -1],
  ["maxUnread", 0],
  ["resourceLimits", { stackSizeMb: 0 }],
  ["seed", -1],
];

test("a configuration that is wrong is refused, and says which field", async () => {
  for (const config of [null, 5, "x", () => 1] as Any[]) {
    await assertRejects(() => createEngine(config), TypeError, "Cannot create Engine");
  }
  const cases = [[TypeError, WRONG_CONFIG], [RangeError, OUT_OF_RANGE]] as const;
  for (const [ErrorClass, list] of cases) {
    for (const [field, value] of list) {
      const config = { workerCount: 1, [field]: value } as EngineConfig;
      const error = await assertRejects(() => Engine.create(config), ErrorClass);
      assertStringIncludes(error.message, "Cannot create Engine", field);
      assertStringIncludes(error.message, field);
    }
  }
});

type Call = (engine: Engine<Tasks>) => unknown;

const WRONG_TYPE: Record<string, Call> = {
  "run: fn": (e) => e.run(5 as Any, [] as Any),
  "run: nothing": (e) => (e as Any).run(),
  "run: args": (e) => e.run("add", 5 as Any),
  "run: args no array": (e) => e.run("add", "12" as Any),
  "run: options": (e) => e.run("add", [1, 2], 5 as Any),
  "run: options null": (e) => e.run("add", [1, 2], null as Any),
  "run: timeoutMs": (e) => e.run("add", [1, 2], { timeoutMs: "1" as Any }),
  "run: signal": (e) => e.run("add", [1, 2], { signal: {} as Any }),
  "run: priority": (e) => e.run("add", [1, 2], { priority: 1 as Any }),
  "run: transfer": (e) => e.run("add", [1, 2], { transfer: {} as Any }),
  "run: terminate": (e) => e.run("add", [1, 2], { terminate: 1 as Any }),
  "run: graceMs": (e) => e.run("add", [1, 2], { graceMs: "1" as Any }),
  "run: class": (e) => e.run(class {} as Any, []),
  "run: native": (e) => e.run(Math.max as Any, [1]),
  "unblock: fn": (e) => e.unblock({} as Any, [] as Any),
  "unblock: args": (e) => e.unblock("add", {} as Any),
  "unblock: options": (e) => e.unblock("add", [1, 2], { priority: 1 as Any }),
  "submit: fn": (e) => e.submit(null as Any, [] as Any),
  "submit: args": (e) => e.submit("add", 1 as Any),
  "submit: detach": (e) => e.submit("add", [1, 2], { detach: 1 as Any }),
  "submit: options": (e) => e.submit("add", [1, 2], 1 as Any),
  "waitForResult: id": (e) => e.waitForResult("1" as Any),
  "waitForResult: time": (e) => e.waitForResult(1, "1" as Any),
  "cancel: id": (e) => e.cancel({} as Any),
  "cancel: options": (e) => e.run("add", [1, 2]).cancel("x", 5 as Any),
  "cancel: terminate": (e) => e.run("add", [1, 2]).cancel("x", { terminate: 1 as Any }),
  "dispatch: fn": (e) => e.dispatch(5 as Any, [] as Any, () => {}),
  "dispatch: args": (e) => e.dispatch("add", 1 as Any, () => {}),
  "dispatch: onValue": (e) => e.dispatch("add", [1, 2], 5 as Any),
  "dispatch: onError": (e) => e.dispatch("add", [1, 2], () => {}, 5 as Any),
  "runBatch: calls": (e) => e.runBatch("add", 5 as Any),
  "runBatch: options": (e) => e.runBatch("add", [], 5 as Any),
  "map: items": (e) => e.map(5 as Any, "echo" as Any),
  "map: items null": (e) => e.map(null as Any, "echo" as Any),
  "map: fn": (e) => e.map([1], 5 as Any),
  "map: options": (e) => e.map([1], (n) => n, { priority: {} as Any }),
  "forEach: items": (e) => e.forEach({} as Any, (n) => n),
  "forEach: fn": (e) => e.forEach([1], undefined as Any),
  "stream: fn": (e) => e.stream(5 as Any, [] as Any),
  "stream: args": (e) => e.stream("count", 5 as Any),
  "stream: options": (e) => e.stream("countAsync", [1], 5 as Any),
  "stream: buffer": (e) => e.stream("countAsync", [1], { buffer: "1" as Any }),
  "share": (e) => e.share(new ArrayBuffer(8) as Any),
  "share: nothing": (e) => e.share(undefined as Any),
  "lease": (e) => e.lease("8" as Any),
  "resize": (e) => e.resize("2" as Any),
  "resize: min": (e) => e.resize(1, "0" as Any),
  "close: options": (e) => e.close(5 as Any),
  "close: drain": (e) => e.close({ drain: 1 as Any }),
  "close: timeoutMs": (e) => e.close({ timeoutMs: "1" as Any }),
  "terminateWorker": (e) => e.terminateWorker("0" as Any),
  "submitTask: engine": () => submitTask({} as Any, "add" as Any, []),
  "waitForResult: engine": () => waitForResult(undefined as Any, 1),
  "runTask: engine": () => runTask(null as Any, "add" as Any, []),
  "runWorkload: engine": () => runWorkload(5 as Any, "add" as Any, []),
};

const WRONG_RANGE: Record<string, Call> = {
  "run: timeoutMs negative": (e) => e.run("add", [1, 2], { timeoutMs: -1 }),
  "run: timeoutMs NaN": (e) => e.run("add", [1, 2], { timeoutMs: NaN }),
  "run: priority": (e) => e.run("add", [1, 2], { priority: "urgent" as Any }),
  "run: graceMs": (e) => e.run("add", [1, 2], { graceMs: -1 }),
  "waitForResult: id": (e) => e.waitForResult(0),
  "waitForResult: id fraction": (e) => e.waitForResult(1.5),
  "waitForResult: time": (e) => e.waitForResult(1, -1),
  "waitForResult: time NaN": (e) => e.waitForResult(1, NaN),
  "cancel: id": (e) => e.cancel(-1),
  "cancel: graceMs": (e) => e.run("add", [1, 2]).cancel("x", { graceMs: NaN }),
  "stream: buffer": (e) => e.stream("countAsync", [1], { buffer: 0 }),
  "lease: length": (e) => e.lease(-1),
  "lease: too long": (e) => e.lease(2 ** 30),
  "resize: none": (e) => e.resize(0),
  "resize: too many": (e) => e.resize(129),
  "resize: min": (e) => e.resize(1, 2),
  "close: timeoutMs": (e) => e.close({ timeoutMs: -1 }),
  "terminateWorker": (e) => e.terminateWorker(-1),
};

test("wrong calls throw at once, and begin nothing", async () => {
  const engine = await createEngine<Tasks>({ module: tasksModule, workerCount: 1 });
  for (const [ErrorClass, calls] of [[TypeError, WRONG_TYPE], [RangeError, WRONG_RANGE]] as const) {
    for (const [name, call] of Object.entries(calls)) {
      let thrown: unknown;
      try {
        thrown = await call(engine);
      } catch (error) {
        thrown = error;
      }
      assert(thrown instanceof ErrorClass, `${name}: ${thrown}`);
      assert((thrown as Error).message.startsWith("Cannot "), `${name}: ${thrown}`);
    }
  }
  assert(!engine.isClosed);
  // Those that the wrong `cancel`s were called on.
  await until(() => engine.stats().completed === 3);
  assertEquals([engine.stats().submitted, engine.stats().failed], [3, 0]);
  assertEquals(await engine.run("add", [1, 2]), 3);
  await engine.close();
});

test("items that come asynchronously are no iterable, and the text says what they are", async () => {
  const engine = await createEngine<Tasks>({ workerCount: 0 });
  const items: Any = (async function* () {})();
  const text = "Cannot map: items is an async iterable (must be an iterable)";
  assertThrows(() => engine.map(items, (n) => n), TypeError, text);
  await engine.close();
});
