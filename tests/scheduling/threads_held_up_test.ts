/**
 * A task never waits behind a long one while another worker is idle, however its arguments travel.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import {
  newWords,
  reached,
  release,
  sharedWords,
  turn,
  withEngine,
} from "../support/threads_engine_tasks.ts";

const HOW = {
  "shared words": sharedWords,
  "words of a message": () => newWords(),
} as const;

for (const [how, wordsFor] of Object.entries(HOW)) {
  withEngine(`calls that block until another one runs, with ${how}: each gets a worker`, {
    workerCount: 3,
    minWorkers: 0,
  }, async (engine) => {
    await engine.run("add", [1, 2]); // one worker is there, the others have yet to come
    const words = wordsFor(engine);
    const held = [1, 2, 3].map((n) => engine.run("hold", [words, n]));
    await reached(words, 3);
    release(words);
    assertEquals(await Promise.all(held), [1, 2, 3]);
  });

  withEngine(`a long call with ${how} holds up none of the short ones that came with it`, {
    workerCount: 2,
  }, async (engine) => {
    // These are known to be short: several of their messages may be on their way at once.
    await engine.map(Array.from({ length: 200 }, () => new Map()), "echo");
    const words = wordsFor(engine);
    const held = engine.run("hold", [words, 7]);
    const short = Array.from(
      { length: 200 },
      (_, n) => n % 3 === 0 ? engine.run("add", [n, 1]) : engine.run("echo", [new Map([[n, n]])]),
    );
    assertEquals((await Promise.all(short)).length, 200);
    release(words);
    assertEquals(await held, 7);
  });
}

withEngine("numbers wait for no more than the short messages that are on their way", {
  workerCount: 1,
}, async (engine) => {
  await engine.map(Array.from({ length: 100 }, () => new Map()), "echo");
  const order: string[] = [];
  await Promise.all(Array.from({ length: 60 }, async (_, n) => {
    if (n % 2 === 0) await engine.run("echo", [new Map([[n, n]])]);
    else assertEquals(await engine.run("add", [n, n]), 2 * n);
    order.push(n % 2 === 0 ? "message" : "numbers");
  }));
  assertEquals(order.length, 60);
  assertEquals(order.slice(0, 40).includes("numbers"), true);
});

withEngine("arguments that cannot be sent fail their task, and no other", {
  workerCount: 1,
}, async (engine) => {
  const bytes = new ArrayBuffer(8);
  await assertRejects(
    () => Promise.resolve(engine.run("echo", [bytes], { transfer: [bytes, bytes] })),
    DOMException,
    "the same object twice",
  );
  assertEquals(bytes.byteLength, 8);
  assertEquals(await engine.run("add", [1, 2]), 3);
});

withEngine("cancelled while its arguments are on their way, a task ends when it is called", {
  workerCount: 1,
}, async (engine) => {
  for (const name of ["sleepLong", "untilAborted"] as const) {
    await turn(); // the first task of a turn is published at once
    const task = name === "sleepLong"
      ? engine.run(name, [new Map()])
      : engine.run(name, [newWords()]);
    const until = performance.now() + 20_000;
    while (task.worker < 0 && performance.now() < until); // it is started, and this thread sends nothing
    assertEquals(task.worker, 0);
    task.cancel();
    await assertRejects(() => Promise.resolve(task), Error);
  }
  const items = engine.stream("count", [newWords(), 1_000_000]);
  await items.return();
});
