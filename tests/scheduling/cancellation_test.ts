/**
 * Cancellation sources, tokens, links and scopes, and their bridges to AbortSignal.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  type CancellationInput,
  type CancellationReason,
  CancellationSource,
  CancellationToken,
  Cancelled,
  DeadlockError,
  Future,
  LinkedCancellation,
  rootReason,
  Runtime,
  scope,
  ScopedCancellation,
  TimeoutError,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { countedSignal, thrownBy } from "../support/groups.ts";
import { test } from "../support/test.ts";

const REASONS: CancellationReason[] = [
  "user_requested",
  "timeout",
  "parent_cancelled",
  "resource_exhausted",
  "shutdown",
  "error_occurred",
];

/** Real milliseconds on the host. */
function realMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// ---- states and reasons -------------------------------------------------------------------------

test("a new source is active, with no reason, and throws nothing", () => {
  const source = new CancellationSource();
  assertEquals(source.state, "active");
  assertFalse(source.isCancellationRequested);
  assertFalse(source.isCancelled);
  assertEquals([source.reason, source.message], [undefined, undefined]);
  source.throwIfCancellationRequested();
  source.token.throwIfCancelled();
});

test("cancel goes from active over cancellation_requested, while callbacks run, to cancelled", () => {
  const source = new CancellationSource();
  const seen: unknown[] = [];
  source.onCancel(() =>
    seen.push(source.state, source.isCancellationRequested, source.isCancelled)
  );
  assert(source.cancel());
  assertEquals(seen, ["cancellation_requested", true, false]);
  assertEquals(source.state, "cancelled");
  assert(source.isCancelled);
  assertEquals(source.reason, "user_requested");
});

test("the first cancel wins, and later ones answer false and change nothing", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.constantFrom(...REASONS), fc.string()), { minLength: 1, maxLength: 5 }),
    (calls) => {
      const source = new CancellationSource();
      let told = 0;
      source.onCancel(() => told++);
      assertEquals(
        calls.map(([reason, message]) => source.cancelWithReason(reason, message)),
        calls.map((_, i) => i === 0),
      );
      assertEquals([source.reason, source.message, told], [...calls[0]!, 1]);
    },
  ));
});

test("each reason is thrown as a Cancelled of the right kind, the same instance each time", () => {
  const kinds: Record<CancellationReason, string> = {
    user_requested: "requested",
    timeout: "deadline",
    parent_cancelled: "parent",
    resource_exhausted: "requested",
    shutdown: "shutdown",
    error_occurred: "requested",
  };
  for (const reason of REASONS) {
    for (const message of [undefined, "because"]) {
      const source = new CancellationSource();
      source.cancelWithReason(reason, message);
      const error = thrownBy(() => source.throwIfCancellationRequested());
      assertInstanceOf(error, Cancelled);
      assertEquals([error.name, error.reason.kind], ["AbortError", kinds[reason]]);
      assertEquals(error.message.includes("because"), message !== undefined, error.message);
      assertStrictEquals(thrownBy(() => source.token.throwIfCancelled()), error);
      assertStrictEquals(source.signal.reason, error);
    }
  }
});

test("the text of resource_exhausted and error_occurred names them", () => {
  for (const reason of ["resource_exhausted", "error_occurred"] as const) {
    const source = new CancellationSource();
    source.cancelWithReason(reason);
    const error = thrownBy(() => source.throwIfCancellationRequested()) as Cancelled;
    assert(error.message.includes(reason), error.message);
  }
});

test("the Cancelled has the stack of who asked", () => {
  const source = new CancellationSource();
  function theOneWhoAsked(): void {
    source.cancel();
  }
  theOneWhoAsked();
  const error = thrownBy(() => source.throwIfCancellationRequested()) as Cancelled;
  assert(error.stack!.includes("theOneWhoAsked"));
});

test("cancelWithReason rejects bad input and stays active", () => {
  const source = new CancellationSource();
  assertThrows(
    () => source.cancelWithReason(7 as never),
    TypeError,
    "Cannot cancel: reason is number 7",
  );
  assertThrows(() => source.cancelWithReason("none" as never), RangeError, '"none"');
  assertThrows(
    () => source.cancelWithReason("shutdown", 7 as never),
    TypeError,
    "Cannot cancel: message is number 7",
  );
  assertEquals(source.state, "active");
});

