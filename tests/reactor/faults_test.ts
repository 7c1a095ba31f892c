/**
 * What goes wrong with descriptors: each fault has one clear outcome, and nothing is left behind.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { ClosedError, TimeoutError } from "@vais/runtime";
import {
  BusyError,
  close,
  connect,
  FdStream,
  IoError,
  listen,
  open,
  pipe,
  ReactorRuntime,
  read,
  readFull,
  streamPair,
  write,
  writeAll,
} from "@vais/runtime/reactor";
import { isAlone, leavesNoFds } from "../support/fds.ts";
import { reactorTest } from "../support/reactors.ts";
import { test } from "../support/test.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (buffer: Uint8Array) => new TextDecoder().decode(buffer);

/** A number that no test has open: they share them when they run in parallel. */
const NEVER_OPEN = 2 ** 30;

/** How a task ended. */
function* outcomeOf<T>(handle: { [Symbol.iterator](): Iterator<unknown, T> }) {
  try {
    return { value: yield* handle };
  } catch (error) {
    return { error };
  }
}

reactorTest("close wakes the reader and the writer by ClosedError", function* (runtime) {
  const [a, b] = streamPair();
  const reader = runtime.spawn(() => a.read(new Uint8Array(1)));
  const writer = runtime.spawn(function* () {
    for (;;) yield* a.writeAll(new Uint8Array(65_536));
  });
  yield* runtime.sleep(2);
  a.close();
  const ends = [yield* outcomeOf(reader), yield* outcomeOf(writer)];
  for (const end of ends) assertInstanceOf((end as { error: unknown }).error, ClosedError);
  assertThrows(() => a.closeWrite(), ClosedError);
  assertInstanceOf(
    (yield* outcomeOf(runtime.spawn(() => a.read(new Uint8Array(1))))).error,
    ClosedError,
  );
  b.close();
});

reactorTest("close of a raw descriptor wakes who waits for it", function* (runtime) {
  const { readFd, writeFd } = pipe();
  const waits = runtime.spawn(() => runtime.readable(readFd));
  const reads = runtime.spawn(() => read(writeFd, new Uint8Array(1)));
  yield* runtime.sleep(1);
  close(readFd);
  assertInstanceOf((yield* outcomeOf(waits)).error, ClosedError);
  // The write end cannot be read at all.
  assertEquals(((yield* outcomeOf(reads)).error as IoError).code, "EBADF");
  close(writeFd);
  assertThrows(() => close(writeFd), IoError, "EBADF");
});

reactorTest("a number used again never sees the events of the one before", function* (runtime) {
  const first = pipe();
  const doomed = runtime.spawn(() => runtime.readable(first.readFd));
  yield* runtime.sleep(1);
  // The event is in the kernel's queue when the number changes hands.
  yield* write(first.writeFd, bytes("x"));
  close(first.readFd);
  close(first.writeFd);
  const second = pipe();
  // Run in parallel, another test may have taken it.
  if (isAlone) assertEquals(second.readFd, first.readFd, "the number is used again");
  const waits = runtime.spawn(() => runtime.readable(second.readFd));
  assertInstanceOf((yield* outcomeOf(doomed)).error, ClosedError);
  yield* runtime.sleep(5);
  assert(!waits.isFinished, "woken by an event of the old one");
  yield* write(second.writeFd, bytes("y"));
  yield* waits;
  close(second.readFd);
  close(second.writeFd);
});

reactorTest("a task that closes another's descriptor in the same batch", function* (runtime) {
  const [a, b] = streamPair();
  const [c, d] = streamPair();
  const log: string[] = [];
  const one = runtime.spawn(function* () {
    yield* a.read(new Uint8Array(1));
    log.push("a");
    if (!c.isClosed) c.close();
  });
  const other = runtime.spawn(function* () {
    yield* c.read(new Uint8Array(1));
    log.push("c");
    if (!a.isClosed) a.close();
  });
  yield* runtime.sleep(1);
  yield* b.write(bytes("1"));
  yield* d.write(bytes("2"));
  const ends = [yield* outcomeOf(one), yield* outcomeOf(other)];
  assertEquals(log.length, 1);
  assertEquals(ends.filter((end) => end.error instanceof ClosedError).length, 1);
  for (const stream of [a, b, c, d]) stream.close();
});

reactorTest("two readers: the second is refused, the first goes on", function* (runtime) {
  const [a, b] = streamPair();
  const first = runtime.spawn(() => a.read(new Uint8Array(8)));
  yield* runtime.sleep(1);
  const error = (yield* outcomeOf(runtime.spawn(() => runtime.readable(a)))).error;
  assertInstanceOf(error, BusyError);
  assertEquals([error.code, error.fd], ["ERR_BUSY", a.fd]);
  yield* b.write(bytes("for the first"));
  assertEquals(yield* first, 8);
  a.close();
  b.close();
});

