/**
 * A reactor in each of several threads; and Node without koffi.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { assertEquals, assertStringIncludes } from "@std/assert";
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

const MISSING = "Node without koffi: the error names it, and timers and tasks work";

// Deno and Bun need no koffi.
if (!("Deno" in globalThis)) {
  test(MISSING, () => {
    const folder = mkdtempSync(`${tmpdir()}/vais-`);
    try {
      const installed = fileURLToPath(new URL("..", entry("reactor")));
      mkdirSync(`${folder}/node_modules/@vais`, { recursive: true });
      cpSync(installed, `${folder}/node_modules/@vais/runtime`, { recursive: true });
      writeFileSync(
        `${folder}/main.mjs`,
        `import { ReactorRuntime } from "@vais/runtime/reactor";
const runtime = new ReactorRuntime();
console.log(await runtime.spawn(function* (t) { yield* t.sleep(1); return "slept"; }));
await runtime.spawn(() => runtime.readable(0)).then(() => {}, (error) => {
  console.log(error.code, error.reason, error.message);
});
await runtime.close();`,
      );
      const printed = execFileSync("node", ["main.mjs"], { cwd: folder, encoding: "utf8" });
      assertStringIncludes(printed, "slept\nERR_REACTOR_UNAVAILABLE koffi");
      assertStringIncludes(printed, "npm install koffi");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