// ---- callbacks ----------------------------------------------------------------------------------

test("callbacks run in order of registration, with reason and message", () => {
  const source = new CancellationSource();
  const seen: unknown[] = [];
  for (let i = 0; i < 3; i++) source.onCancel((reason, message) => seen.push([i, reason, message]));
  source.cancelWithReason("shutdown", "SIGTERM");
  assertEquals(seen, [0, 1, 2].map((i) => [i, "shutdown", "SIGTERM"]));
  assertEquals(source.subscriberCount, 0);
});

test("a disposed registration is not called, also when an earlier callback disposes of it", () => {
  const source = new CancellationSource();
  const seen: string[] = [];
  const never = source.onCancel(() => seen.push("never"));
  source.onCancel(() => {
    seen.push("first");
    late[Symbol.dispose]();
  });
  const late = source.onCancel(() => seen.push("late"));
  source.onCancel(() => seen.push("last"));
  never[Symbol.dispose]();
  never[Symbol.dispose]();
  source.cancel();
  assertEquals(seen, ["first", "last"]);
});

test("a callback registered after the cancel, or during it, is called at once", () => {
  const source = new CancellationSource();
  const seen: string[] = [];
  source.onCancel(() => {
    source.onCancel(() => seen.push("inner"));
    seen.push("outer");
  });
  source.cancel();
  source.onCancel((reason) => seen.push(reason))[Symbol.dispose]();
  assertEquals(seen, ["inner", "outer", "user_requested"]);
});

test("abi A9, callbacks under a lock: a callback may cancel, look, register and make children", () => {
  const source = new CancellationSource();
  let child: CancellationSource | undefined;
  source.onCancel(() => {
    assertFalse(source.cancelWithReason("shutdown"));
    assertThrows(() => source.throwIfCancellationRequested(), Cancelled);
    source.onCancel(() => {});
    child = source.createChild();
    source[Symbol.dispose]();
  });
  source.cancel();
  assertEquals([child!.state, child!.reason], ["cancelled", "parent_cancelled"]);
  assertEquals(source.reason, "user_requested");
});

test("abi A9: a throwing callback does not stop the others; all errors are thrown together", () => {
  const source = new CancellationSource();
  const child = source.createChild();
  const seen: string[] = [];
  const errors = [new Error("a"), new Error("b"), "c"];
  source.onCancel(() => {
    throw errors[0];
  });
  source.onCancel(() => seen.push("own"));
  child.onCancel(() => {
    throw errors[1];
  });
  child.onCancel(() => {
    throw errors[2];
  });
  child.onCancel(() => seen.push("child"));
  const thrown = thrownBy(() => source.cancel());
  assertInstanceOf(thrown, AggregateError);
  assertEquals(thrown.errors, errors);
  assertStrictEquals(thrown.cause, errors[0]);
  assert(thrown.message.startsWith("Cannot finish cancel: 3 callbacks threw"));
  assertEquals(seen, ["own", "child"]);
  assertEquals([source.state, child.state], ["cancelled", "cancelled"]);
  assertFalse(source.cancel());
});

test("onCancel and register refuse what is no function", () => {
  for (const bad of [undefined, null, 1, {}]) {
    assertThrows(
      () => new CancellationSource().onCancel(bad as never),
      TypeError,
      "Cannot register",
    );
    assertThrows(() => CancellationToken.none().register(bad as never), TypeError);
    assertThrows(() => new CancellationSource().token.register(bad as never), TypeError);
  }
});

// ---- children -----------------------------------------------------------------------------------

test("children are cancelled with parent_cancelled, and the chain has the parent's message", () => {
  const parent = new CancellationSource();
  const child = parent.createChild();
  const grandchild = child.createChild();
  parent.cancelWithReason("shutdown", "SIGINT");
  for (const source of [child, grandchild]) {
    assertEquals([source.reason, source.message], ["parent_cancelled", "Parent was cancelled"]);
  }
  const error = thrownBy(() => grandchild.throwIfCancellationRequested()) as Cancelled;
  assertEquals(rootReason(error.reason), { kind: "shutdown", signal: "SIGINT" });
  assertEquals(
    error.message,
    "Cancelled: parent source was cancelled <- parent source was cancelled <- shutdown on SIGINT",
  );
});

