/**
 * Handlers and prepollers, the RefPerSys form: callbacks that stay, whatever they do.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import {
  BusyError,
  close,
  EventLoop,
  EVFILT_READ,
  EVFILT_WRITE,
  FAILED,
  getReactor,
  HANGUP,
  IoError,
  pipe,
  ReactorRuntime,
  READABLE,
  type Registration,
  WRITABLE,
} from "@vais/runtime/reactor";
import { Deferred, Runtime, scope } from "@vais/runtime";
import { hostTurn, loopTest, put, take } from "../support/loops.ts";
import { test } from "../support/test.ts";

loopTest("a handler is called with the descriptor, what is ready, and the loop", (loop, pipes) => {
  const [readFd, writeFd] = pipes.make();
  const calls: unknown[] = [];
  const handler = loop.addHandler(readFd, READABLE, (...args) => calls.push(args));
  loop.pollEvents(0);
  assertEquals(calls, []);
  put(writeFd, "x");
  assertEquals(loop.pollEvents(1_000), 1);
  assertEquals(calls, [[readFd, READABLE, loop]]);
  assertEquals([handler.active, handler.isRef, loop.sourceCount], [true, true, 1]);
});

loopTest("what was not drained is told again, what was drained is not", (loop, pipes) => {
  const [readFd, writeFd] = pipes.make();
  let got = "";
  loop.addHandler(readFd, READABLE, (fd) => got += take(fd, 1));
  put(writeFd, "abc");
  for (let i = 1; i <= 3; i++) {
    loop.pollEvents(1_000);
    assertEquals(got, "abc".slice(0, i));
  }
  assertEquals(loop.pollEvents(0), 0);
  put(writeFd, "d");
  assertEquals([loop.pollEvents(1_000), got], [1, "abcd"]);
});

loopTest("one handler for both directions is called once for both", (loop, pipes) => {
  const [a, b] = pipes.sockets();
  const calls: number[] = [];
  loop.addHandler(a, READABLE | WRITABLE, (_fd, ready) => calls.push(ready));
  loop.pollEvents(1_000);
  put(b, "x");
  loop.pollEvents(1_000);
  assertEquals(calls, [WRITABLE, READABLE | WRITABLE]);
});

loopTest("a hang-up is a normal outcome, told in the bits, again and again", (loop, pipes) => {
  const [readFd, writeFd] = pipes.make();
  const calls: [number, string | undefined][] = [];
  const handler = loop.addHandler(readFd, READABLE, (fd, ready) => calls.push([ready, take(fd)]));
  put(writeFd, "last");
  pipes.close(writeFd);
  loop.pollEvents(1_000);
  assertEquals(calls, [[READABLE | HANGUP, "last"]]);
  loop.pollEvents(1_000);
  assertEquals(calls[1], [HANGUP, ""]);
  assertEquals(handler.active, true);
  handler.cancel();
  assertEquals(loop.pollEvents(0), 0);
});

loopTest("a failure is told to who only writes", (loop, pipes) => {
  const [readFd, writeFd] = pipes.make();
  const calls: number[] = [];
  loop.addHandler(writeFd, WRITABLE, (_fd, ready) => calls.push(ready));
  pipes.close(readFd);
  loop.pollEvents(1_000);
  assertEquals(calls[0]! & FAILED, FAILED);
});

loopTest("a direction nobody asked for is not told", (loop, pipes) => {
  const [a, b] = pipes.sockets();
  const calls: number[] = [];
  loop.addHandler(a, READABLE, (_fd, ready) => calls.push(ready));
  let writable = 0;
  loop.registerWrite(a, { wake: () => writable++ });
  put(b, "x");
  loop.pollEvents(1_000);
  assertEquals([calls, writable], [[READABLE], 1]);
});

loopTest("one handler for each direction; a second one is refused", (loop, pipes) => {
  const [a] = pipes.sockets();
  const nothing = () => {};
  const reads = loop.addHandler(a, READABLE, nothing);
  const writes = loop.addHandler(a, WRITABLE, nothing);
  assertThrows(() => loop.addHandler(a, READABLE, nothing), BusyError);
  assertThrows(() => loop.addHandler(a, WRITABLE | READABLE, nothing), BusyError);
  assertThrows(() => loop.registerRead(a, { wake: nothing }), BusyError);
  writes.cancel();
  // The half of it that could be had is given back.
  assertThrows(() => loop.addHandler(a, WRITABLE | READABLE, nothing), BusyError);
  assertEquals(loop.sourceCount, 1);
  reads.cancel();
  const both = loop.addHandler(a, WRITABLE | READABLE, nothing);
  assertEquals(loop.sourceCount, 2);
  assertEquals([loop.deregister(a, EVFILT_READ), both.active, loop.sourceCount], [true, true, 1]);
  assertEquals([loop.deregister(a, EVFILT_WRITE), both.active], [true, false]);
  assertEquals(loop.explain().referenced, 0);
});

loopTest("its direction stays taken while a handler is called", (loop, pipes) => {
  const [readFd, writeFd] = pipes.make();
  let refused: unknown;
  loop.addHandler(readFd, READABLE, () => {
    refused = assertThrows(() => loop.addHandler(readFd, READABLE, () => {}));
  });
  put(writeFd, "x");
  loop.pollEvents(1_000);
  assertInstanceOf(refused, BusyError);
});

loopTest("handlers that throw are told to onError, and go on", async (loop, pipes, errors) => {
  const [readFd, writeFd] = pipes.make();
  const [other, otherEnd] = pipes.make();
  let calls = 0;
  loop.addHandler(readFd, READABLE, (fd) => {
    take(fd);
    throw new Error(`call ${++calls}`);
  }, { explanation: "the thrower" });
  let others = 0;
  loop.addHandler(other, READABLE, async (fd) => {
    take(fd);
    others++;
    await Promise.resolve();
    throw new Error("async");
  }, { explanation: "the rejecter" });
  for (let i = 1; i <= 3; i++) {
    put(writeFd, "x");
    put(otherEnd, "x");
    loop.pollEvents(1_000);
    await hostTurn();
    assertEquals([calls, others, errors.length], [i, i, 2 * i]);
  }
  const told = errors.slice(0, 2).map(([error, what]) => [(error as Error).message, what]).sort();
  assertEquals(told, [
    ["async", `handler of fd ${other} (the rejecter)`],
    ["call 1", `handler of fd ${readFd} (the thrower)`],
  ]);
  errors.length = 0;
});

test("without onError what callbacks throw goes to the console, and so does what onError throws", () => {
  const printed: unknown[][] = [];
  const { error } = console;
  console.error = (...args) => printed.push(args);
  try {
    using loop = new EventLoop();
    loop.registerTimer(1, 0, {
      wake: () => {
        throw new Error("first");
      },
    });
    loop.pollEvents(100);
    assertEquals(String(printed[0]![0]), "@vais/runtime: waker of timer 1 threw:");
    using worse = new EventLoop({
      onError: () => {
        throw new Error("onError");
      },
    });
    worse.registerTimer(2, 0, {
      wake: () => {
        throw new Error("second");
      },
    });
    worse.pollEvents(100);
    assertEquals(printed.map((args) => (args[1] as Error).message), ["first", "onError", "second"]);
  } finally {
    console.error = error;
  }
});

loopTest("handlers may end themselves and each other within a call", (loop, pipes) => {
  const log: string[] = [];
  const handlers: Registration[] = [];
  for (const name of ["a", "b", "c"]) {
    const [readFd, writeFd] = pipes.make();
    put(writeFd, "x");
    handlers.push(loop.addHandler(readFd, READABLE, () => {
      log.push(name);
      for (const handler of handlers) handler.cancel();
    }));
  }
  // All three are ready in one poll; the first that is called ends them all.
  assertEquals([loop.pollEvents(1_000), log.length, loop.sourceCount], [3, 1, 0]);
  assertEquals(loop.pollEvents(0), 0);
});

loopTest("handlers may close descriptors within a call, their own and others'", (loop, pipes) => {
  const log: string[] = [];
  const fds: number[] = [];
  const handlers = ["a", "b", "c"].map((name) => {
    const [readFd, writeFd] = pipes.make();
    fds.push(readFd);
    put(writeFd, "x");
    return loop.addHandler(readFd, READABLE, () => {
      log.push(name);
      for (const fd of fds.splice(0)) {
        close(fd);
        pipes.gone(fd);
      }
    });
  });
  assertEquals([loop.pollEvents(1_000), log.length], [3, 1]);
  assertEquals(handlers.map(({ active }) => active), [false, false, false]);
  assertEquals([loop.sourceCount, loop.explain().referenced], [0, 0]);
});

loopTest("a number that is used again within a call sees nothing of before", (loop, pipes) => {
  const pairs = [pipes.make(), pipes.make()];
  const log: string[] = [];
  for (const [readFd, writeFd] of pairs) {
    put(writeFd, "x");
    loop.addHandler(readFd, READABLE, () => {
      log.push("old");
      for (const [fd] of pairs) {
        close(fd);
        pipes.gone(fd);
      }
      const fresh = pipes.make();
      pairs.push(fresh);
      for (const fd of fresh) {
        if (pairs.some(([old]) => old === fd)) {
          loop.addHandler(fd, READABLE, (_fd, ready) => log.push(`new ${ready}`));
        }
      }
    });
  }
  loop.pollEvents(1_000);
  loop.pollEvents(0);
  // What was queued for the old one is not told to the new one, which has nothing to read.
  assertEquals(log, ["old"]);
});

loopTest("handlers may add handlers within a call, also for the other end", (loop, pipes) => {
  const [readFd, writeFd] = pipes.make();
  const log: string[] = [];
  put(writeFd, "x");
  loop.addHandler(readFd, READABLE, (fd) => {
    log.push(`read ${take(fd)}`);
    const writer = loop.addHandler(writeFd, WRITABLE, () => {
      log.push("write");
      writer.cancel();
      put(writeFd, "y");
    });
  });
  for (let i = 0; i < 3; i++) loop.pollEvents(1_000);
  assertEquals(log, ["read x", "write", "read y"]);
});

loopTest("a handler may close the loop, or ask it again", (loop, pipes) => {
  const log: string[] = [];
  for (const name of ["a", "b", "c"]) {
    const [readFd, writeFd] = pipes.make();
    put(writeFd, "x");
    loop.addHandler(readFd, READABLE, () => {
      log.push(name);
      // Those that are due are called inside; the one that asks is not, though it is ready still.
      if (log.length === 1) loop.pollEvents(0);
      else loop.close();
    });
  }
  loop.pollEvents(1_000);
  assertEquals(log.length, 2);
  assertEquals(loop.explain().state, "closed");
});

loopTest(
  "while the promise of an async handler is open it is not called again",
  async (loop, pipes) => {
    const [readFd, writeFd] = pipes.make();
    const gate = new Deferred<void>();
    let calls = 0;
    const handler = loop.addHandler(readFd, READABLE, async (fd) => {
      calls++;
      await gate;
      take(fd);
    });
    put(writeFd, "x");
    loop.pollEvents(1_000);
    for (let i = 0; i < 5; i++) assertEquals(loop.pollEvents(0), 0);
    assertEquals([calls, handler.active], [1, true]);
    gate.resolve();
    await hostTurn();
    assertEquals(loop.pollEvents(0), 0);
    put(writeFd, "y");
    loop.pollEvents(1_000);
    assertEquals(calls, 2);
    await hostTurn();
    // Closed while its promise is open: it is over, and its number is not waited for.
    const [again, againEnd] = pipes.make();
    const late = new Deferred<void>();
    const other = loop.addHandler(again, READABLE, () => late);
    put(againEnd, "x");
    loop.pollEvents(1_000);
    close(again);
    pipes.gone(again);
    late.resolve();
    await hostTurn();
    assertEquals([other.active, loop.sourceCount], [false, 1]);
  },
);

loopTest(
  "a descriptor that cannot be waited for is an error, and ends the handler",
  (loop, _pipes, errors) => {
    const handler = loop.addHandler(9_999, READABLE | WRITABLE, () => {}, { explanation: "lost" });
    loop.pollEvents(0);
    assertEquals([handler.active, loop.sourceCount, errors.length], [false, 0, 1]);
    const [error, what] = errors.pop()!;
    assertInstanceOf(error, IoError);
    assertEquals([error.code, what], ["EBADF", "handler of fd 9999 (lost)"]);
  },
);

test("handlers run outside of any task, whoever polls the loop", async () => {
  using loop = new EventLoop();
  const { readFd, writeFd } = pipe();
  const runtime = new Runtime();
  const seen: unknown[] = [];
  loop.addHandler(readFd, READABLE, (fd) => {
    take(fd);
    seen.push(runtime.currentTask, getReactor().currentTask);
  });
  const poll = () => {
    put(writeFd, "x");
    loop.pollEvents(1_000);
    return runtime.currentTask?.name;
  };
  const names = [
    await runtime.spawn(function* generator(task) {
      yield* task.sleep(1);
      return poll();
    }),
    await runtime.spawn(async function asynchronous(task) {
      await task.sleep(1);
      return poll();
    }),
    await scope(() => poll(), { runtime, name: "scope" }),
  ];
  assertEquals(names.slice(0, 2), ["generator", "asynchronous"]);
  assertEquals(seen, new Array(6).fill(undefined));
  close(readFd);
  close(writeFd);
  await runtime.close();
});

test("a reactor runtime calls handlers between turns, and they wake its tasks", async () => {
  const runtime = new ReactorRuntime();
  const { readFd, writeFd } = pipe();
  const loop = runtime.getEventLoop();
  const gates = [new Deferred<string>(), new Deferred<string>()];
  let at = 0;
  loop.addHandler(readFd, READABLE, (fd) => gates[at++]!.resolve(take(fd)!));
  const writer = () =>
    runtime.spawn(function* (task) {
      yield* task.sleep(2);
      put(writeFd, `text ${at}`);
    });
  writer();
  assertEquals(await runtime.spawn(() => gates[0]!), "text 0");
  writer();
  assertEquals(runtime.blockOn(() => gates[1]!), "text 1");
  close(readFd);
  close(writeFd);
  await runtime.close();
});

loopTest("prepollers are called before each look, in order, and may come and go", (loop) => {
  const log: string[] = [];
  const first = loop.addPrepoller((given) => {
    assertEquals(given, loop);
    log.push("first");
  });
  const second = loop.addPrepoller(() => {
    log.push("second");
    first.cancel();
    second.cancel();
    third.cancel();
    loop.addPrepoller(() => log.push("fourth"));
  });
  const third = loop.addPrepoller(() => log.push("third"));
  assertEquals(loop.explain().prepollers, 3);
  assertEquals(first.isRef, false);
  loop.pollEvents(0);
  assertEquals(log.splice(0), ["first", "second"]);
  loop.pollEvents(0);
  assertEquals(log.splice(0), ["fourth"]);
  assertEquals(loop.explain().prepollers, 1);
});

loopTest("what a prepoller registers is looked at in the same poll", (loop, pipes) => {
  const [readFd, writeFd] = pipes.make();
  put(writeFd, "x");
  let calls = 0;
  const prepoller = loop.addPrepoller(() => {
    loop.addHandler(readFd, READABLE, (fd) => (take(fd), calls++));
    prepoller.cancel();
  });
  assertEquals([loop.pollEvents(1_000), calls], [1, 1]);
});

loopTest("prepollers that throw are told to onError, and go on", async (loop, _pipes, errors) => {
  let calls = 0;
  loop.addPrepoller(() => {
    calls++;
    throw new Error("sync");
  });
  loop.addPrepoller(() => Promise.reject(new Error("async")));
  loop.pollEvents(0);
  loop.pollEvents(0);
  await hostTurn();
  assertEquals([calls, errors.length], [2, 4]);
  assert(errors.every(([, what]) => what === "prepoller"));
  errors.length = 0;
});

test("a prepoller may wake a task of the runtime that is about to park", async () => {
  const runtime = new ReactorRuntime();
  const loop = runtime.getEventLoop();
  for (const blocks of [false, true]) {
    const gate = new Deferred<string>();
    let isLast = false;
    // Nothing else is left then that could wake the runtime.
    const prepoller = loop.addPrepoller(() => {
      if (isLast) gate.resolve("woken");
    });
    runtime.spawn(function* (task) {
      yield* task.sleep(1);
      isLast = true;
    });
    const wait = runtime.spawn(() => gate);
    assertEquals(blocks ? runtime.blockOn(wait) : await wait, "woken");
    prepoller.cancel();
  }
  await runtime.close();
});

test("handlers and prepollers check their input at the door", () => {
  using loop = new EventLoop();
  const nothing = () => {};
  for (
    const [call, type] of [
      [() => loop.addHandler(-1, READABLE, nothing), RangeError],
      [() => loop.addHandler("0" as never, READABLE, nothing), TypeError],
      [() => loop.addHandler(0, 0, nothing), RangeError],
      [() => loop.addHandler(0, 4, nothing), RangeError],
      [() => loop.addHandler(0, "1" as never, nothing), TypeError],
      [() => loop.addHandler(0, READABLE, undefined as never), TypeError],
      [() => loop.addHandler(0, READABLE, nothing, "why" as never), TypeError],
      [() => loop.addHandler(0, READABLE, nothing, { explanation: 1 as never }), TypeError],
      [() => loop.addPrepoller(undefined as never), TypeError],
      [() => loop.onWake(1 as never), TypeError],
      [() => loop.onStop({} as never), TypeError],
    ] as const
  ) {
    const error = assertThrows(call, type, undefined, String(call));
    assert(/^Cannot .+: .+ \(.+\)$/.test(error.message), error.message);
  }
  assertEquals([loop.sourceCount, loop.explain().state], [0, "new"]);
});
