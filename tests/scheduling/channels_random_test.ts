/**
 * Random programs over one channel, against what every channel must keep: no value is lost or comes
 * twice, each sender's values keep their order, a cancelled send has sent nothing, nobody hangs.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Cancelled, Channel, ClosedError, select, TimeoutError } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { test } from "../support/test.ts";

const PROGRAMS = 10_000;

interface Actor {
  kind: "send" | "receive" | "next" | "select" | "try";
  count: number;
  pause: number;
  timeout: number | undefined;
  cancelAt: number | undefined;
}

interface Program {
  seed: number;
  capacity: number;
  actors: Actor[];
  closeAt: number | undefined;
}

const actor: fc.Arbitrary<Actor> = fc.record({
  kind: fc.constantFrom("send", "receive", "next", "select", "try"),
  count: fc.integer({ min: 1, max: 5 }),
  pause: fc.constantFrom(0, 0, 0, 1, 2),
  timeout: fc.constantFrom(undefined, undefined, 0, 1),
  cancelAt: fc.constantFrom(undefined, undefined, 0, 1, 2, 3),
});

const program: fc.Arbitrary<Program> = fc.record({
  seed: fc.nat(),
  capacity: fc.constantFrom(0, 0, 1, 2, 3, Infinity),
  actors: fc.array(actor, { minLength: 2, maxLength: 6 }),
  closeAt: fc.constantFrom(undefined, 0, 2, 4),
});

/** Values carry who sent them, and the how manyeth it was. */
type Value = readonly [sender: number, index: number];

interface Log {
  /** Sends that ended well, and those that were given up. */
  sent: Value[];
  unsent: Set<string>;
  /** For each receiver, in order. */
  received: Value[][];
}

async function run({ seed, capacity, actors, closeAt }: Program): Promise<void> {
  await using runtime = new SimulatedRuntime({ seed });
  const channel = new Channel<Value>(capacity);
  const other = new Channel<Value>(capacity);
  const log: Log = { sent: [], unsent: new Set(), received: actors.map(() => []) };
  const ended = actors.map((actor, id) =>
    runtime.spawn(() => play(runtime, channel, other, actor, id, log))
  );
  runtime.spawn(function* () {
    if (closeAt === undefined) return;
    yield* runtime.sleep(closeAt);
    channel.close();
    other.close();
  });
  runtime.spawn(function* () {
    yield* runtime.sleep(50);
    channel.close(); // who still waits must be woken
    other.close();
  });
  await runtime.run();
  for (const handle of ended) assert(handle.outcome()!.status !== "error");
  check(log, [...drain(channel), ...drain(other)]);
}

function* play(
  runtime: SimulatedRuntime,
  channel: Channel<Value>,
  other: Channel<Value>,
  { kind, count, pause, timeout, cancelAt }: Actor,
  id: number,
  log: Log,
): Generator<unknown, void> {
  const me = runtime.currentTask!;
  if (cancelAt !== undefined) {
    runtime.spawn(function* () {
      yield* runtime.sleep(cancelAt);
      me.cancel();
    });
  }
  const received = log.received[id]!;
  for (let i = 0; i < count; i++) {
    if (pause > 0) yield* runtime.sleep(pause);
    const value: Value = [id, i];
    try {
      if (kind === "send") {
        log.unsent.add(String(value));
        yield* timeout === undefined ? channel.send(value) : channel.send(value).timeout(timeout);
        log.unsent.delete(String(value));
        log.sent.push(value);
      } else if (kind === "receive") {
        const receive = channel.receive();
        received.push(yield* timeout === undefined ? receive : receive.timeout(timeout));
      } else if (kind === "next") {
        const next = yield* channel.next();
        if (next.done) return;
        received.push(next.value);
      } else if (kind === "select") {
        // Two ends at once: of the one that loses, nothing is taken and nothing sent.
        log.unsent.add(String(value));
        const won = yield* select(channel.receive(), other.send(value), other.receive());
        if (won.index === 1) {
          log.unsent.delete(String(value));
          log.sent.push(value);
        } else received.push(won.value as Value);
      } else if (i % 2 === 0) {
        if (channel.trySend(value)) log.sent.push(value);
        else log.unsent.add(String(value));
      } else {
        const got = channel.tryReceive();
        if (got !== undefined) received.push(got.value);
      }
    } catch (error) {
      if (error instanceof TimeoutError) continue;
      if (error instanceof ClosedError) return;
      assert(error instanceof Cancelled, String(error));
      throw error;
    }
  }
}

function drain(channel: Channel<Value>): Value[] {
  const left: Value[] = [];
  assertEquals([channel.waitingReceivers, channel.waitingSenders], [0, 0]);
  while (channel.size > 0) left.push(channel.tryReceive()!.value);
  return left;
}

function check({ sent, unsent, received }: Log, left: readonly Value[]): void {
  const text = (values: readonly Value[]): string[] => values.map(String).sort();
  const came = [...received.flat(), ...left];
  assertEquals(text(came), text(sent), "what was sent came exactly once");
  for (const value of came) assert(!unsent.has(String(value)), `${value} was given up, and came`);
  for (const values of received) {
    const last = new Map<number, number>();
    for (const [sender, index] of values) {
      assert(index > (last.get(sender) ?? -1), "in the order of its sender");
      last.set(sender, index);
    }
  }
}

test(`${PROGRAMS} random programs of senders, receivers, selects, cancels and closes`, async () => {
  await fc.assert(fc.asyncProperty(program, run), { numRuns: PROGRAMS });
});

test("the overflow policies keep the newest, or the oldest, and count the rest", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("drop-oldest" as const, "drop-newest" as const),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.boolean(), { maxLength: 30 }),
      (overflow, capacity, sends) => {
        const channel = new Channel<number>({ capacity, overflow });
        const model: number[] = [];
        let dropped = 0;
        sends.forEach((isSend, i) => {
          if (!isSend) {
            const value = model.shift();
            assertEquals(channel.tryReceive(), value === undefined ? undefined : { value });
            return;
          }
          assert(channel.trySend(i));
          if (model.length < capacity) model.push(i);
          else {
            dropped++;
            if (overflow === "drop-oldest") model.push(i), model.shift();
          }
        });
        assertEquals([channel.size, channel.dropped], [model.length, dropped]);
      },
    ),
    { numRuns: PROGRAMS },
  );
});

test("a receiver that was promised a value gets the oldest, whatever is dropped meanwhile", async () => {
  await using runtime = new SimulatedRuntime();
  const channel = new Channel<number>({ capacity: 1, overflow: "drop-oldest" });
  const first = runtime.spawn(() => channel.receive());
  runtime.runUntilStalled();
  for (const n of [1, 2, 3]) channel.trySend(n);
  assertEquals(await first, 1);
  assertEquals(channel.tryReceive(), { value: 3 });
  assertEquals(channel.dropped, 1);
});