test("the whole tree is marked before the first callback runs", () => {
  const parent = new CancellationSource();
  const [a, b] = [parent.createChild(), parent.createChild()];
  const seen: unknown[] = [];
  parent.onCancel(() => seen.push(a.state, b.state));
  a.onCancel(() => seen.push(b.isCancellationRequested));
  parent.cancel();
  assertEquals(seen, ["cancellation_requested", "cancellation_requested", true]);
  assertEquals([parent.state, a.state, b.state], ["cancelled", "cancelled", "cancelled"]);
});

test("a child of a cancelled source is cancelled at once", () => {
  const parent = new CancellationSource();
  parent.cancel();
  const child = parent.createChild();
  assertEquals([child.state, child.reason], ["cancelled", "parent_cancelled"]);
});

test("a cancelled child leaves its parent and siblings alone", () => {
  const parent = new CancellationSource();
  const [a, b] = [parent.createChild(), parent.createChild()];
  a.cancel();
  assertEquals([parent.state, b.state], ["active", "active"]);
  assertEquals(parent.subscriberCount, 1);
});

test("a disposed child is not cancelled with its parent, but by a call", () => {
  const parent = new CancellationSource();
  const child = parent.createChild();
  child[Symbol.dispose]();
  child[Symbol.dispose]();
  parent.cancel();
  assertEquals(child.state, "active");
  assert(child.cancel());
});

test("100 000 children made and disposed of, or cancelled, leave the parent's list empty", () => {
  const parent = new CancellationSource();
  for (let i = 0; i < 100_000; i++) {
    const child = parent.createChild();
    if (i % 2 === 0) child[Symbol.dispose]();
    else child.cancel();
  }
  assertEquals(parent.subscriberCount, 0);
});

test("a chain 100 000 deep is cancelled without overflowing the stack", () => {
  const root = new CancellationSource();
  let deepest = root;
  for (let i = 0; i < 100_000; i++) deepest = deepest.createChild();
  let told = 0;
  deepest.onCancel(() => told++);
  root.cancelWithReason("user_requested", "enough");
  assertEquals([deepest.state, told], ["cancelled", 1]);
  const error = thrownBy(() => deepest.throwIfCancellationRequested()) as Cancelled;
  assertEquals(rootReason(error.reason), { kind: "requested", note: "enough" });
  assert(error.message.includes("more …"));
});

test("any tree: exactly what is below the cancelled source is cancelled, told once", () => {
  fc.assert(fc.property(
    fc.array(fc.nat(), { maxLength: 30 }),
    fc.nat(),
    fc.array(fc.nat(), { maxLength: 5 }),
    (parents, at, disposed) => {
      const sources = [new CancellationSource()];
      const parentOf = [-1];
      for (const n of parents) {
        const parent = n % sources.length;
        parentOf.push(parent);
        sources.push(sources[parent]!.createChild());
      }
      const told = sources.map(() => 0);
      sources.forEach((source, i) => source.onCancel(() => told[i]!++));
      for (const n of disposed) {
        parentOf[n % sources.length] = -1;
        sources[n % sources.length]![Symbol.dispose]();
      }
      const cancelled = at % sources.length;
      sources[cancelled]!.cancel();
      sources.forEach((source, i) => {
        let above = i;
        while (above !== -1 && above !== cancelled) above = parentOf[above]!;
        const expected = above === cancelled;
        assertEquals([source.isCancelled, told[i]], [expected, expected ? 1 : 0]);
      });
    },
  ));
});

// ---- time ---------------------------------------------------------------------------------------

test("abi A8, cancelAfter was fake: it fires for real, not before its time and not at once", async () => {
  const source = new CancellationSource();
  const start = performance.now();
  source.cancelAfter(10);
  assertEquals(source.state, "active");
  assertEquals(await source.token.cancelled(), "timeout");
  assert(performance.now() - start >= 10);
  assertEquals(source.message, "Timed out after 10 ms");
  const error = thrownBy(() => source.throwIfCancellationRequested()) as Cancelled;
  assertEquals(error.reason, { kind: "deadline", timeoutMs: 10 });
});

test("cancelAfter(0) cancels in a later host turn, never inside the call", async () => {
  const source = new CancellationSource();
  source.cancelAfter(0);
  assertEquals(source.state, "active");
  await source.token.cancelled();
  assertEquals(source.reason, "timeout");
});