reactorTest("read and write of one descriptor wait independently", function* (runtime) {
  const [a, b] = streamPair();
  const reader = runtime.spawn(() => a.read(new Uint8Array(4)));
  let written = 0;
  const writer = runtime.spawn(function* () {
    for (let i = 0; i < 64; i++) written += yield* a.writeAll(new Uint8Array(65_536));
  });
  yield* runtime.sleep(2);
  assert(!writer.isFinished && !reader.isFinished);
  yield* b.write(bytes("abcd"));
  assertEquals(yield* reader, 4);
  assert(!writer.isFinished, "the writer waits for room, not for data");
  const buffer = new Uint8Array(65_536);
  let got = 0;
  while (got < 64 * 65_536) got += yield* b.read(buffer);
  yield* writer;
  assertEquals(written, got);
  a.close();
  b.close();
});

reactorTest("half-close: the rest is read, then the end; the other way stays open", function* () {
  const listener = listen({ hostname: "127.0.0.1", port: 0 });
  const client = yield* connect(listener.addr);
  const server = yield* listener.accept();
  yield* client.writeAll(bytes("last words"));
  client.closeWrite();
  const buffer = new Uint8Array(64);
  assertEquals(yield* server.readFull(buffer), 10);
  assertEquals(text(buffer.subarray(0, 10)), "last words");
  assertEquals(yield* server.read(buffer), 0);
  assertEquals(yield* server.read(buffer), 0, "and stays the end");
  yield* server.writeAll(bytes("heard"));
  assertEquals(yield* client.read(buffer), 5);
  for (const one of [client, server, listener]) one.close();
});

reactorTest("hang-up with data: the data first", function* (runtime) {
  const { readFd, writeFd } = pipe();
  const reader = new FdStream(readFd, "pipe");
  const waits = runtime.spawn(() => reader.read(new Uint8Array(2)));
  yield* runtime.sleep(1);
  yield* write(writeFd, bytes("abcde"));
  close(writeFd);
  assertEquals(yield* waits, 2);
  const buffer = new Uint8Array(64);
  assertEquals(yield* reader.read(buffer), 3);
  assertEquals(yield* reader.read(buffer), 0);
  reader.close();
});

reactorTest("the end right behind a short read is seen", function* () {
  // A read that came up short is taken as "drained" only while no end has been told.
  for (let i = 0; i < 50; i++) {
    const [a, b] = streamPair();
    const buffer = new Uint8Array(64);
    yield* b.write(bytes("1"));
    yield* a.read(buffer);
    yield* b.write(bytes("22"));
    b.close();
    assertEquals(yield* a.read(buffer), 2);
    assertEquals(yield* a.read(buffer), 0);
    a.close();
  }
});

reactorTest("a peer that resets is an IoError, for reader and writer", function* (runtime) {
  const listener = listen({ hostname: "127.0.0.1", port: 0 });
  const client = yield* connect(listener.addr);
  const server = yield* listener.accept();
  yield* server.writeAll(new Uint8Array(100)); // never read: closing resets
  yield* runtime.readable(client);
  client.close();
  const error = (yield* outcomeOf(runtime.spawn(() => server.read(new Uint8Array(1))))).error;
  assertInstanceOf(error, IoError);
  assertEquals([error.code, error.syscall, error.fd], ["ECONNRESET", "read", server.fd]);
  const broken = (yield* outcomeOf(runtime.spawn(() => server.writeAll(bytes("x"))))).error;
  assertInstanceOf(broken, IoError);
  assert(["EPIPE", "ECONNRESET"].includes(broken.code));
  server.close();
  listener.close();
});

reactorTest("a pipe nobody reads: EPIPE, no signal", function* (runtime) {
  const { readFd, writeFd } = pipe();
  close(readFd);
  const error = (yield* outcomeOf(runtime.spawn(() => write(writeFd, bytes("x"))))).error;
  assertEquals((error as IoError).code, "EPIPE");
  close(writeFd);
});

reactorTest("nobody listens: ECONNREFUSED, and its descriptor is closed", function* (runtime) {
  const listener = listen({ hostname: "127.0.0.1", port: 0 });
  const { addr } = listener;
  listener.close();
  const error = (yield* outcomeOf(runtime.spawn(() => connect(addr)))).error;
  assertInstanceOf(error, IoError);
  assertEquals([error.code, error.syscall], ["ECONNREFUSED", "connect"]);
  const missing = (yield* outcomeOf(runtime.spawn(() => connect({ path: "/nowhere/socket" }))))
    .error;
  assertEquals((missing as IoError).code, "ENOENT");
});

reactorTest("a descriptor that was never open: EBADF", function* (runtime) {
  const ends = [
    yield* outcomeOf(runtime.spawn(() => runtime.readable(NEVER_OPEN))),
    yield* outcomeOf(runtime.spawn(() => read(NEVER_OPEN, new Uint8Array(1)))),
  ];
  for (const { error } of ends) {
    assertInstanceOf(error, IoError);
    assertEquals([error.code, error.fd], ["EBADF", NEVER_OPEN]);
  }
});

