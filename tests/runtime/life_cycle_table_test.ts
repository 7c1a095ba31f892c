/**
 * The life of a task as a table: kind of body x how it ends x who looks, every counter asserted.
 *
 * @module
 */
import { assertEquals, assertStrictEquals } from "@std/assert";
import process from "node:process";
import type { Runtime, TaskBody } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft, hostDelay, Probe, within } from "../support/probes.ts";
import { test } from "../support/test.ts";

const boom = new Error("boom");

/** What a body waits for, and whether it swallows what that throws. */
interface Gate {
  readonly probe: Probe<string>;
  readonly swallows: boolean;
  ran: number;
}

const kinds: Record<string, (gate: Gate) => TaskBody<string> | [Gate, PollFn]> = {
  "state and poll": (gate) => [gate, (state, waker) => (state.ran++, state.probe.poll(waker))],
  "pollable": (gate) => ({
    poll: (waker) => (gate.ran++, gate.probe.poll(waker)),
    cancel: (reason) => gate.probe.cancel(reason),
  }),
  "future": (gate) => gate.probe.map((v) => (gate.ran++, v)),
  "function to future": (gate) => () => (gate.ran++, gate.probe),
  "generator": (gate) =>
    function* () {
      gate.ran++;
      try {
        return yield* gate.probe;
      } catch (error) {
        if (gate.swallows) return "swallowed";
        throw error;
      }
    },
  "async function": (gate) => async (task) => {
    gate.ran++;
    try {
      return await task.wait(gate.probe);
    } catch (error) {
      if (gate.swallows) return "swallowed";
      throw error;
    }
  },
};
type PollFn = (
  state: Gate,
  waker: Parameters<Probe["poll"]>[0],
) => ReturnType<Probe<string>["poll"]>;

const ends = [
  "return",
  "throw",
  "cancel before start",
  "cancel while parked",
  "cancel while queued",
  "swallowed cancel",
] as const;
const looks = [
  "joined before",
  "joined after",
  "settled before",
  "settled after",
  "never",
] as const;
const hasCleanup = ["generator", "async function"];

type Seen = { value: unknown } | { error: unknown } | { outcome: unknown } | undefined;

async function live(kind: string, end: typeof ends[number], look: typeof looks[number]) {
  const exits: string[] = [];
  const swallowed: string[] = [];
  const runtime: Runtime = new SimulatedRuntime({
    observer: {
      onExit: (_, status) => exits.push(status),
      onSwallowedCancel: (task) => swallowed.push(task.name),
    },
  });
  const gate: Gate = { probe: new Probe(), swallows: end === "swallowed cancel", ran: 0 };
  const body = kinds[kind]!(gate);
  const handle = Array.isArray(body) ? runtime.spawn(...body) : runtime.spawn(body);
  const watch = (how: string): Promise<Seen> | undefined => {
    if (look === `joined ${how}`) {
      return handle.then((value) => ({ value }), (error) => ({ error }));
    }
    if (look === `settled ${how}`) return handle.settled().then((outcome) => ({ outcome }));
  };
  const before = watch("before");

  if (end !== "cancel before start") {
    runtime.runUntilStalled();
    await hostDelay(0); // an async body reaches its await in a microtask
    assertEquals([handle.status, handle.isFinished, gate.ran > 0 || kind === "future"], [
      0,
      false,
      true,
    ]);
  }
  switch (end) {
    case "return":
      gate.probe.resolve("value");
      break;
    case "throw":
      gate.probe.reject(boom);
      break;
    case "cancel while queued":
      gate.probe.resolve("granted");
      handle.cancel("why");
      break;
    default:
      handle.cancel("why");
      if (end === "cancel before start") assertEquals(handle.isFinished, true);
  }
  const ran = runtime.run().then(() => "resolved", (error) => error);
  const outOfRun = await within(ran, "run");
  const after = watch("after");
  const seen = await within(before ?? after ?? Promise.resolve(undefined), "the join");
  return { runtime, gate, handle, seen, outOfRun, exits, swallowed };
}