test("dispose, a cancel, a later cancelAfter and Infinity each clear the timer", async () => {
  const [disposed, cancelled, replaced, lifted] = [1, 2, 3, 4].map(() => new CancellationSource());
  for (const source of [disposed, cancelled, replaced, lifted]) source!.cancelAfter(5);
  disposed![Symbol.dispose]();
  cancelled!.cancel();
  replaced!.cancelAfter(60_000);
  lifted!.cancelAfter(Infinity);
  await realMs(15);
  assertEquals([disposed!.state, replaced!.state, lifted!.state], ["active", "active", "active"]);
  assertEquals(cancelled!.reason, "user_requested");
  replaced!.cancelAfter(null);
  cancelled!.cancelAfter(1);
});

test("cancelAfter takes limits beyond 2^31 ms", async () => {
  using source = new CancellationSource();
  source.cancelAfter(2 ** 31 + 5);
  await realMs(5);
  assertEquals(source.state, "active");
});

test("cancelAfter rejects bad input", () => {
  const source = new CancellationSource();
  assertThrows(() => source.cancelAfter("5" as never), TypeError, "Cannot cancel later");
  assertThrows(() => source.cancelAfter(-1), RangeError, "ms is -1");
  assertThrows(() => source.cancelAfter(NaN), RangeError, "ms is NaN");
});

test("cancelWithReason timeout tells the age of the source as its limit", () => {
  const source = new CancellationSource();
  source.cancelWithReason("timeout", "loading the index");
  const { reason } = thrownBy(() => source.throwIfCancellationRequested()) as Cancelled;
  assert(reason.kind === "deadline" && reason.timeoutMs >= 0 && reason.by === "loading the index");
});

// ---- tokens as futures --------------------------------------------------------------------------

test("token.cancelled() wakes every waiting task, generator and async, with the reason", async () => {
  await using runtime = new SimulatedRuntime();
  const source = new CancellationSource();
  const generator = runtime.spawn(function* () {
    return yield* source.token.cancelled();
  });
  const asyncBody = runtime.spawn(async () => await source.token.cancelled());
  runtime.spawn(function* (task) {
    yield* task.sleep(5);
    source.cancelWithReason("resource_exhausted");
  });
  assertEquals(await Promise.all([generator, asyncBody]), [
    "resource_exhausted",
    "resource_exhausted",
  ]);
  assertEquals(await source.token.cancelled(), "resource_exhausted");
  assertEquals(source.subscriberCount, 0);
});

test("a wait for a token that loses a race, or is cancelled, leaves nothing in the source", async () => {
  await using runtime = new SimulatedRuntime();
  const source = new CancellationSource();
  await runtime.spawn(function* (task) {
    yield* Future.race<unknown>([source.token.cancelled(), task.sleep(1)]);
  });
  const waiting = runtime.spawn(function* () {
    yield* source.token.cancelled();
  });
  runtime.runUntilStalled();
  assertEquals(source.subscriberCount, 1);
  await waiting.cancelAndJoin();
  assertEquals(source.subscriberCount, 0);
  assertEquals(source.state, "active");
});

test("a runtime parked on a token is woken by a cancel from a host callback", async () => {
  await using runtime = new Runtime();
  const source = new CancellationSource();
  const waiting = runtime.spawn(function* () {
    return yield* source.token.cancelled();
  });
  setTimeout(() => source.cancel(), 5);
  await runtime.run();
  assertEquals(waiting.outcome(), { status: "ok", value: "user_requested" });
});

test("virtual time stands still while the real timer of a source, or of its parent, is waited for", async () => {
  await using runtime = new SimulatedRuntime();
  const source = new CancellationSource();
  source.cancelAfter(5);
  const child = source.createChild();
  for (const { token } of [source, child]) {
    const winner = await runtime.spawn(function* (task) {
      return yield* Future.race([token.cancelled(), task.sleep(1_000).map(() => "sleep")]);
    });
    assert(winner !== "sleep");
  }
});

test("a task that waits only for the token none is a deadlock, not a hang", async () => {
  const runtime = new Runtime();
  runtime.spawn(function* () {
    yield* CancellationToken.none().cancelled();
  });
  await assertRejects(() => runtime.run(), DeadlockError);
});

