/**
 * Threads of the host at hand: messages, how they end, and that the end is told once, last.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import type { WorkerEnd } from "../../scheduling/threads/worker_host.ts";
import { test } from "../support/test.ts";
import { hear, INBOX, isDeno, program, turns } from "../support/threads_hosts_entries.ts";

test("messages go both ways in order, shared memory is shared, buffers move", async () => {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const heard = await hear({
    name: "postman",
    setup: { shared },
    entry: program(`${INBOX}
      Atomics.store(setup.shared, 0, 41);
      port.post(port.name);
      return async () => {
        for (;;) {
          const message = await next();
          if (message === "last") return;
          if (message instanceof ArrayBuffer) port.post(message, [message]);
          else port.post([message]);
        }
      };`),
  });
  assertEquals(await heard.next(), "postman");
  assertEquals(shared[0], 41);
  for (let i = 0; i < 100; i++) heard.worker.post(i);
  for (let i = 0; i < 100; i++) assertEquals(await heard.next(), [i]);
  const buffer = new Uint8Array([1, 2, 3]).buffer;
  heard.worker.post(buffer, [buffer]);
  assertEquals(buffer.byteLength, 0);
  assertEquals(new Uint8Array(await heard.next() as ArrayBuffer), new Uint8Array([1, 2, 3]));
  heard.worker.post("last");
  assertEquals(await heard.ended(), { how: "exited", exitCode: 0 });
  heard.worker.post("too late: nobody hears it");
  assertEquals(await heard.worker.terminate(), "ended");
  assertEquals(heard.ends.length, 1);
});

test("a worker that blocks takes messages off its port without a turn of its event loop", async () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const heard = await hear({
    setup: words,
    entry: program(`return () => {
      let turns = 0;
      setTimeout(() => turns++, 0);
      const got = [];
      if (port.receiveNow() !== undefined) throw new Error("nothing was posted yet");
      port.post("empty");
      for (let rung = 0; got.length < 200;) {
        Atomics.wait(setup, 0, rung);
        rung = Atomics.load(setup, 0);
        for (let message; (message = port.receiveNow()) !== undefined;) got.push(message);
        Atomics.store(setup, 1, got.length);
      }
      port.post({ got, turns });
    };`),
  });
  assertEquals(await heard.next(), "empty");
  for (let i = 0; i < 200; i++) {
    heard.worker.post({ i, bytes: new Uint8Array([i]) });
    Atomics.add(words, 0, 1);
    Atomics.notify(words, 0);
  }
  const { got, turns } = await heard.next() as {
    got: { i: number; bytes: Uint8Array }[];
    turns: number;
  };
  assertEquals(got.map(({ i }) => i), [...Array(200).keys()]);
  assertEquals(got.map(({ bytes }) => bytes[0]), [...Array(200).keys()]);
  assertEquals(turns, 0);
  assertEquals((await heard.ended()).how, "exited");
});

/** A way for a thread to end: what its body does, and what must be told. */
interface Ending {
  readonly name: string;
  readonly body: string;
  readonly check: (end: WorkerEnd) => void;
  readonly deno?: boolean;
}

const threw = (message: string, type: typeof Error = RangeError) => (end: WorkerEnd) => {
  assertEquals(end.how, "threw");
  assertInstanceOf(end.error, type);
  assertEquals((end.error as Error).message, message);
};
const exited = (exitCode?: number) => (end: WorkerEnd) => {
  assertEquals(end, exitCode === undefined ? { how: "exited" } : { how: "exited", exitCode });
};

const FAILING = `class Failing extends RangeError { code = "E_FAILING"; name = "Failing"; }`;
const ENDINGS: readonly Ending[] = [
  { name: "its body returns", body: `return`, check: exited(0) },
  { name: "its body throws", body: `throw new Failing("body")`, check: threw("body") },
  {
    name: "its body rejects",
    body: `return Promise.reject(new Failing("later"))`,
    check: threw("later"),
  },
  {
    name: "a timer throws",
    body: `setTimeout(() => { throw new Failing("timer"); }, 1); return new Promise(() => {})`,
    check: threw("timer"),
  },
  {
    name: "a message handler throws",
    body: `port.onMessage(() => { throw new Failing("handler"); }); return new Promise(() => {})`,
    check: threw("handler"),
  },
  {
    name: "a rejection is not handled",
    body: `Promise.reject(new Failing("unhandled")); return new Promise(() => {})`,
    check: threw("unhandled"),
  },
  {
    name: "it throws what is no error",
    body: `setTimeout(() => { throw { status: 503 }; }, 1); return new Promise(() => {})`,
    check: (end) => assertEquals(end, { how: "threw", error: { status: 503 } }),
  },
  {
    name: "it exits",
    body: `process.exit(3)`,
    check: exited(3),
  },
  {
    name: "it exits in a timer",
    body: `setTimeout(() => process.exit(4), 1); return new Promise(() => {})`,
    check: exited(4),
  },
  { name: "it calls Deno.exit", body: `Deno.exit(5)`, check: exited(5), deno: true },
  {
    name: "it closes itself",
    body: `self.close(); return new Promise(() => {})`,
    check: exited(),
    deno: true,
  },
];