for (const kind of Object.keys(kinds)) {
  for (const end of ends) {
    if (end === "swallowed cancel" && !hasCleanup.includes(kind)) continue;
    test(`life of a task: ${kind}, ${end}`, async () => {
      const unhandled: unknown[] = [];
      const listener = (reason: unknown) => void unhandled.push(reason);
      process.on("unhandledRejection", listener);
      try {
        for (const look of looks) {
          const life = await live(kind, end, look);
          const { runtime, gate, handle, seen, outOfRun, exits, swallowed } = life;
          const status = end === "return" ? "ok" : end === "throw" ? "error" : "cancelled";
          const outcome = handle.outcome()!;

          assertEquals(handle.status, { ok: 3, cancelled: 4, error: 5 }[status], look);
          assertEquals([handle.isFinished, outcome.status, exits], [true, status, [status]], look);
          if (outcome.status === "ok") assertEquals(outcome.value, "value");
          else if (outcome.status === "error") assertStrictEquals(outcome.error, boom);
          else assertEquals(outcome.reason, { kind: "requested", note: "why" });

          if (seen === undefined) assertEquals(look, "never");
          else if ("outcome" in seen) assertEquals(seen.outcome, outcome);
          else if ("value" in seen) assertEquals([seen.value, status], ["value", "ok"]);
          else if (status === "error") assertStrictEquals(seen.error, boom);
          else {assertEquals([String(seen.error), status], [
              'AbortError: Cancelled: requested ("why")',
              "cancelled",
            ], look);}

          const mustTell = end === "throw" && (look === "never" || look.endsWith("after"));
          assertEquals(outOfRun, mustTell ? boom : "resolved", look);
          assertEquals(swallowed.length, end === "swallowed cancel" ? 1 : 0);

          const cancels = end === "cancel while parked" || end === "cancel while queued" ||
            end === "swallowed cancel";
          const polls = { return: 2, throw: 2, "cancel before start": 0 }[end as string] ?? 1;
          assertEquals(gate.probe.polls, polls, look);
          // A state has no cancel hook: nothing is told.
          // A future that is dropped before its first poll may be told, so that it drops what it holds.
          if (end === "cancel before start") assertEquals(gate.probe.cancels <= 1, true);
          else assertEquals(gate.probe.cancels, cancels && kind !== "state and poll" ? 1 : 0, look);
          if (end === "cancel before start") assertEquals(gate.ran, 0);

          const { spawned, completed, failed, cancelled } = runtime.metrics();
          assertEquals(
            [spawned, completed, failed, cancelled],
            [
              1,
              Number(status === "ok"),
              Number(status === "error"),
              Number(status === "cancelled"),
            ],
          );
          handle.cancel("too late");
          gate.probe.waker?.wake();
          runtime.runUntilStalled();
          assertEquals([handle.outcome(), gate.probe.polls], [outcome, polls]);
          await assertNothingLeft(runtime);
        }
        await hostDelay(1);
        assertEquals(unhandled, []);
      } finally {
        process.off("unhandledRejection", listener);
      }
    });
  }
}

for (const end of ["return", "throw", "cancel before start", "cancel while parked"] as const) {
  test(`life of a task: promise, ${end}`, async () => {
    for (const look of ["joined", "settled", "never"]) {
      const runtime = new SimulatedRuntime();
      let settle!: { resolve(v: string): void; reject(e: unknown): void };
      const promise = new Promise<string>((resolve, reject) => settle = { resolve, reject });
      const handle = runtime.spawn(promise);
      if (end !== "cancel before start") runtime.runUntilStalled();
      if (end === "return") settle.resolve("value");
      else if (end === "throw") settle.reject(boom);
      else handle.cancel("why");
      if (look === "joined") await handle.then(() => {}, () => {});
      if (look === "settled") await handle.settled();
      const out = await runtime.run().then(() => "resolved", (error) => error);
      assertEquals(out, end === "throw" && look === "never" ? boom : "resolved");
      assertEquals(handle.status, { return: 3, throw: 5 }[end as string] ?? 4);
      settle.resolve("too late");
      await hostDelay(0);
      await assertNothingLeft(runtime);
    }
  });
}