test("the token none is never cancelled, registers nothing, and its signals do not abort", () => {
  const none = CancellationToken.none();
  assertStrictEquals(CancellationToken.none(), none);
  assertEquals([none.state, none.reason, none.message], ["active", undefined, undefined]);
  assertFalse(none.isCancelled || none.isCancellationRequested || none.signal.aborted);
  none.register(() => {})[Symbol.dispose]();
  none.throwIfCancelled();
});

test("a token shows its source and cannot cancel", () => {
  const source = new CancellationSource();
  const { token } = source;
  assertStrictEquals(source.token, token);
  assertStrictEquals(token.signal, source.signal);
  const seen: string[] = [];
  const gone = token.register(() => seen.push("gone"));
  token.register((reason) => seen.push(reason));
  gone[Symbol.dispose]();
  source.cancelWithReason("shutdown", "now");
  assertEquals([token.state, token.reason, token.message], ["cancelled", "shutdown", "now"]);
  assert(token.isCancelled && token.isCancellationRequested && token.signal.aborted);
  assertEquals(seen, ["shutdown"]);
  assertFalse("cancel" in token);
});

test("a token of what is no source is refused", () => {
  assertThrows(() => new CancellationToken({} as never), TypeError, "must be a CancellationSource");
});

// ---- signals ------------------------------------------------------------------------------------

test("the signal aborts with the Cancelled, whether it was read before or after", () => {
  const before = new CancellationSource();
  const { signal } = before;
  let aborted: unknown;
  signal.addEventListener("abort", () => aborted = signal.reason);
  before.cancel();
  assertInstanceOf(aborted, Cancelled);
  assertStrictEquals(before.toSignal(), signal);
  const after = new CancellationSource();
  after.cancel();
  assert(after.signal.aborted);
});

test("the signal stops what takes an AbortSignal, with an AbortError", async () => {
  const source = new CancellationSource();
  const target = new EventTarget();
  let heard = 0;
  target.addEventListener("ping", () => heard++, { signal: source.signal });
  target.dispatchEvent(new Event("ping"));
  source.cancel();
  target.dispatchEvent(new Event("ping"));
  assertEquals(heard, 1);
  const error = await assertRejects(() => fetch("data:,", { signal: source.signal }));
  assertEquals((error as Error).name, "AbortError");
});

test("scope(body, { signal }) is cancelled with the source, and tells its reason", async () => {
  await using runtime = new SimulatedRuntime();
  const source = new CancellationSource();
  let cleanedUp = false;
  const work = scope(function* (s) {
    s.spawn(function* (task) {
      yield* task.sleep(10);
      source.cancelWithReason("user_requested", "enough");
    });
    try {
      yield* s.sleep(1_000);
    } finally {
      cleanedUp = true;
    }
  }, { signal: source.signal, runtime });
  const error = await assertRejects(() => work, Cancelled, "enough");
  assertEquals(error.reason.kind, "signal");
  assertStrictEquals(error.reason.kind === "signal" && error.reason.reason, source.signal.reason);
  assert(cleanedUp);
  assertEquals(runtime.clock.now(), 10);
});

test("a scope with the signal of a cancelled source never calls its body", async () => {
  const source = new CancellationSource();
  source.cancel();
  let called = false;
  await assertRejects(
    () =>
      scope(() => {
        called = true;
      }, { signal: source.signal }),
    Cancelled,
  );
  assertFalse(called);
});

test("fromSignal has one listener, removed on dispose and on cancel, and none on an aborted signal", () => {
  const { controller, signal, now: count } = countedSignal();
  const disposed = CancellationSource.fromSignal(signal);
  assertEquals(count(), 1);
  disposed[Symbol.dispose]();
  assertEquals(count(), 0);
  const cancelled = CancellationSource.fromSignal(signal);
  cancelled.cancel();
  assertEquals(count(), 0);
  const follows = CancellationSource.fromSignal(signal);
  controller.abort();
  assertEquals([count(), follows.state, disposed.state], [0, "cancelled", "active"]);
  const late = CancellationSource.fromSignal(signal);
  assertEquals([count(), late.state, late.reason], [0, "cancelled", "user_requested"]);
});

