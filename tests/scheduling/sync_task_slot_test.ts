/**
 * TaskSlot: one run at a time, and what each policy does with the others.
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
import fc from "fast-check";
import {
  GroupClosedError,
  type JoinHandle,
  Latch,
  type RunPolicy,
  scope,
  TaskGroup,
  TaskSlot,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft } from "../support/probes.ts";
import { forPrograms, pick, PROGRAMS } from "../support/sync_actors.ts";
import { test } from "../support/test.ts";

type Command =
  | { do: "run"; policy: RunPolicy; isAsync: boolean; cleans: boolean }
  | { do: "finish" | "clean" | "cancel"; which: number }
  | { do: "settle" | "cancelAll" };

const which = fc.nat(20);
const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("run" as const),
      policy: fc.constantFrom<RunPolicy[]>("queue", "queue", "latest", "keepLatest", "drop"),
      isAsync: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
      cleans: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("finish" as const), which }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("clean" as const), which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("cancel" as const), which }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cancelAll" as const) }) },
);

/** A run as the model knows it. */
interface ModelRun {
  readonly id: number;
  readonly cleans: boolean;
  state: "waits" | "on" | "cleans" | "ok" | "cancelled";
  isCancelled: boolean;
  mayFinish: boolean;
  isClean: boolean;
}

/** The reference. */
class Model {
  readonly runs: ModelRun[] = [];
  readonly begun: number[] = [];
  running: ModelRun | undefined;
  queue: ModelRun[] = [];

  run(policy: RunPolicy, cleans: boolean): void {
    const run: ModelRun = {
      id: this.runs.length,
      cleans,
      state: "waits",
      isCancelled: false,
      mayFinish: false,
      isClean: false,
    };
    this.runs.push(run);
    if (policy === "drop" && this.running !== undefined) return void (run.state = "cancelled");
    if (policy === "latest") { for (const other of [this.running]) this.cancel(other); }
    if (policy !== "queue") { for (const other of [...this.queue]) this.cancel(other); }
    this.queue.push(run);
    this.next();
  }

  next(): void {
    if (this.running === undefined) this.running = this.queue.shift();
  }

  cancel(run: ModelRun | undefined): void {
    if (run === undefined || run.state === "ok" || run.state === "cancelled") return;
    if (run.state === "waits") {
      run.state = "cancelled";
      this.queue = this.queue.filter((other) => other !== run);
      if (this.running === run) {
        this.running = undefined;
        this.next();
      }
    } else if (!run.isCancelled) {
      run.isCancelled = true;
      // The first cancel is thrown at the next await, be that in the cleanup.
      if (run.state === "cleans") run.isClean = true;
    }
  }

  settle(): void {
    for (let run = this.running; run !== undefined; run = this.running) {
      if (run.state === "waits") {
        run.state = "on";
        this.begun.push(run.id);
      }
      if (run.state === "on" && (run.isCancelled || run.mayFinish)) run.state = "cleans";
      if (run.state !== "cleans" || run.cleans && !run.isClean) return;
      run.state = run.isCancelled ? "cancelled" : "ok";
      this.running = undefined;
      this.next();
    }
  }
}

test("TaskSlot does what its model does: 10 000 programs of runs with each policy, ends, cleanups and cancels", async () => {
  const seen = new Map<string, number>();
  const programs = fc.array(commands, { minLength: 3, maxLength: 40, size: "max" });
  await forPrograms(programs, async (program) => {
    const runtime = new SimulatedRuntime();
    const group = new TaskGroup({ runtime });
    const slot = new TaskSlot(group);
    const model = new Model();
    const handles: JoinHandle<number>[] = [];
    const ends: Latch[] = [];
    const cleans: Latch[] = [];
    const begun: number[] = [];
    let inside = 0;
    let hasAsync = false;
    const settle = async () => {
      runtime.runUntilStalled();
      // Async bodies take turns of the host; a whole line of them may end one after the other.
      for (let round = 0; hasAsync && round < 6 + 4 * handles.length; round++) {
        for (let i = 0; i < 6; i++) await undefined;
        runtime.runUntilStalled();
      }
      model.settle();
    };
    const run = (command: Command & { do: "run" }) => {
      const i = handles.length;
      const { policy, isAsync } = command;
      const [end, clean] = [new Latch(), new Latch(command.cleans ? 1 : 0)];
      ends.push(end);
      cleans.push(clean);
      const begin = () => {
        assertEquals(++inside, 1);
        begun.push(i);
      };
      hasAsync ||= isAsync;
      handles.push(slot.run<number>(
        isAsync
          ? async () => {
            begin();
            try {
              await end.wait();
              return i;
            } finally {
              try {
                await clean.wait();
              } finally {
                inside--;
              }
            }
          }
          : function* () {
            begin();
            try {
              yield* end.wait();
              return i;
            } finally {
              try {
                yield* clean.wait();
              } finally {
                inside--;
              }
            }
          },
        { policy },
      ));
      model.run(policy, command.cleans);
    };
    for (const command of program) {
      switch (command.do) {
        case "run":
          // What has ended is seen before the policy asks who is on.
          await settle();
          run(command);
          break;
        case "finish": {
          const one = pick(model.runs, command.which);
          if (one === undefined) break;
          ends[one.id]!.open();
          one.mayFinish = true;
          break;
        }
        case "clean": {
          const one = pick(model.runs, command.which);
          if (one === undefined) break;
          await settle();
          cleans[one.id]!.open();
          one.isClean = true;
          break;
        }
        case "cancel": {
          const one = pick(model.runs, command.which);
          if (one === undefined) break;
          await settle();
          handles[one.id]!.cancel();
          model.cancel(one);
          break;
        }
        case "cancelAll":
          await settle();
          slot.cancel("all");
          for (const one of [...model.queue, model.running]) model.cancel(one);
          break;
        case "settle":
          break;
      }
      await settle();
      assertEquals(slot.waiting, model.queue.length);
      assertEquals(slot.running?.id, model.running && handles[model.running.id]!.id);
    }
    for (const latch of [...ends, ...cleans]) latch.open();
    for (const one of model.runs) one.mayFinish = one.isClean = true;
    await settle();
    assertEquals(begun, model.begun);
    handles.forEach((handle, i) => {
      const { state } = model.runs[i]!;
      assertEquals(handle.outcome()?.status, state as "ok" | "cancelled", `run ${i}`);
      if (state === "ok") assertEquals(handle.outcome(), { status: "ok", value: i });
      seen.set(state, (seen.get(state) ?? 0) + 1);
    });
    assertEquals([slot.running, slot.waiting, inside], [undefined, 0, 0]);
    await group.run();
    assertEquals([runtime.metrics().alive, runtime.metrics().timers], [0, 0]);
  });
  for (const end of ["ok", "cancelled"]) {
    assert((seen.get(end) ?? 0) > PROGRAMS / 2, JSON.stringify([...seen]));
  }
});

