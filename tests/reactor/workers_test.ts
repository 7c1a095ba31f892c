/**
 * A reactor in each of several threads.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { test } from "../support/test.ts";
import { entry, startThread } from "../support/threads.ts";

/** Echoes messages between two tasks over TCP, parking in between; posts how many came back right. */
const ECHO = `
const { connect, getReactor, listen, ReactorRuntime } = await import("${entry("reactor")}");
const rounds = await messages.next();
const runtime = new ReactorRuntime();
let right = 0;
await runtime.spawn(function* () {
  const listener = listen({ hostname: "127.0.0.1", port: 0 });
  const echo = runtime.spawn(function* () {
    const server = yield* listener.accept();
    const buffer = new Uint8Array(8);
    for (let n; (n = yield* server.read(buffer)) > 0;) {
      yield* server.writeAll(buffer.subarray(0, n));
    }
    server.close();
  });
  const client = yield* connect(listener.addr);
  const buffer = new Uint8Array(8);
  for (let i = 0; i < rounds; i++) {
    yield* client.writeAll(new Uint8Array(8).fill(i));
    yield* client.readFull(buffer);
    if (buffer.every((byte) => byte === i % 256)) right++;
    if (i % 10 === 0) yield* runtime.sleep(1);
  }
  client.close();
  listener.close();
  yield* echo;
});
await runtime.close();
post(right);
`;

test("workers each have a reactor of their own", async () => {
  const threads = await Promise.all([startThread(ECHO), startThread(ECHO)]);
  for (const thread of threads) thread.post(200);
  assertEquals(await Promise.all(threads.map((thread) => thread.next())), [200, 200]);
  for (const thread of threads) await thread.end();
});
