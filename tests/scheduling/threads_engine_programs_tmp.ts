/**
 * Random programs over an engine: whatever is done in whatever order, every call has one outcome that fits, runs at
 * most once, and the counters add up.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { createEngine, type Engine, type RunOptions, type WhenFull } from "@vais/runtime";
import {
  deadlyModule,
  type DeadlyTasks,
  newWords,
  turn,
  until,
} from "../support/threads_engine_tasks.ts";
import { test } from "../support/test.ts";

const priorities = fc.constantFrom("high" as const, "normal" as const, "low" as const);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("run" as const),
      later: fc.boolean(),
      priority: priorities,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("limited" as const),
      ms: fc.integer({ min: 0, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("dispatch" as const), later: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("submit" as const), read: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("batch" as const),
      calls: fc.integer({ min: 0, max: 30 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("unblock" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("abort" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("resize" as const),
      to: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill" as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("turn" as const) }) },
);
const program = fc.record({
  steps: fc.array(step, { minLength: 5, maxLength: 70 }),
  maxTasks: fc.constantFrom(1, 3, 1_000),
  whenFull: fc.constantFrom<WhenFull>("wait", "reject", "inline"),
  drain: fc.boolean(),
});

type StepOf<A> = A extends fc.Arbitrary<infer S> ? S : never;

/** One call: which word it counts in, and how it ended. */
interface Call {
  readonly index: number;
  end: unknown;
}

class Play {
  readonly words = newWords(4_000);
  readonly calls: Call[] = [];
  readonly handles: { cancel(): void }[] = [];
  readonly pending: Promise<unknown>[] = [];
  controller = new AbortController();

  constructor(readonly engine: Engine<DeadlyTasks>) {
    engine.share(this.words.buffer as SharedArrayBuffer);
  }

  call(): Call {
    const call = { index: this.calls.length, end: undefined };
    this.calls.push(call);
    return call;
  }

  follow(call: Call, promise: PromiseLike<unknown>): void {
    this.pending.push(
      Promise.resolve(promise).then((value) => call.end = value, (error) => call.end = error.name),
    );
  }

  async step(one: StepOf<typeof step>): Promise<void> {
    const { engine, words } = this;
    switch (one.do) {
      case "run":
      case "limited":
      case "unblock": {
        const call = this.call();
        const options: RunOptions = {
          signal: this.controller.signal,
          ...(one.do === "limited" ? { timeoutMs: one.ms } : {}),
          ...(one.do === "run" ? { priority: one.priority } : {}),
        };
        const fn = one.do === "unblock" || one.do === "run" && one.later ? "tallyLater" : "tally";
        const task = one.do === "unblock"
          ? engine.unblock(fn, [words, call.index], options)
          : engine.run(fn, [words, call.index], options);
        this.handles.push(task);
        return this.follow(call, task);
      }
      case "dispatch": {
        const call = this.call();
        return this.follow(
          call,
          new Promise((resolve, reject) => {
            engine.dispatch(
              one.later ? "tallyLater" : "tally",
              [words, call.index],
              resolve,
              reject,
            );
          }),
        );
      }
      case "submit": {
        const call = this.call();
        try {
          const id = engine.submit("tally", [words, call.index]);
          if (one.read) this.follow(call, engine.waitForResult(id));
          else call.end = "unread";
        } catch (error) {
          call.end = (error as Error).name;
        }
        return;
      }
      case "batch": {
        const calls = Array.from({ length: one.calls }, () => this.call());
        const batch = engine.runBatch(
          "tally",
          calls.map(({ index }): [Int32Array, number] => [words, index]),
          { signal: this.controller.signal },
        );
        this.pending.push(batch.then(
          (results) => calls.forEach((call, i) => call.end = results[i]),
          () => calls.forEach((call) => call.end = "of a batch that failed"),
        ));
        return;
      }
      case "cancel":
        return this.handles[one.which % Math.max(1, this.handles.length)]?.cancel();
      case "abort":
        this.controller.abort();
        this.controller = new AbortController();
        return;
      case "resize":
        return engine.resize(one.to);
      case "kill": {
        const { workers } = engine;
        const worker = workers[one.which % Math.max(1, workers.length)];
        if (worker !== undefined) await engine.terminateWorker(worker);
        return;
      }
      case "turn":
        return await turn();
    }
  }
}

const EXPECTED = new Set([
  "AbortError",
  "TimeoutError",
  "WorkerLostError",
  "EngineClosedError",
  "QueueFullError",
  "unread",
  "of a batch that failed",
]);

test("random programs: one fitting outcome for each call, none runs twice, the counters add up", async () => {
  await fc.assert(
    fc.asyncProperty(program, async ({ steps, maxTasks, whenFull, drain }) => {
      const engine = await createEngine<DeadlyTasks>({
        module: deadlyModule,
        workerCount: 2,
        maxWorkers: 3,
        maxBlocking: 2,
        maxTasks,
        whenFull,
      });
      const play = new Play(engine);
      for (const one of steps) await play.step(one);
      if (drain) await Promise.all(play.pending);
      await engine.close({ drain });
      await Promise.all(play.pending);
      await until(() => engine.stats().inFlight === 0);
      for (const { index, end } of play.calls) {
        const ran = play.words[index]!;
        if (end === index) assertEquals(ran, 1, `call ${index} ran ${ran} times`);
        else {
          assert(EXPECTED.has(end as string), `call ${index} ended with ${end}`);
          assertLessOrEqual(ran, 1, `call ${index} (${end}) ran ${ran} times`);
        }
      }
      const stats = engine.stats();
      const ended = stats.completed + stats.failed + stats.cancelled + stats.timedOut + stats.lost +
        stats.rejected;
      assertEquals(ended, stats.submitted, JSON.stringify(stats));
      assertEquals([stats.waiting, stats.workers, stats.starting], [0, 0, 0]);
    }),
    { numRuns: 120, seed: 101, endOnFailure: true },
  );
});