// ---- single situations --------------------------------------------------------------------------

test("the policy is the call's: a search that restarts, a button that drops, a save that keeps the latest", async () => {
  await using runtime = new SimulatedRuntime();
  const log: string[] = [];
  await scope(function* (s) {
    const slot = new TaskSlot(s, { name: "form" });
    const run = (name: string, policy: RunPolicy) =>
      slot.run(function* (task) {
        log.push(`${name} begins at ${runtime.clock.now()}`);
        try {
          yield* task.sleep(10);
          log.push(`${name} done`);
        } finally {
          yield* task.sleep(2);
        }
      }, { policy, name });
    run("save 1", "keepLatest");
    yield* s.sleep(1);
    const second = run("save 2", "keepLatest");
    const dropped = run("button", "drop");
    run("save 3", "keepLatest");
    assertEquals([slot.running?.name, slot.waiting, second.status, dropped.status], [
      "save 1",
      1,
      4,
      4,
    ]);
    yield* s.sleep(1);
    run("search", "latest");
  }, { runtime });
  assertEquals(log, [
    "save 1 begins at 0",
    "search begins at 4",
    "search done",
  ]);
});

test("a dropped or replaced run tells why; its body never ran", async () => {
  await using runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime });
  const slot = new TaskSlot(group, { policy: "drop", name: "form" });
  let ran = 0;
  const first = slot.run((task) => task.sleep(5));
  const dropped = slot.run(() => ++ran);
  const outcome = await dropped.settled();
  assert(outcome.status === "cancelled");
  assertEquals(outcome.reason, {
    kind: "requested",
    by: "task slot form",
    note: "dropped: another run is on",
  });
  slot.cancel("stop");
  const stopped = await first.settled();
  assert(stopped.status === "cancelled");
  assertEquals(stopped.reason, { kind: "requested", by: "task slot form", note: "stop" });
  assertEquals(ran, 0);
  await group.run();
});

test("a run that fails fails its group, and the slot is free again", async () => {
  await using runtime = new SimulatedRuntime();
  const error = new Error("broken");
  const failed = scope((s) => {
    const slot = new TaskSlot(s);
    slot.run(() => {
      throw error;
    });
    slot.run(() => {
      throw new Error("never begins: the group is cancelled");
    });
  }, { runtime });
  await assertRejects(() => failed, Error, "broken");
  const supervisor = new TaskGroup({ runtime, cancelOnError: false });
  const slot = new TaskSlot(supervisor);
  slot.run(() => {
    throw error;
  });
  const second = slot.run(() => 2);
  assertEquals(await second, 2);
  await assertRejects(() => supervisor.run(), Error, "broken");
  assertEquals([slot.running, slot.waiting], [undefined, 0]);
  supervisor.close();
  assertThrows(() => slot.run(() => 3), GroupClosedError);
  assertEquals([slot.running, slot.waiting], [undefined, 0]);
  await assertNothingLeft(runtime);
});

test("a run that waits says for whom; runs are in the order of their calls, whatever the schedule", async () => {
  for (let seed = 0; seed < 50; seed++) {
    await using runtime = new SimulatedRuntime({ seed });
    const group = new TaskGroup({ runtime });
    const slot = new TaskSlot(group, { name: "form" });
    const log: number[] = [];
    for (let i = 0; i < 5; i++) {
      slot.run(function* (task) {
        log.push(i);
        yield* task.sleep(1);
      }, { name: `run ${i}` });
    }
    runtime.runUntilStalled();
    assertStringIncludes(runtime.dump().toString(), "waits for task slot form (run 0 #");
    await group.run();
    assertEquals(log, [0, 1, 2, 3, 4]);
  }
});
