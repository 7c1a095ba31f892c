/**
 * Channels one by one: models of what each keeps, ends, closes, and bad input.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Broadcast,
  type BroadcastReceiver,
  Channel,
  ClosedError,
  Future,
  LaggedError,
  oneshot,
  PENDING,
  RequestChannel,
  select,
  Watch,
  watch,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { CountingWaker } from "../support/probes.ts";
import { test } from "../support/test.ts";

const PROGRAMS = 10_000;
const bad = (value: unknown): never => value as never;

// ---- Channel --------------------------------------------------------------------------------

test("first come, first served, at both ends", async () => {
  await using runtime = new SimulatedRuntime();
  const channel = new Channel<number>();
  const got: string[] = [];
  for (const name of ["a", "b"]) {
    runtime.spawn(function* () {
      got.push(`${name}${yield* channel.receive()}`);
    });
  }
  for (const n of [1, 2, 3]) runtime.spawn(() => channel.send(n));
  runtime.runUntilStalled();
  assertEquals([got, channel.waitingSenders, channel.size], [["a1", "b2"], 1, 0]);
  assertEquals(channel.tryReceive(), undefined, "a sender gives its value only to one who waits");
  assertEquals(await runtime.spawn(() => channel.receive()), 3);
  await runtime.run();
});

test("trySend into a rendezvous needs a receiver that waits", async () => {
  await using runtime = new SimulatedRuntime();
  const channel = Channel.rendezvous<number>();
  assertEquals(channel.trySend(1), false);
  const receiver = runtime.spawn(() => channel.receive());
  runtime.runUntilStalled();
  assertEquals([channel.trySend(2), channel.trySend(3)], [true, false]);
  assertEquals(await receiver, 2);
});

test("close with an error: what is left comes first, then the error itself, and again", async () => {
  const channel = new Channel<number>(4);
  channel.trySend(1);
  const failure = new Error("source failed");
  channel.close(failure);
  channel.close(new Error("too late"));
  assertEquals(await channel.receive(), 1);
  for (let i = 0; i < 2; i++) {
    assertStrictEquals(await channel.receive().catch((error) => error), failure);
    assertStrictEquals(await channel.next().catch((error) => error), failure);
    assertThrows(() => channel.tryReceive(), Error, "source failed");
  }
  const refused = await channel.send(2).catch((error) => error);
  assert(refused instanceof ClosedError);
  assertStrictEquals(refused.cause, failure);
});

test("a closed channel drains, then ends, and wakes all who wait", async () => {
  await using runtime = new SimulatedRuntime();
  using channel = new Channel<string>(1);
  channel.trySend("left");
  const sender = runtime.spawn(() => channel.send("never"));
  runtime.runUntilStalled();
  channel.close();
  await assertRejects(() => Promise.resolve(sender), ClosedError, "Cannot send to channel");
  assertEquals(channel.isClosed, true);
  const seen: string[] = [];
  for await (const value of channel) seen.push(value);
  assertEquals(seen, ["left"]);
  await assertRejects(() => Promise.resolve(channel.receive()), ClosedError, "were received");
  const empty = new Channel<string>();
  const waiting = [1, 2].map(() => runtime.spawn(() => empty.receive().catch((e) => e.code)));
  runtime.runUntilStalled();
  empty.close();
  assertEquals(await Promise.all(waiting), ["ERR_CLOSED", "ERR_CLOSED"]);
});

test("closed while its last value is claimed: who waits behind the claim gets it when it comes back", async () => {
  await using runtime = new SimulatedRuntime();
  const channel = new Channel<string>(8);
  const done: string[] = [];
  const worker = (name: string) =>
    runtime.spawn(function* () {
      for (let next; !(next = yield* channel.next()).done;) done.push(`${next.value} by ${name}`);
    });
  const [first, second] = [worker("first"), worker("second")];
  runtime.runUntilStalled();
  channel.trySend("last");
  channel.close();
  assertEquals([channel.size, channel.tryReceive(), channel.waitingReceivers], [0, undefined, 1]);
  const late = worker("late");
  first.cancel();
  await runtime.run();
  assertEquals([done, first.outcome()!.status], [["last by second"], "cancelled"]);
  assertEquals([second, late].map((task) => task.outcome()!.status), ["ok", "ok"]);
  assertThrows(() => channel.tryReceive(), ClosedError);
});

test("one future awaited by two: the second has the wait, the first is told", async () => {
  await using runtime = new SimulatedRuntime();
  const channel = new Channel<number>(1);
  const [sender, receiver] = oneshot<number>();
  for (const future of [channel.receive(), receiver]) {
    const first = runtime.spawn(function* () {
      return yield* future;
    });
    runtime.runUntilStalled();
    const second = runtime.spawn(async () => await future);
    runtime.runUntilStalled();
    await assertRejects(() => first, TypeError, "somebody else awaits the same future");
    if (future === receiver) sender.send(7);
    else channel.trySend(7);
    assertEquals(await second, 7);
  }
  const again = channel.receive();
  await runtime.spawn(async () => {
    const error = await Promise.resolve(Future.all([again, again])).catch((error) => error);
    assertEquals(error instanceof TypeError, true);
  });
  assertEquals([channel.waitingReceivers, channel.trySend(8), channel.size], [0, true, 1]);
});

test("producers: the last one to end closes, and an ended one cannot send", () => {
  const channel = Channel.unbounded<number>();
  const [a, b] = [channel.producer(), channel.producer()];
  a.trySend(1);
  a[Symbol.dispose]();
  a[Symbol.dispose]();
  assertEquals(channel.isClosed, false);
  assertThrows(() => a.trySend(2), ClosedError, "this producer ended");
  b[Symbol.dispose]();
  assertEquals([channel.isClosed, channel.size], [true, 1]);
  assertThrows(() => channel.producer(), ClosedError);
});

test("an unbounded channel gives the memory of a burst back", () => {
  const channel = Channel.unbounded<number>();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 100_000; i++) channel.trySend(i);
    for (let i = 0; i < 100_000; i++) assertEquals(channel.tryReceive()!.value, i);
  }
  assertEquals(channel.tryReceive(), undefined);
});

// ---- oneshot --------------------------------------------------------------------------------

test("oneshot: each order of its calls", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("send", "drop", "close", "take"), { maxLength: 5 }),
      (calls) => {
        const [sender, receiver] = oneshot<number>();
        let state: "open" | "sent" | "taken" | "dropped" | "refused" = "open";
        for (const call of calls) {
          if (call === "send") {
            if (state === "open") {
              assertEquals(sender.send(1), true);
              state = "sent";
            } else if (state === "refused") assertEquals(sender.send(1), false);
            else assertThrows(() => sender.send(1), ClosedError);
          } else if (call === "drop") {
            sender[Symbol.dispose]();
            if (state === "open") state = "dropped";
          } else if (call === "close") {
            receiver.close();
            if (state === "open") state = "refused";
          } else if (state === "sent") {
            assertEquals(receiver.tryReceive(), { value: 1 });
            state = "taken";
          } else if (state === "open") assertEquals(receiver.tryReceive(), undefined);
          else assertThrows(() => receiver.tryReceive(), ClosedError);
          assertEquals(sender.isClosed, state !== "open");
        }
        return Promise.resolve();
      },
    ),
    { numRuns: PROGRAMS },
  );
});

test("oneshot: both ends wake the one that waits", async () => {
  await using runtime = new SimulatedRuntime();
  const [sender, receiver] = oneshot<number>();
  const waiting = runtime.spawn(() => receiver);
  const giving = runtime.spawn(() => sender.whenClosed());
  runtime.runUntilStalled();
  receiver.close();
  await giving;
  await assertRejects(() => Promise.resolve(waiting), ClosedError, "this receiver was closed");
  const [second, late] = oneshot<number>();
  await assertRejects(() => Promise.resolve(runtime.spawn(() => late.timeout(1))));
  assertEquals(second.send(5), true);
  assertEquals(await late, 5, "who gave up waiting may wait again");
});

// ---- broadcast ------------------------------------------------------------------------------

test("broadcast: what each receiver gets, and misses", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.tuple(fc.constantFrom("send", "take", "join", "leave"), fc.nat(2)), {
        maxLength: 25,
      }),
      (capacity, calls) => {
        const news = new Broadcast<number>({ capacity });
        const receivers: { real: BroadcastReceiver<number>; waits: number[]; missed: number }[] =
          [];
        let sent = 0;
        for (const [call, which] of calls) {
          const at = receivers[which];
          if (call === "send") {
            assertEquals(news.send(sent), receivers.length);
            for (const receiver of receivers) {
              receiver.waits.push(sent);
              if (receiver.waits.length > capacity) receiver.waits.shift(), receiver.missed++;
            }
            sent++;
          } else if (call === "join" && receivers.length < 3) {
            receivers.push({ real: news.subscribe(), waits: [], missed: 0 });
          } else if (at === undefined) continue;
          else if (call === "leave") {
            at.real[Symbol.dispose]();
            receivers.splice(which, 1);
            assertThrows(() => at.real.tryReceive(), ClosedError);
          } else if (at.missed > 0) {
            assertEquals(at.real.lag, at.missed);
            const error = assertThrows(() => at.real.tryReceive(), LaggedError);
            assertEquals([error.missed, error.code], [at.missed, "ERR_LAGGED"]);
            at.missed = 0;
          } else {
            const value = at.waits.shift();
            assertEquals(at.real.tryReceive(), value === undefined ? undefined : { value });
          }
          for (const { real, waits } of receivers) assertEquals(real.size, waits.length);
          assertEquals(news.receiverCount, receivers.length);
        }
      },
    ),
    { numRuns: PROGRAMS },
  );
});

test("broadcast: a receiver that waits is woken by a send, a close and its own end", async () => {
  await using runtime = new SimulatedRuntime();
  const news = new Broadcast<number>();
  const [a, b, c] = [news.subscribe(), news.subscribe(), news.subscribe()];
  const first = [a, b].map((receiver) => runtime.spawn(() => receiver.receive()));
  runtime.runUntilStalled();
  news.send(1);
  assertEquals(await Promise.all(first), [1, 1]);
  const second = [a, b].map((receiver) =>
    runtime.spawn(() => receiver.receive().catch((error) => error.message))
  );
  runtime.runUntilStalled();
  a[Symbol.dispose]();
  news.close();
  assertEquals((await Promise.all(second)).map((text) => String(text).split(": ")[1]), [
    "this receiver was disposed of",
    "it is closed",
  ]);
  const left: number[] = [];
  for await (const value of c) left.push(value);
  assertEquals(left, [1]);
  assertThrows(() => news.send(2), ClosedError);
  assertThrows(() => news.subscribe(), ClosedError);
});

// ---- watch ----------------------------------------------------------------------------------

test("broadcast: a receiver that leaves wakes its own waits, and nobody else", () => {
  const news = new Broadcast<string>();
  const receivers = Array.from({ length: 50 }, () => news.subscribe());
  const wakers = receivers.map(() => [new CountingWaker(), new CountingWaker()] as const);
  const waits = receivers.map((receiver) => [receiver.receive(), receiver.next()] as const);
  const counts = () => wakers.map((both) => both.map((waker) => waker.wakes));
  const poll = (from: number) => {
    for (let i = from; i < 50; i++) {
      waits[i]!.forEach((wait, j) => assertStrictEquals(wait.poll(wakers[i]![j]!), PENDING));
    }
  };
  poll(0);
  receivers[0]![Symbol.dispose]();
  assertEquals(counts(), receivers.map((_, i) => i === 0 ? [1, 1] : [0, 0]));
  // Given up: not woken. Waiting again: woken once.
  waits[1]![0].abandon(wakers[1]![0], undefined);
  receivers[1]![Symbol.dispose]();
  poll(2);
  news.send("a");
  news.send("b");
  assertEquals(counts(), receivers.map((_, i) => i === 1 ? [0, 1] : [1, 1]));
  // What has its value is woken no more.
  assertEquals(waits[2]![0].poll(wakers[2]![0]), "a");
  receivers[2]![Symbol.dispose]();
  assertEquals(counts()[2], [1, 1]);
  news.close();
  assertEquals(counts()[3], [1, 1]);
});

test("watch: followers see the latest, and only changes", async () => {
  await using runtime = new SimulatedRuntime();
  const state = watch("a", "letters");
  const follower = state.subscribe();
  assertEquals([follower.value, follower.hasChanged, state.name], ["a", false, "letters"]);
  state.value = "b";
  assertEquals(state.update((text) => text + "c"), "bc");
  assertEquals([follower.hasChanged, await follower.changed()], [true, "bc"]);
  const waiting = runtime.spawn(() => follower.changed());
  const long = runtime.spawn(() => state.subscribe().until((text) => text.length > 3));
  runtime.runUntilStalled();
  state.value = "bcd";
  assertEquals(await waiting, "bcd");
  state.value = "bcde";
  assertEquals(await long, "bcde");
  const failing = runtime.spawn(() =>
    follower.until(() => {
      throw new Error("test failed");
    })
  );
  await assertRejects(() => Promise.resolve(failing), Error, "test failed");
  state.close();
  assertEquals(await follower.changed(), "bcde", "the last value is still to be seen");
  await assertRejects(() => Promise.resolve(follower.changed()), ClosedError);
  await assertRejects(() => Promise.resolve(follower.until(() => false)), ClosedError);
  assertThrows(() => state.value = "x", ClosedError);
});

// ---- requests -------------------------------------------------------------------------------

test("questions: answers, errors, what is dropped, told and given up", async () => {
  await using runtime = new SimulatedRuntime();
  const channel = new RequestChannel<number, string>({ capacity: 4 });
  const failure = new Error("no answer to that");
  const asked = [0, 1, 2].map((n) => runtime.spawn(() => channel.ask(n).catch((error) => error)));
  runtime.spawn(() => channel.tell(9));
  const late = runtime.spawn(() => channel.ask(3).timeout(1).catch((error) => error.name));
  runtime.runUntilStalled();
  assertEquals(channel.size, 4);
  const first = channel.receive();
  const question = await first;
  assertEquals([question.value, question.wantsAnswer, question.isAnswered], [0, true, false]);
  assertEquals([question.respond("zero"), question.respond("again")], [true, false]);
  (await channel.receive()).fail(failure);
  (await channel.receive())[Symbol.dispose]();
  assertEquals(await asked[0], "zero");
  assertStrictEquals(await asked[1], failure);
  assertEquals((await asked[2])?.code, "ERR_CLOSED");
  const told = await channel.receive();
  assertEquals([told.value, told.wantsAnswer, told.respond("nobody")], [9, false, false]);
  const given = await channel.receive();
  const working = runtime.spawn(() => select(given.whenGivenUp(), runtime.sleep(50)));
  assertEquals(await late, "TimeoutError");
  assertEquals([(await working).index, given.isAnswered, given.respond("late")], [0, true, false]);
  channel[Symbol.dispose]();
  assertEquals(channel.isClosed, true);
  await assertRejects(() => Promise.resolve(channel.ask(1)), ClosedError);
});

test("disposed of while a question is claimed, and then given back: who asked knows", async () => {
  await using runtime = new SimulatedRuntime();
  const questions = new RequestChannel<number, number>({ capacity: 4 });
  const server = runtime.spawn(() => questions.serve((n) => n));
  runtime.runUntilStalled();
  const asked = runtime.spawn(() => questions.ask(1));
  runtime.spawn(() => {
    questions[Symbol.dispose]();
    server.cancel();
  });
  await assertRejects(() => asked, ClosedError);
  await runtime.run();
  assertEquals(questions.size, 0);
});

test("serve goes on after an error, but not after one of a tell", async () => {
  await using runtime = new SimulatedRuntime();
  const channel = new RequestChannel<number, number>();
  const server = runtime.spawn(() =>
    channel.serve((n) => {
      if (n < 0) throw new RangeError(`${n} is negative`);
      return n > 10 ? Promise.resolve(n) : 2 * n;
    })
  );
  assertEquals(
    await runtime.spawn(() => channel.ask(-1).catch((e) => e.message)),
    "-1 is negative",
  );
  assertEquals(await runtime.spawn(() => channel.ask(4)), 8);
  assertEquals(await runtime.spawn(() => channel.ask(11)), 11);
  await runtime.spawn(() => channel.tell(-2));
  await assertRejects(() => Promise.resolve(server), RangeError, "-2 is negative");
});

// ---- bad input ------------------------------------------------------------------------------

test("bad input: wrong types and ranges", () => {
  const channel = new Channel<unknown>(1);
  const types: Record<string, () => unknown> = {
    "options is null": () => new Channel(bad(null)),
    "capacity is the string": () => new Channel({ capacity: bad("1") }),
    'overflow is "drop"': () => new Channel({ capacity: 1, overflow: bad("drop") }),
    "name is number": () => new Channel({ name: bad(1) }),
    "Cannot send: value is": () => channel.send(Promise.resolve(1)),
    "Cannot trySend: value is": () => channel.trySend(channel.receive()),
    "Cannot ask: value is": () => new RequestChannel().ask(Promise.resolve()),
    "Cannot tell: value is": () => new RequestChannel().tell(Promise.resolve()),
    "Cannot serve: answer is": () => new RequestChannel().serve(bad(1)).next(),
    "Cannot make RequestChannel": () => new RequestChannel(bad(1)),
    "Cannot make Broadcast: options": () => new Broadcast(bad(1)),
    "Cannot make Broadcast: capacity": () => new Broadcast({ capacity: bad("1") }),
    "Cannot make Broadcast: name": () => new Broadcast({ name: bad(1) }),
    "Cannot make Watch: name": () => new Watch(1, bad(1)),
    "Cannot make Watch: value": () => watch(Promise.resolve(1)),
    "Cannot update Watch": () => watch(1).update(bad(1)),
    "Cannot wait for watch": () => watch(1).subscribe().until(bad(1)),
  };
  for (const [text, call] of Object.entries(types)) assertThrows(call, TypeError, text);
  const ranges: Record<string, () => unknown> = {
    "capacity is -1": () => new Channel(-1),
    "capacity is 1.5": () => new Channel(1.5),
    "capacity is NaN": () => new Channel(NaN),
    'capacity is 0 with overflow "drop-oldest"': () =>
      new Channel({ capacity: 0, overflow: "drop-oldest" }),
    "capacity is 0 (": () => new Broadcast({ capacity: 0 }),
  };
  for (const [text, call] of Object.entries(ranges)) assertThrows(call, RangeError, text);
});
