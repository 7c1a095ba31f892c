/**
 * Adapters with real parts: servers, child processes, emitters, streams. After each of them, however
 * it was left, no listener, socket, process or lock is left.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import {
  Cancelled,
  closing,
  events,
  fromReadable,
  moveOnAfter,
  nextEvent,
  pipeInto,
  processEnd,
  scope,
  sleep,
  toReadable,
  withFetch,
} from "@vais/runtime";
import { test } from "../support/test.ts";

const bad = (value: unknown): never => value as never;

// ---- events ---------------------------------------------------------------------------------

test("events of an emitter: in order, with their arguments, until its error", async () => {
  const emitter = new EventEmitter();
  const seen: unknown[] = [];
  const failure = new Error("no more");
  const reading = scope(async () => {
    for await (const args of events(emitter, "data")) seen.push(args);
  });
  setTimeout(() => {
    emitter.emit("data", 1, "one");
    emitter.emit("data", 2);
    emitter.emit("error", failure);
  }, 5);
  assertEquals(await reading.catch((error) => error), failure);
  assertEquals(seen, [[1, "one"], [2]]);
  assertEquals([emitter.listenerCount("data"), emitter.listenerCount("error")], [0, 0]);
});

test("events and nextEvent leave no listener: left, cancelled, timed out, not begun", async () => {
  const emitter = new EventEmitter();
  const counts = () => [emitter.listenerCount("tick"), emitter.listenerCount("error")];
  events(emitter, "tick");
  nextEvent(emitter, "tick");
  assertEquals(counts(), [0, 0]);
  setTimeout(() => emitter.emit("tick"), 1);
  for await (const _ of events(emitter, "tick")) break;
  assertEquals(counts(), [0, 0]);
  await moveOnAfter(1, async () => {
    for await (const _ of events(emitter, "tick"));
  });
  assertEquals(counts(), [0, 0]);
  await assertRejects(() => nextEvent(emitter, "tick").timeout(1));
  assertEquals(counts(), [0, 0]);
  setTimeout(() => emitter.emit("tick", "now"), 1);
  assertEquals(await nextEvent(emitter, "tick"), ["now"]);
  assertEquals(counts(), [0, 0]);
});

test("nextEvent leaves no listener when its event comes while it subscribes", async () => {
  const emitter = new EventEmitter();
  const [name] = await nextEvent(emitter, "newListener");
  assertEquals(name, "error");
  assertEquals([emitter.listenerCount("newListener"), emitter.listenerCount("error")], [0, 0]);
});

test("events that are not taken in time: the policy drops them", async () => {
  const target = new EventTarget();
  const seen: string[] = [];
  const stream = events(target, "n", { capacity: 2 });
  const first = stream.next();
  setTimeout(() => {
    for (let i = 0; i < 5; i++) target.dispatchEvent(Object.assign(new Event("n"), { n: i }));
  }, 1);
  for (let next = await first; !next.done && seen.length < 3; next = await stream.next()) {
    seen.push(String((next.value as Event & { n: number }).n));
    if (seen.length === 3) break;
  }
  await stream.return();
  assertEquals(seen, ["0", "3", "4"]);
});

// ---- web streams ----------------------------------------------------------------------------

test("fromReadable: read to the end, left, failed and cancelled, it gives up the lock", async () => {
  const log: unknown[] = [];
  const make = (fails = false) =>
    new ReadableStream<number>({
      start: (controller) => {
        controller.enqueue(1);
        controller.enqueue(2);
        if (fails) controller.error(new Error("broken"));
      },
      cancel: (reason) => void log.push(reason),
    });
  const left = make();
  for await (const n of fromReadable(left)) if (n === 1) break;
  assertEquals([left.locked, log.splice(0)], [false, ["its consumer left"]]);
  const failed = make(true);
  await assertRejects(
    () =>
      scope(async () => {
        for await (const _ of fromReadable(failed));
      }),
    Error,
    "broken",
  );
  assertEquals(failed.locked, false);
  const stuck = make();
  const end = await moveOnAfter(5, async () => {
    for await (const _ of fromReadable(stuck)); // the third chunk never comes
  });
  assertEquals([end.timedOut, stuck.locked, log.splice(0)], [true, false, ["its consumer left"]]);
});

test("toReadable closes its source when the stream is cancelled, and passes its error on", async () => {
  const log: string[] = [];
  function* source(): Generator<number> {
    try {
      yield 1;
      yield 2;
      throw new Error("source failed");
    } finally {
      log.push("closed");
    }
  }
  const reader = toReadable(source()).getReader();
  assertEquals(await reader.read(), { done: false, value: 1 });
  await reader.cancel();
  assertEquals(log.splice(0), ["closed"]);
  const whole = toReadable(source()).getReader();
  await whole.read();
  await whole.read();
  await assertRejects(() => whole.read(), Error, "source failed");
  assertEquals(log.splice(0), ["closed"]);
});

test("pipeInto: back-pressure, errors of either side, and cancels", async () => {
  const log: unknown[] = [];
  let pulled = 0;
  function* source(count = Infinity): Generator<number> {
    try {
      for (let i = 0; i < count; i++, pulled++) yield i;
    } finally {
      log.push("source closed");
    }
  }
  const sink = (write: (n: number) => void | Promise<void>) =>
    new WritableStream<number>({
      write,
      close: () => void log.push("closed"),
      abort: (reason) => void log.push(reason),
    });
  const good = sink(() => {});
  await pipeInto(source(3), good);
  assertEquals([log.splice(0), good.locked], [["source closed", "closed"], false]);
  const broken = sink(() => {
    throw new Error("disk full");
  });
  await assertRejects(() => Promise.resolve(pipeInto(source(), broken)), Error, "disk full");
  assertEquals([log.splice(0), broken.locked], [["source closed"], false]);
  pulled = 0;
  const slow = sink(() => new Promise(() => {}));
  // A write that never ends holds up the abort: so long the cleanup may take.
  const end = await moveOnAfter(10, () => pipeInto(source(), slow), { graceMs: 20 });
  assert(pulled <= 2, `${pulled} values were pulled for a sink that takes none`);
  const [closed, reason] = log.splice(0);
  assertEquals([end.timedOut, closed, slow.locked], [true, "source closed", false]);
  assert(reason === undefined || reason instanceof Cancelled);
});

// ---- fetch ----------------------------------------------------------------------------------

/** A server that sends a head and half a body, and never the rest. */
async function halfServer(): Promise<{ url: string; open: () => number } & AsyncDisposable> {
  const sockets = new Set<unknown>();
  const server = createServer((request, response) => {
    if (request.url === "/whole") return void response.end("whole");
    if (request.url === "/silent") return;
    response.writeHead(200);
    response.write("half");
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    open: () => sockets.size,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await sleep(1);
}

test("withFetch leaves no connection for a body that nobody reads, nor for an answer that never comes", async () => {
  const server = await halfServer();
  try {
    const options = { headers: { connection: "close" } };
    const get = (path: string, use: (response: Response) => unknown) =>
      withFetch(server.url + path, options, use);
    assertEquals(await get("/whole", (response) => response.text()), "whole");
    assertEquals(await get("/half", (response) => response.status), 200);
    await until(() => server.open() === 0);
    for (const path of ["/silent", "/half"]) {
      const end = await moveOnAfter(50, () => get(path, (response) => response.text()));
      assertEquals(end.timedOut, true);
      await until(() => server.open() === 0);
    }
    await assertRejects(
      () =>
        Promise.resolve(get("/half", function* () {
          yield* sleep(1);
          throw new Error("no use for it");
        })),
      Error,
      "no use for it",
    );
    await until(() => server.open() === 0);
    const controller = new AbortController();
    const aborted = Promise.resolve(
      withFetch(`${server.url}/silent`, { signal: controller.signal }, () => {}),
    );
    setTimeout(() => controller.abort(new Error("enough")), 5);
    await assertRejects(() => aborted, Error, "enough");
    await until(() => server.open() === 0);
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

// ---- processes ------------------------------------------------------------------------------

const run = (script: string) =>
  spawn("/bin/sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });

test("processEnd tells the code or the signal, also of a process that has ended before", async () => {
  const child = run("exit 3");
  assertEquals(await processEnd(child), { code: 3, signal: null });
  assertEquals(await processEnd(child), { code: 3, signal: null });
  const killed = run("kill -9 $$");
  assertEquals(await processEnd(killed), { code: null, signal: "SIGKILL" });
  const missing = spawn("/nowhere/at/all", []);
  await assertRejects(() => Promise.resolve(processEnd(missing)), Error, "ENOENT");
  assertEquals([child, killed].map((c) => c.listenerCount("exit")), [0, 0]);
});

test("a cancelled processEnd leaves no process: one that obeys, and one that does not", async () => {
  for (
    const script of [
      "echo ready; exec sleep 60",
      "trap '' TERM; echo ready; while :; do sleep 0.05; done",
    ]
  ) {
    const child = run(script);
    await once(child.stdout!, "data");
    const end = await moveOnAfter(10, () => processEnd(child, { graceMs: 50 }));
    assertEquals([end.timedOut, child.listenerCount("exit")], [true, 0]);
    assertThrows(() => process.kill(child.pid!, 0), Error, "ESRCH");
  }
});

// ---- closables ------------------------------------------------------------------------------

test("closing closes what it iterates, also while it waits", async () => {
  class Source {
    closed = 0;
    #end = Promise.withResolvers<void>?.() ??
      { promise: new Promise<void>(() => {}), resolve() {} };
    constructor(readonly items: number[]) {}
    async *[Symbol.asyncIterator]() {
      yield* this.items;
      await this.#end.promise;
    }
    close(): void {
      this.closed++;
      this.#end.resolve();
    }
  }
  const left = new Source([1, 2]);
  for await (const n of closing(left)) if (n === 1) break;
  assertEquals(left.closed, 1);
  const stuck = new Source([]);
  const end = await moveOnAfter(5, async () => {
    for await (const _ of closing(stuck));
  });
  assertEquals([end.timedOut, stuck.closed], [true, 1]);
});

// ---- bad input ------------------------------------------------------------------------------

test("bad input", () => {
  const target = new EventTarget();
  const locked = new ReadableStream();
  locked.getReader();
  const writing = new WritableStream();
  writing.getWriter();
  const wrong: Record<string, () => unknown> = {
    "source is a Object": () => events(bad({}), "x"),
    "source is null": () => nextEvent(bad(null), "x"),
    "name is number": () => events(target, bad(1)),
    "options is null": () => events(target, "x", bad(null)),
    "capacity is the string": () => events(target, "x", { capacity: bad("1") }),
    "stream is number": () => fromReadable(bad(1)),
    "stream is locked (it has another reader)": () => fromReadable(locked),
    "source is number": () => toReadable(bad(1)),
    "source is undefined": () => pipeInto(bad(undefined), new WritableStream()),
    "stream is a Object": () => pipeInto([], bad({})),
    "stream is locked (it has another writer)": () => pipeInto([], writing),
    "use is undefined": () => withFetch("data:,", {}, bad(undefined)),
    "init is undefined": () => withFetch("data:,", bad(undefined), () => {}),
    "child is a Object": () => processEnd(bad({})),
    "signal is number": () =>
      processEnd(bad({ status: Promise.resolve(), kill() {} }), bad({ signal: 9 })),
    "must be an async iterable with close()": () => closing(bad([])),
  };
  for (const [text, call] of Object.entries(wrong)) assertThrows(call, TypeError, text);
  assertThrows(() => events(target, "x", { capacity: 0 }), RangeError, "capacity is 0");
  assertThrows(
    () => processEnd(bad({ status: Promise.resolve(), kill() {} }), { graceMs: -1 }),
    RangeError,
    "graceMs is -1",
  );
});