test("fromSignal reads the reasons of others", () => {
  const cases: [unknown, CancellationReason, string | undefined][] = [
    [new TimeoutError("work", 5), "timeout", "Cannot finish work: not done after 5 ms"],
    [new DOMException("late", "TimeoutError"), "timeout", "late"],
    [new DOMException("stop", "AbortError"), "user_requested", "stop"],
    [new Error("boom"), "error_occurred", "boom"],
    ["tab closed", "user_requested", "tab closed"],
    ["shutdown", "shutdown", undefined],
    [7, "user_requested", undefined],
    [null, "user_requested", undefined],
    [{}, "user_requested", undefined],
    [new Cancelled({ kind: "shutdown" }), "shutdown", "shutdown"],
    [new Cancelled("x"), "user_requested", 'requested ("x")'],
    [new Cancelled({ kind: "sibling-failed", task: "t", error: 1 }), "error_occurred", undefined],
    [Cancelled.inherit({ kind: "shutdown" }, "main"), "parent_cancelled", undefined],
  ];
  for (const [given, reason, message] of cases) {
    const controller = new AbortController();
    controller.abort(given);
    const source = CancellationSource.fromSignal(controller.signal);
    assertEquals(source.reason, reason, String(given));
    if (message !== undefined) assertEquals(source.message, message);
    const error = thrownBy(() => source.throwIfCancellationRequested());
    assertInstanceOf(error, Cancelled);
    if (given instanceof Cancelled) assertStrictEquals(error, given);
    else assertEquals(error.reason, { kind: "signal", reason: given });
  }
});

test("reason, message and the Cancelled itself survive source -> signal -> source, for each reason", () => {
  for (const reason of REASONS) {
    const first = new CancellationSource();
    const second = CancellationSource.fromSignal(first.signal);
    const third = CancellationSource.fromSignal(second.signal);
    first.cancelWithReason(reason, "the message");
    assertEquals([third.reason, third.message], [reason, "the message"]);
    assertStrictEquals(third.signal.reason, first.signal.reason);
  }
});

test("a reason is known again behind the scope that passed it on", async () => {
  await using runtime = new SimulatedRuntime();
  const source = new CancellationSource();
  const inner: CancellationSource[] = [];
  const work = scope(async (s) => {
    inner.push(CancellationSource.fromSignal(s.signal));
    s.spawn(function* (task) {
      yield* task.sleep(1);
      source.cancelWithReason("resource_exhausted", "disk full");
    });
    await s.sleep(10);
  }, { signal: source.signal, runtime });
  await assertRejects(() => work, Cancelled);
  assertEquals([inner[0]!.reason, inner[0]!.message], ["resource_exhausted", "disk full"]);
});

test("fromSignal refuses what is no AbortSignal", () => {
  for (const bad of [undefined, null, 1, {}, new CancellationSource()]) {
    assertThrows(
      () => CancellationSource.fromSignal(bad as never),
      TypeError,
      "must be an AbortSignal",
    );
  }
});

// ---- linked -------------------------------------------------------------------------------------

test("abi: linked really subscribes to all, and copies reason and message of the first", () => {
  for (const which of [0, 1, 2]) {
    const source = new CancellationSource();
    const other = new CancellationSource();
    const controller = new AbortController();
    using linked = new LinkedCancellation([source, other.token, controller.signal]);
    const { signal, token } = linked;
    let told = 0;
    token.register(() => told++);
    assertEquals(linked.state, "active");
    if (which === 0) source.cancelWithReason("shutdown", "m");
    if (which === 1) other.cancelWithReason("shutdown", "m");
    if (which === 2) controller.abort(new Error("m"));
    assertEquals([linked.state, told, signal.aborted], ["cancelled", 1, true]);
    assertEquals([token.reason, token.message], [which === 2 ? "error_occurred" : "shutdown", "m"]);
    source.cancelWithReason("user_requested", "later");
    assertEquals([linked.message, told], ["m", 1]);
    if (which === 0) assertStrictEquals(signal.reason, source.signal.reason);
  }
});

test("linked of sources that are cancelled already has the first one's reason, and follows none", () => {
  const [active, first, second] = [1, 2, 3].map(() => new CancellationSource());
  const { signal, now: count } = countedSignal();
  first!.cancelWithReason("shutdown", "first");
  second!.cancelWithReason("timeout", "second");
  const linked = new LinkedCancellation([signal, active!, first!, second!]);
  assertEquals([linked.state, linked.reason, linked.message], ["cancelled", "shutdown", "first"]);
  assertEquals([active!.subscriberCount, count()], [0, 0]);
});