for (const { name, body, check, deno } of ENDINGS) {
  if (deno && !isDeno) continue;
  test(`a worker ends: ${name}`, async () => {
    const heard = await hear({
      entry: program(`port.post("before"); return () => {${body}};`, FAILING),
    });
    heard.worker.post("for the message handler");
    check(await heard.ended());
    assertEquals(await heard.worker.terminate(), "ended");
    await turns();
    assertEquals(heard.ends.length, 1);
    assertEquals(heard.messages, ["before"]);
    assertEquals(heard.beforeEnd(), 1);
  });
}

test("the end comes after all that the worker posted, however it ends", async () => {
  const last = ["return", "throw new Error('x')", "process.exit(1)"];
  for (const end of last) {
    const heard = await hear({
      entry: program(`return () => { for (let i = 0; i < 2000; i++) port.post(i); ${end}; };`),
    });
    await heard.ended();
    assertEquals(heard.beforeEnd(), 2000);
    assertEquals(heard.messages, [...Array(2000).keys()]);
  }
});

test("a worker that waits for messages is terminated; several calls have one answer", async () => {
  const heard = await hear({ entry: program(`port.onMessage((message) => port.post(message));`) });
  heard.worker.post("a");
  assertEquals(await heard.next(), "a");
  const answers = await Promise.all([heard.worker.terminate(), heard.worker.terminate()]);
  assertEquals(answers, ["ended", "ended"]);
  assertEquals(heard.ends, [{ how: "terminated" }]);
  assertEquals(await heard.worker.terminate(), "ended");
  await turns();
  assertEquals(heard.ends.length, 1);
});

for (const how of ["busy", "parked"]) {
  test(`a ${how} worker: Node ends it, Deno abandons it, and nothing more is heard`, async () => {
    const words = new Int32Array(new SharedArrayBuffer(8));
    const heard = await hear({
      abandonAfterMs: 50,
      setup: words,
      entry: program(`return () => {
        port.post("${how}");
        ${how === "busy" ? "while (Atomics.load(setup, 0) === 0);" : "Atomics.wait(setup, 0, 0);"}
        port.post("unheard");
        Atomics.store(setup, 1, 1);
        Atomics.notify(setup, 1);
      };`),
    });
    assertEquals(await heard.next(), how);
    assertEquals(await heard.worker.terminate(), isDeno ? "abandoned" : "ended");
    assertEquals(heard.ends, [{ how: "terminated" }]);
    // Lets the abandoned thread go on: it must not run for the rest of the tests.
    Atomics.store(words, 0, 1);
    Atomics.notify(words, 0);
    await turns();
    assertEquals(heard.messages, [how]);
    assertEquals(heard.ends.length, 1);
  });
}

// Bun has no limits for its threads.
if (!isDeno && !("Bun" in globalThis)) {
  test("Node: a worker that runs out of memory ends alone", async () => {
    const heard = await hear({
      resourceLimits: { maxOldGenerationSizeMb: 16 },
      entry: program(`return () => {
        const all = [];
        for (;;) all.push(new Array(1000).fill(0.5));
      };`),
    });
    const end = await heard.ended();
    assertEquals(end.how, "out-of-memory");
    assertEquals((end.error as { code?: string }).code, "ERR_WORKER_OUT_OF_MEMORY");
    await turns();
    assertEquals(heard.ends.length, 1);
  });
}

test("workers killed at random moments under load: messages in order, one end each", async () => {
  // Seeded: the moments vary from run to run all the same, as threads do.
  let seed = 7;
  const random = (below: number) => {
    seed = Math.imul(seed, 1664525) + 1013904223 | 0;
    return (seed >>> 8) % below;
  };
  for (let round = 0; round < 30; round++) {
    const heard = await hear({
      entry: program(`
        const kill = {
          throws() { throw new Error("killed"); },
          rejects() { void Promise.reject(new Error("killed")); },
          exits() { process.exit(9); },
          terminated() {},
        };
        port.onMessage((message) => {
          if (typeof message === "string") return kill[message]();
          port.post(message);
        });`),
    });
    const how = ["throws", "rejects", "exits", "terminated"][round % 4]!;
    const posted = random(300);
    for (let i = 0; i < posted; i++) heard.worker.post(i);
    for (let i = random(posted + 1); i > 0; i--) await heard.next();
    if (how === "terminated") void heard.worker.terminate();
    else heard.worker.post(how);
    for (let i = 0; i < 50; i++) heard.worker.post(posted + i);
    const end = await heard.ended();
    assertEquals(
      end.how,
      how === "terminated" ? "terminated" : how === "exits" ? "exited" : "threw",
    );
    assertEquals(heard.messages, heard.messages.map((_, i) => i));
    if (how !== "terminated" && how !== "rejects") assertEquals(heard.messages.length, posted);
    assert(heard.messages.length <= posted + 50);
    assertEquals(heard.beforeEnd(), heard.messages.length);
    await turns(2);
    assertEquals(heard.ends.length, 1);
  }
});
