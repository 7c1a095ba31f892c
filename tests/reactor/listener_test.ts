/**
 * A loop over a listener, when the process has no descriptors left.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import type { JoinHandle } from "@vais/runtime";
import { connect, IoError, listen, type Listener } from "@vais/runtime/reactor";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { test } from "../support/test.ts";

/** What a test has: nobody can open anything until `giveBack`, and a client waits at the door. */
interface Crowded {
  readonly runtime: SimulatedRuntime;
  readonly listener: Listener;
  /** Loops over the listener since 0 ms; answers when it got connections. */
  readonly loop: JoinHandle<number[]>;
  readonly giveBack: () => void;
}

async function whenCrowded(body: (crowded: Crowded) => Generator<unknown, void>): Promise<void> {
  await using runtime = new SimulatedRuntime();
  const { kernel } = runtime;
  await runtime.spawn(function* () {
    const listener = listen({ path: "/run/crowded" });
    const client = yield* connect(listener.addr);
    const hoard: number[] = [];
    for (let fd; (fd = kernel.eventfd(0)) >= 0;) hoard.push(fd);
    const giveBack = () => hoard.splice(0).forEach((fd) => kernel.close(fd));
    const loop = runtime.spawn(async () => {
      const times: number[] = [];
      for await (const connection of listener) {
        times.push(runtime.clock.now());
        connection.close();
      }
      return times;
    });
    yield* body({ runtime, listener, loop, giveBack });
    giveBack();
    client.close();
    listener.close();
  });
  assertEquals([kernel.openFds, runtime.taskCount], [[], 0]);
}

test("no descriptors left: accept tells, a loop over the listener goes on when there are", () =>
  whenCrowded(function* ({ runtime, listener, loop, giveBack }) {
    yield* runtime.sleep(1);
    const told = runtime.spawn(() => listener.accept());
    const outcome = yield* told.settled();
    assertEquals(outcome.status === "error" && (outcome.error as IoError).code, "EMFILE");
    yield* runtime.sleep(10_119);
    giveBack();
    const second = yield* connect(listener.addr);
    yield* runtime.sleep(100);
    listener.close();
    assertEquals(yield* loop, [10_150, 10_150]);
    second.close();
  }));

test("no descriptors left: a loop over a listener ends when that is closed", () =>
  whenCrowded(function* ({ runtime, listener, loop }) {
    yield* runtime.sleep(20);
    listener.close();
    assertEquals(yield* loop, []);
    assertEquals(runtime.clock.now(), 50);
  }));

test("no descriptors left: a loop over a listener can be cancelled", () =>
  whenCrowded(function* ({ runtime, loop }) {
    yield* runtime.sleep(20);
    loop.cancel();
    assertEquals((yield* loop.settled()).status, "cancelled");
    assertEquals(runtime.clock.now(), 20);
  }));

test("another failure ends the loop over a listener", async () => {
  await using runtime = new SimulatedRuntime();
  const { kernel } = runtime;
  const loop = runtime.spawn(async () => {
    const listener = listen({ path: "/run/gone" });
    kernel.close(listener.fd); // behind its back
    for await (const _ of listener);
  });
  const error = await assertRejects(async () => await loop, IoError);
  assertEquals(error.code, "EBADF");
});