test("a disposed link, and one that was cancelled, unsubscribes from all", () => {
  for (const end of ["dispose", "cancel"] as const) {
    const sources = [1, 2, 3].map(() => new CancellationSource());
    const { signal, now: count } = countedSignal();
    const linked = new LinkedCancellation([...sources, signal]);
    assertEquals([...sources.map((s) => s.subscriberCount), count()], [1, 1, 1, 1]);
    if (end === "dispose") linked[Symbol.dispose]();
    else sources[0]!.cancel();
    assertEquals([...sources.map((s) => s.subscriberCount), count()], [0, 0, 0, 0]);
    sources[1]!.cancel();
    assertEquals(linked.isCancelled, end === "cancel");
  }
});

test("linked may be cancelled by itself, has children, and takes each input once", () => {
  const source = new CancellationSource();
  const { signal, now: count } = countedSignal();
  const linked = new LinkedCancellation([source, source.token, signal, signal]);
  assertEquals([source.subscriberCount, count()], [1, 1]);
  const child = linked.createChild();
  linked.cancel();
  assertEquals([child.reason, source.state, count()], ["parent_cancelled", "active", 0]);
});

test("linked of nothing, or of the token none, is never cancelled by others", () => {
  for (const inputs of [[], [CancellationToken.none()]]) {
    assertEquals(new LinkedCancellation(inputs).state, "active");
  }
});

test("a diamond of links is cancelled once, and a chain of 100 000 links does not overflow", () => {
  const root = new CancellationSource();
  const [left, right] = [root.createChild(), root.createChild()];
  const bottom = new LinkedCancellation([left, right]);
  let told = 0;
  bottom.onCancel(() => told++);
  let last: CancellationSource = bottom;
  for (let i = 0; i < 100_000; i++) last = new LinkedCancellation([last]);
  root.cancelWithReason("shutdown");
  assertEquals([told, bottom.reason, last.reason], [1, "parent_cancelled", "parent_cancelled"]);
  assertStrictEquals(last.signal.reason, bottom.signal.reason);
});

test("linked refuses bad input, and then follows none of the good", () => {
  const source = new CancellationSource();
  assertThrows(() => new LinkedCancellation(source as never), TypeError, "must be an iterable");
  assertThrows(() => new LinkedCancellation(null as never), TypeError, "must be an iterable");
  for (const bad of [undefined, {}, 1]) {
    assertThrows(
      () => new LinkedCancellation([source, bad as unknown as CancellationInput]),
      TypeError,
      "must be an AbortSignal",
    );
  }
  assertEquals(source.subscriberCount, 0);
});

// ---- scoped -------------------------------------------------------------------------------------

test("scoped runs its cleanup and then cancels, also when nothing went wrong, once", () => {
  const log: unknown[] = [];
  const scoped = new ScopedCancellation((source) => log.push("cleanup", source.state));
  scoped.onCancel(() => log.push("cancel"));
  scoped[Symbol.dispose]();
  scoped[Symbol.dispose]();
  assertEquals(log, ["cleanup", "active", "cancel"]);
  assertEquals(scoped.reason, "user_requested");
});

test("scoped without cleanup cancels; cancelled before, it still runs its cleanup", () => {
  const plain = new ScopedCancellation();
  plain[Symbol.dispose]();
  assert(plain.isCancelled);
  let cleanups = 0;
  const early = new ScopedCancellation(() => cleanups++);
  early.cancelWithReason("shutdown");
  early[Symbol.dispose]();
  assertEquals([cleanups, early.reason], [1, "shutdown"]);
});

test("scoped cancels although its cleanup throws, and no error is lost", () => {
  const cleanupError = new Error("cleanup");
  const callbackError = new Error("callback");
  const cleanup = () => {
    throw cleanupError;
  };
  const one = new ScopedCancellation(cleanup);
  assertStrictEquals(thrownBy(() => one[Symbol.dispose]()), cleanupError);
  assert(one.isCancelled);
  const both = new ScopedCancellation(cleanup);
  both.onCancel(() => {
    throw callbackError;
  });
  const error = thrownBy(() => both[Symbol.dispose]()) as AggregateError;
  assertStrictEquals(error.errors[0], cleanupError);
  assertStrictEquals((error.errors[1] as AggregateError).errors[0], callbackError);
  assert(both.isCancelled);
});

test("scoped refuses a cleanup that is no function", () => {
  assertThrows(() => new ScopedCancellation(1 as never), TypeError, "cleanup is number 1");
});
