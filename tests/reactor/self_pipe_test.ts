/**
 * Commands of an event loop: bytes in a pipe, in order, none dropped.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ClosedError, DeadlockError, Future } from "@vais/runtime";
import { EventLoop, type LoopCommand, ReactorRuntime, SelfPipe } from "@vais/runtime/reactor";
import { leavesNoFds } from "../support/fds.ts";
import { hostTurn, loopTest, put } from "../support/loops.ts";
import { test } from "../support/test.ts";

const ALL: readonly LoopCommand[] = ["dump", "garbage_collect", "process", "quit", "exit"];

/** Notes what commands come. */
function note(loop: EventLoop, log: string[], commands = ALL): void {
  for (const command of commands) loop.onCommand(command, (name) => log.push(name));
}

/** The descriptor of the loop's pipe that is read. */
function readFdOf(loop: EventLoop): number {
  return loop.explain().sources.find(({ explanation }) => explanation.startsWith("self-pipe"))!.fd;
}

test("SelfPipe: a command is a byte, first in, first out", () =>
  leavesNoFds(() => {
    using pipe = new SelfPipe();
    assertEquals([pipe.isOpen, pipe.take()], [false, []]);
    for (const command of ALL) pipe.post(command);
    assertEquals(String.fromCharCode(...pipe.take()), "DGPQX");
    assertEquals([pipe.isOpen, pipe.queued, pipe.take()], [true, 0, []]);
    pipe.close();
    pipe.close();
    assertThrows(() => pipe.post("dump"), ClosedError);
    assertThrows(() => pipe.readFd, ClosedError);
  }));

test("SelfPipe: what a full pipe does not take waits, in order, and is written later", () =>
  leavesNoFds(() => {
    using pipe = new SelfPipe();
    const posted: number[] = [];
    const taken: number[] = [];
    const post = (command: LoopCommand) => {
      pipe.post(command);
      posted.push({ dump: 68, garbage_collect: 71, process: 80, quit: 81, exit: 88 }[command]);
    };
    for (let i = 0; i < 150_000; i++) post(ALL[i % 5]!);
    assert(pipe.queued > 0, "the pipe took everything");
    for (let rounds = 0; taken.length < posted.length; rounds++) {
      assert(rounds < 100, `${taken.length} of ${posted.length} were taken`);
      taken.push(...pipe.take());
      if (rounds === 1) post("quit"); // behind those that wait
    }
    assertEquals([taken.length, pipe.queued], [posted.length, 0]);
    assert(taken.every((byte, i) => byte === posted[i]), "the order changed");
    assertEquals(pipe.take(), []);
  }));

loopTest("commands are handled in the order of sending, by all who asked for them", (loop) => {
  const log: string[] = [];
  note(loop, log);
  const twice = loop.onCommand("dump", (name, given) => {
    assertEquals(given, loop);
    log.push(`${name} again`);
  });
  for (const command of ["process", "dump", "garbage_collect", "dump"] as const) {
    loop.postpone(command);
  }
  assertEquals([log, loop.explain().commandsPending], [[], 4]);
  // Not an event of the caller's.
  assertEquals([loop.pollEvents(1_000), loop.events()], [0, []]);
  assertEquals(log, ["process", "dump", "dump again", "garbage_collect", "dump", "dump again"]);
  assertEquals([loop.explain().commandsPending, loop.sourceCount], [0, 0]);
  twice.cancel();
  loop.postpone("dump");
  loop.pollEvents(1_000);
  assertEquals(log.slice(6), ["dump"]);
});

loopTest("a command sent by a handler of one comes after those that were sent before", (loop) => {
  const log: string[] = [];
  let left = 3;
  loop.onCommand("dump", () => {
    log.push("dump");
    if (left-- > 0) loop.postpone("dump");
    // Asked inside, the loop goes on with what is next, and comes back.
    if (left === 1) loop.pollEvents(0);
  });
  loop.onCommand("process", () => log.push("process"));
  loop.postpone("dump");
  loop.postpone("process");
  while (loop.explain().commandsPending > 0) loop.pollEvents(1_000);
  assertEquals(log, ["dump", "process", "dump", "dump", "dump"]);
});

loopTest("far more commands than a pipe holds are all handled, in order", (loop) => {
  const log: string[] = [];
  note(loop, log, ["dump", "process"]);
  const count = 100_001;
  for (let i = 0; i < count; i++) loop.postpone(i % 3 === 0 ? "process" : "dump");
  assertEquals(loop.explain().commandsPending, count);
  while (loop.explain().commandsPending > 0) loop.pollEvents(1_000);
  assertEquals(log.length, count);
  assert(log.every((name, i) => name === (i % 3 === 0 ? "process" : "dump")));
});

