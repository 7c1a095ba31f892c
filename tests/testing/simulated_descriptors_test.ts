/**
 * Descriptors in virtual time, under many schedules.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DeadlockError, scope, TimeoutError } from "@vais/runtime";
import { close, connect, listen, pipe, read, streamPair, write } from "@vais/runtime/reactor";
import { forEachSchedule, SimulatedRuntime } from "@vais/runtime/testing";
import { test } from "../support/test.ts";

test("sockets in virtual time: a slow server, a day of waiting, no time at all", async () => {
  const runtime = new SimulatedRuntime();
  const start = performance.now();
  await scope(function* (s) {
    const listener = listen({ hostname: "127.0.0.1", port: 0 });
    s.spawn(function* (task) {
      const client = yield* listener.accept();
      yield* task.sleep(86_400_000);
      yield* client.writeAll(new Uint8Array(3));
      client.close();
    });
    const client = yield* connect(listener.addr);
    const buffer = new Uint8Array(8);
    let timedOut = 0;
    let got = -1;
    while (got < 0) {
      try {
        got = yield* client.read(buffer).timeout(3_600_000);
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
        timedOut++;
      }
    }
    assertEquals([got, timedOut >= 23], [3, true]);
    client.close();
    listener.close();
  }, { runtime });
  assertEquals(runtime.clock.now(), 86_400_000);
  assert(performance.now() - start < 60_000);
  assertEquals(runtime.kernel.openFds, []);
  await runtime.close();
});

test("a read that nobody will write is a deadlock, told at once", async () => {
  const runtime = new SimulatedRuntime();
  const { readFd, writeFd } = await runtime.spawn(() => pipe());
  const handle = runtime.spawn(function* () {
    return yield* read(readFd, new Uint8Array(1));
  });
  await assertRejects(() => runtime.run(), DeadlockError, `read fd ${readFd}`);
  assertThrows(() => runtime.blockOn(handle), DeadlockError);
  await runtime.spawn(() => {
    close(readFd);
    close(writeFd);
  });
  await assertRejects(() => handle.then());
  await runtime.close();
});

test("a relay loses no byte under any schedule", async () => {
  await forEachSchedule(async (runtime) => {
    const sent: number[] = [];
    const got: number[] = [];
    await scope(function* (s) {
      const [a, b] = streamPair();
      const { readFd, writeFd } = pipe();
      s.spawn(function* (task) {
        for (let i = 0; i < 20; i++) {
          const chunk = new Uint8Array(1 + (i * 37) % 700).fill(i);
          sent.push(...chunk);
          yield* a.writeAll(chunk);
          if (i % 5 === 0) yield* task.sleep(i);
        }
        a.close();
      });
      s.spawn(function* () {
        const buffer = new Uint8Array(300);
        for (let n; (n = yield* b.read(buffer)) > 0;) {
          for (let at = 0; at < n;) at += yield* write(writeFd, buffer.subarray(at, n));
        }
        close(writeFd);
        b.close();
      });
      const buffer = new Uint8Array(111);
      for (let n; (n = yield* read(readFd, buffer)) > 0;) got.push(...buffer.subarray(0, n));
      close(readFd);
    }, { runtime });
    assertEquals(got, sent);
    assertEquals(runtime.kernel.openFds, []);
  }, { seed: 1, count: 60 });
});