reactorTest("a regular file is always ready", function* (runtime) {
  const fd = open("/etc/hostname");
  yield* runtime.readable(fd);
  yield* runtime.readable(fd);
  const buffer = new Uint8Array(1_024);
  assert((yield* read(fd, buffer)) > 0);
  assertEquals(yield* readFull(fd, buffer), 0);
  close(fd);
});

reactorTest(
  "a cancelled wait is forgotten, and the descriptor free for the next",
  function* (runtime) {
    const [a, b] = streamPair();
    for (let i = 0; i < 20; i++) {
      const waits = runtime.spawn(() => a.read(new Uint8Array(1)));
      yield* runtime.sleep(i % 3);
      waits.cancel();
      yield* outcomeOf(waits);
    }
    assertEquals(runtime.getEventLoop().sourceCount, 0);
    yield* b.write(bytes("z"));
    assertEquals(yield* a.read(new Uint8Array(8)), 1);
    a.close();
    b.close();
  },
);

reactorTest("a time limit ends a read, and nothing is lost", function* () {
  const [a, b] = streamPair();
  try {
    yield* a.read(new Uint8Array(8)).timeout(2);
    throw new Error("there was nothing to read");
  } catch (error) {
    assertInstanceOf(error, TimeoutError);
  }
  yield* b.write(bytes("kept"));
  assertEquals(yield* a.read(new Uint8Array(8)).timeout(1_000), 4);
  a.close();
  b.close();
});

reactorTest("closing a runtime ends every wait", function* (runtime) {
  const inner = new ReactorRuntime();
  const [a, b] = streamPair();
  const waits = inner.spawn(() => inner.readable(a));
  const driven = inner.run();
  yield* runtime.sleep(5);
  yield* runtime.spawn(() => inner.close());
  assert(waits.isFinished);
  yield* runtime.spawn(() => driven);
  assertThrows(() => inner.spawn(() => {}), ClosedError);
  a.close();
  b.close();
});

reactorTest("more ready than maxEvents: all are told", function* () {
  const small = new ReactorRuntime({ maxEvents: 2 });
  yield* small.spawn(function* () {
    const pipes = Array.from({ length: 50 }, () => pipe());
    const readers = pipes.map(({ readFd }) => small.spawn(() => read(readFd, new Uint8Array(1))));
    yield* small.sleep(1);
    for (const { writeFd } of pipes) yield* write(writeFd, bytes("x"));
    for (const reader of readers) assertEquals(yield* reader, 1);
    for (const { readFd, writeFd } of pipes) {
      close(readFd);
      close(writeFd);
    }
  });
  yield* small.spawn(() => {});
  small.getEventLoop().close();
});

reactorTest("a reader that does not keep up costs no wakes", function* (runtime) {
  const [a, b] = streamPair();
  yield* b.write(bytes("1"));
  yield* a.read(new Uint8Array(1));
  // Armed by a wait that was given up, then flooded while nobody reads.
  const waits = runtime.spawn(() => a.read(new Uint8Array(1)));
  yield* runtime.sleep(1);
  waits.cancel();
  yield* outcomeOf(waits);
  const before = runtime.metrics().parks;
  for (let i = 0; i < 100; i++) yield* b.write(bytes("x"));
  yield* runtime.sleep(20);
  assert(runtime.metrics().parks - before < 60, "an event each");
  let got = 0;
  while (got < 100) got += yield* a.read(new Uint8Array(64));
  a.close();
  b.close();
});

test("blockOn waits in the kernel", () =>
  leavesNoFds(async () => {
    const runtime = new ReactorRuntime();
    const got = runtime.blockOn(function* () {
      const [a, b] = streamPair();
      const echo = runtime.spawn(function* () {
        const buffer = new Uint8Array(8);
        const n = yield* b.read(buffer);
        yield* runtime.sleep(5);
        yield* b.writeAll(buffer.subarray(0, n));
      });
      yield* a.writeAll(bytes("ping"));
      const buffer = new Uint8Array(4);
      yield* a.readFull(buffer);
      yield* echo;
      a.close();
      b.close();
      return text(buffer);
    });
    assertEquals(got, "ping");
    await runtime.close();
  }));

test("host code awaits descriptors without a task", () =>
  leavesNoFds(async () => {
    const { readFd, writeFd } = pipe();
    const got = read(readFd, new Uint8Array(8)).then((n) => n);
    setTimeout(() => void writeAll(writeFd, bytes("later")).then(() => {}), 5);
    assertEquals(await got, 5);
    await assertRejects(() => read(readFd, new Uint8Array(8)).timeout(2), TimeoutError);
    close(readFd);
    close(writeFd);
    const { getReactor } = await import("@vais/runtime/reactor");
    getReactor().getEventLoop().close();
  }));