loopTest(
  "an unknown byte is told and counted, and the others are handled",
  (loop, _pipes, errors) => {
    const log: string[] = [];
    note(loop, log, ["dump", "process"]);
    const { commandFd } = loop.remote();
    loop.postpone("dump");
    put(commandFd, "?\0");
    loop.postpone("process");
    loop.pollEvents(1_000);
    assertEquals([log, loop.explain().commandsUnknown], [["dump", "process"], 2]);
    assertEquals(errors.map(([error, what]) => [(error as Error).name, what]), [
      ["RangeError", "self-pipe"],
      ["RangeError", "self-pipe"],
    ]);
    errors.length = 0;
  },
);

loopTest(
  "a handler of a command that throws stops neither the others nor the loop",
  async (loop, _pipes, errors) => {
    const log: string[] = [];
    loop.onCommand("dump", () => {
      throw new Error("no disk");
    });
    loop.onCommand("dump", () => Promise.reject(new Error("later")));
    note(loop, log);
    loop.postpone("dump");
    loop.postpone("process");
    loop.pollEvents(1_000);
    await hostTurn();
    assertEquals(log, ["dump", "process"]);
    assertEquals(errors.map(([error]) => (error as Error).message), ["no disk", "later"]);
    assertEquals(errors[0]![1], "handler of command dump");
    errors.length = 0;
  },
);

loopTest("quit stops the loop after what was sent with it; exit dumps first", async (loop) => {
  const log: string[] = [];
  note(loop, log);
  loop.onStop(() => log.push("stopped"));
  loop.postpone("quit");
  loop.postpone("process");
  await loop.run();
  assertEquals(log.splice(0), ["quit", "process", "stopped"]);
  loop.onStop(() => log.push("stopped"));
  loop.postpone("exit");
  await loop.run();
  assertEquals(log.splice(0), ["dump", "exit", "stopped"]);
  // Nobody runs it: then the callbacks are called at once.
  loop.onStop(() => log.push("stopped"));
  loop.postpone("quit");
  loop.pollEvents(1_000);
  assertEquals(log, ["quit", "stopped"]);
});

loopTest("commands of the options are handled too, and keep no run going", async () => {
  const log: string[] = [];
  using loop: EventLoop = new EventLoop({
    commands: {
      dump: (name, given) => log.push(`${name} ${given === loop}`),
      exit: (name) => log.push(name),
    },
  });
  await loop.run();
  loop.postpone("dump");
  loop.postpone("exit");
  await loop.run();
  assertEquals(log, ["dump true", "dump true", "exit"]);
});

loopTest("a command sent while the loop sleeps wakes it", async (loop) => {
  const log: string[] = [];
  loop.onCommand("process", () => log.push("process"));
  const running = loop.run();
  for (let i = 0; i < 3; i++) {
    await hostTurn();
    loop.postpone("process");
    while (log.length === i) await hostTurn();
  }
  loop.postpone("quit");
  await running;
  assertEquals(log, ["process", "process", "process"]);
});

test("commands reach the loop of a reactor runtime, and hide no deadlock", async () => {
  const log: string[] = [];
  const runtime = new ReactorRuntime({ commands: { dump: () => log.push("dump") } });
  const loop = runtime.getEventLoop();
  loop.onCommand("process", () => log.push("process"));
  loop.onStop(() => log.push("stopped"));
  runtime.spawn(function* (task) {
    loop.postpone("dump");
    loop.postpone("process");
    loop.postpone("quit");
    while (log.length < 3) yield* task.sleep(1);
  });
  await runtime.run();
  assertEquals(log, ["dump", "process", "stopped"]);
  // Nobody can send a command while the thread is blocked.
  assertThrows(() => runtime.blockOn(() => Future.never()), DeadlockError);
  await runtime.close();
});

loopTest("the pipe's descriptors are labelled, and closed with the loop", (loop) => {
  loop.remote();
  const fd = readFdOf(loop);
  assert(`${loop.explain()}`.includes(`fd ${fd} read: self-pipe: commands`));
  loop.close();
});

test("commands are checked at the door", () => {
  using loop = new EventLoop();
  using pipe = new SelfPipe();
  for (
    const [call, type] of [
      [() => loop.postpone("jump" as never), RangeError],
      [() => loop.postpone(68 as never), TypeError],
      [() => loop.postpone("toString" as never), RangeError],
      [() => loop.onCommand("jump" as never, () => {}), RangeError],
      [() => loop.onCommand("dump", undefined as never), TypeError],
      [() => pipe.post("D" as never), RangeError],
      [() => pipe.post(undefined as never), TypeError],
    ] as const
  ) {
    const error = assertThrows(call, type, undefined, String(call));
    assert(/^Cannot .+: .+ \(.+\)$/.test(error.message), error.message);
  }
  assertEquals([loop.explain().state, pipe.isOpen], ["new", false]);
});
