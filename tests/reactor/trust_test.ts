/**
 * What an outside look at the reactor found: one test for each.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClosedError, type Future } from "@vais/runtime";
import {
  close,
  connect,
  FdStream,
  listen,
  open,
  pipe,
  ReactorRuntime,
  read,
  recv,
  setNonBlocking,
  streamPair,
  write,
} from "@vais/runtime/reactor";
import { test } from "../support/test.ts";
import { entry, startThread } from "../support/threads.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function faults(name: string, body: (runtime: ReactorRuntime) => Generator<unknown, void>): void {
  test(name, async () => {
    const runtime = new ReactorRuntime();
    try {
      await runtime.spawn(() => body(runtime));
    } finally {
      await runtime.close();
    }
  });
}

function* errorOf(handle: { [Symbol.iterator](): Iterator<unknown, unknown> }) {
  try {
    yield* handle;
  } catch (error) {
    return error;
  }
}

faults("a closed stream is refused wherever a descriptor is taken", function* (runtime) {
  const [a, b] = streamPair();
  a.close();
  const pair = streamPair(); // has the number of a
  const uses: (() => Future<unknown>)[] = [
    () => recv(a, new Uint8Array(1)),
    () => runtime.readable(a),
  ];
  for (const use of uses) {
    const error = yield* errorOf(runtime.spawn(() => use().timeout(20)));
    assertInstanceOf(error, ClosedError);
  }
  assertThrows(() => close(a), ClosedError); // or does nothing; but closes nobody else's
  assertEquals(yield* pair[0].write(bytes("x")), 1);
  for (const one of [b, ...pair]) one.close();
});

faults("close(stream) closes the stream: its own close does nothing then", function* () {
  const [a, b] = streamPair();
  close(a);
  assert(a.isClosed);
  const pair = streamPair(); // has the number of a
  a.close(); // e.g. by `using`
  assertEquals(yield* pair[0].write(bytes("x")), 1);
  for (const one of [b, ...pair]) one.close();
});

test("addr of a closed listener is never somebody else's", () => {
  const first = listen({ hostname: "127.0.0.1", port: 0 });
  first.close();
  using _second = listen({ hostname: "127.0.0.1", port: 0 }); // has its number
  assertThrows(() => first.addr, ClosedError);
});

test("a plain function may answer a stream, a listener, a watcher", async () => {
  const runtime = new ReactorRuntime();
  const listener = await runtime.spawn(() => listen({ hostname: "127.0.0.1", port: 0 }));
  const client = await connect(listener.addr);
  const wrapped = await runtime.spawn(() => new FdStream(pipe().readFd, "pipe"));
  for (const one of [listener, client, wrapped]) one.close();
  await runtime.close();
});

test("a stream used in another runtime fails no wait there", async () => {
  const one = new ReactorRuntime();
  const other = new ReactorRuntime();
  const [a, b] = await one.spawn(() => streamPair());
  const waits = other.spawn(() => other.readable(a));
  await other.spawn(function* () {
    yield* other.sleep(5);
    yield* a.write(bytes("x")); // moves a to the other runtime
    yield* b.write(bytes("y"));
  });
  await waits; // was: IoError EBADF "closed elsewhere, its number used again"
  a.close();
  b.close();
  await one.close();
  await other.close();
});

faults("wrapping a descriptor that is waited for is no EBADF", function* (runtime) {
  const { readFd, writeFd } = pipe();
  const waits = runtime.spawn(() => runtime.readable(readFd));
  yield* runtime.sleep(2);
  const reader = new FdStream(readFd, "pipe");
  yield* write(writeFd, bytes("x"));
  yield* waits;
  reader.close();
  close(writeFd);
});

test("a short read of a Unix socket is not the last of it: a message had descriptors", async () => {
  const runtime = new ReactorRuntime();
  const path = join(mkdtempSync(join(tmpdir(), "vais-")), "s");
  const python = spawn("python3", [
    "-c",
    `
import socket, time
s = socket.socket(socket.AF_UNIX); s.bind(${
      JSON.stringify(path)
    }); s.listen(1); print("up", flush=True)
c, _ = s.accept()
c.send(b"x"); time.sleep(.3)
socket.send_fds(c, [b"abc"], [0]); c.send(b"def")   # a read ends behind what had descriptors
time.sleep(3)`,
  ], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => python.stdout!.once("data", resolve));
  try {
    await runtime.spawn(function* () {
      using client = yield* connect({ path });
      const buffer = new Uint8Array(64);
      yield* client.read(buffer);
      yield* runtime.readable(client);
      yield* runtime.sleep(200);
      assertEquals(yield* client.read(buffer), 3);
      assertEquals(yield* client.read(buffer).timeout(1_000), 3); // was: waits for an edge that was told
    });
  } finally {
    python.kill();
    await runtime.close();
    rmSync(path, { force: true });
  }
});

// Deno's closeSync takes resources, not descriptors.
if (!("Deno" in globalThis)) {
  test("a number that the host closed and used again is waited for anew", async () => {
    const runtime = new ReactorRuntime();
    const fifo = join(mkdtempSync(join(tmpdir(), "vais-")), "fifo");
    const made = spawn("mkfifo", [fifo]);
    await new Promise((resolve) => made.once("exit", resolve));
    await runtime.spawn(function* () {
      const { readFd, writeFd } = pipe();
      yield* errorOf(read(readFd, new Uint8Array(1)).timeout(5)); // the kernel was told of it
      closeSync(readFd);
      closeSync(writeFd);
      const fd = openSync(fifo, "r+");
      setNonBlocking(fd);
      assertEquals(fd, readFd);
      spawn("sh", ["-c", `sleep 0.1; printf x > ${fifo}`]);
      assertEquals(yield* read(fd, new Uint8Array(4)).timeout(2_000), 1);
      closeSync(fd);
    });
    await runtime.close();
  });

  test("reactors parked in workers leave the host's threads alone", async () => {
    // Four threads does libuv have, for the files, names and zips of the whole process.
    const { readFile } = await import("node:fs/promises");
    // They wait for a pipe nobody writes to; a file that cannot be read would hang the test.
    const workers = await Promise.all(Array.from({ length: 5 }, () =>
      startThread(`
        const { pipe, ReactorRuntime, read } = await import("${entry("reactor")}");
        const runtime = new ReactorRuntime();
        runtime.spawn(() => read(pipe().readFd, new Uint8Array(1)));
        runtime.spawn(function* (task) { yield* task.sleep(20); post("parked"); });
        void runtime.run();
      `)));
    for (const worker of workers) assertEquals(await worker.next(), "parked");
    await readFile("/etc/hostname");
    for (const worker of workers) await worker.end();
  });
}

faults("a buffer that was given away meanwhile is an error, not the end", function* (runtime) {
  const [a, b] = streamPair();
  const buffer = new Uint8Array(8);
  const reading = runtime.spawn(() => a.read(buffer));
  yield* runtime.sleep(2);
  structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
  yield* b.write(bytes("abc"));
  assertInstanceOf(yield* errorOf(reading), TypeError); // was: 0, "the end"
  assertEquals(yield* a.read(new Uint8Array(8)).timeout(500), 3);
  a.close();
  b.close();
});

test("a path with a zero byte is refused", () => {
  assertThrows(() => open("/etc/hostname\0.png"), TypeError);
  assertThrows(() => listen({ path: `${tmpdir()}/a\0b` }), TypeError);
});

test("a descriptor beyond 31 bits is refused, not cut to another's", () => {
  const { readFd, writeFd } = pipe();
  assertThrows(() => close(readFd + 2 ** 32), RangeError);
  close(readFd); // still open
  close(writeFd);
});

faults("reading into no room ends at once, also when all was read", function* () {
  const [a, b] = streamPair();
  yield* errorOf(a.read(new Uint8Array(8)).timeout(5));
  yield* b.write(bytes("abc"));
  assertEquals(yield* a.read(new Uint8Array(8)), 3);
  assertEquals(yield* a.read(new Uint8Array(0)).timeout(500), 0);
  a.close();
  b.close();
});

test("blockOn loses no event to the wait that went on beside the thread", async () => {
  const runtime = new ReactorRuntime();
  const quiet = pipe();
  const parked = runtime.spawn(() => read(quiet.readFd, new Uint8Array(1)));
  void parked.then(() => {}, () => {}); // drives the runtime: it parks
  await new Promise((resolve) => setTimeout(resolve, 50));
  const got = runtime.blockOn(function* () {
    const { readFd, writeFd } = pipe();
    const [reader, writer] = [new FdStream(readFd, "pipe"), new FdStream(writeFd, "pipe")];
    spawn("sh", ["-c", "sleep .1; printf x; sleep .3; printf y"], {
      stdio: ["ignore", writeFd, "inherit"],
    });
    const buffer = new Uint8Array(1);
    yield* reader.read(buffer); // the kernel knows of it now
    runtime.spawn(function* () {
      yield* runtime.sleep(0);
      for (const t = performance.now(); performance.now() - t < 600;); // y comes meanwhile
    });
    const n = yield* reader.read(buffer).timeout(2_000);
    reader.close();
    writer.close();
    return n;
  });
  assertEquals(got, 1);
  await write(quiet.writeFd, bytes("z"));
  await parked;
  close(quiet.readFd);
  close(quiet.writeFd);
  await runtime.close();
});

test("a busy reactor leaves the host its own input and output", async () => {
  const { createServer } = await import("node:http");
  const server = createServer((_request, response) => response.end("hi"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const runtime = new ReactorRuntime();
  let isOver = false;
  const busy = Array.from({ length: 8 }, () =>
    runtime.spawn(function* () {
      const [a, b] = streamPair();
      const buffer = new Uint8Array(64);
      while (!isOver) {
        yield* a.writeAll(buffer);
        yield* b.read(buffer);
      }
      a.close();
      b.close();
    }));
  void runtime.run();
  const began = runtime.metrics().parks;
  for (let i = 0; i < 20; i++) await (await fetch(`http://127.0.0.1:${port}`)).text();
  // Counted in the turns that the host got, a millisecond apart: 100 to 400 of them it once took.
  const turns = (runtime.metrics().parks - began) / 20;
  isOver = true;
  for (const one of busy) await one;
  server.close();
  await runtime.close();
  assert(turns < 50, `${turns} turns of the host for a request`);
});
