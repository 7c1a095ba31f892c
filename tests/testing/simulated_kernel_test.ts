/**
 * The simulated kernel: its calls, its limits, and a reactor on it.
 *
 * What its pollers tell is compared with the system's in tests/reactor/.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { scope } from "@vais/runtime";
import {
  connect,
  eventfd,
  EventLoop,
  IoError,
  listen,
  ReactorRuntime,
  read,
  READABLE,
  UnsupportedError,
  write,
  writeAll,
} from "@vais/runtime/reactor";
import { SimulatedKernel, VirtualClock } from "@vais/runtime/testing";
import { test } from "../support/test.ts";

const EBADF = 9;
const EAGAIN = 11;
const EMFILE = 24;
const EPIPE = 32;
const ECONNRESET = 104;

/** Both ends of a pipe or a pair of sockets. */
function pairOf(kernel: SimulatedKernel, what: "pipe" | "sockets"): [number, number] {
  const ends = new Int32Array(2);
  const answer = what === "pipe" ? kernel.pipe(ends) : kernel.socketpair(1, 1, ends);
  assertEquals(answer, 0);
  return [ends[0]!, ends[1]!];
}

test("simulated kernel: numbers are the lowest that are free", () => {
  const kernel = new SimulatedKernel();
  assertEquals(pairOf(kernel, "pipe"), [3, 4]);
  assertEquals(pairOf(kernel, "sockets"), [5, 6]);
  assertEquals(kernel.close(4), 0);
  assertEquals(kernel.close(5), 0);
  assertEquals(kernel.eventfd(0), 4);
  assertEquals(kernel.dup(3), 5);
  assertEquals(kernel.openFds, [3, 4, 5, 6]);
});

test("simulated kernel: what is closed is EBADF", () => {
  const kernel = new SimulatedKernel();
  const [r, w] = pairOf(kernel, "pipe");
  kernel.close(r);
  for (
    const answer of [
      kernel.close(r),
      kernel.read(r, new Uint8Array(1)),
      kernel.write(r, new Uint8Array(1)),
      kernel.dup(r),
      kernel.shutdown(r, 1),
      kernel.setNonBlocking(r, true),
      kernel.read(w, new Uint8Array(1)),
    ]
  ) assertEquals(answer, -EBADF);
});

test("simulated kernel: no more descriptors than there may be", () => {
  const kernel = new SimulatedKernel({ maxFds: 6 });
  const [r] = pairOf(kernel, "pipe");
  assertEquals(kernel.pipe(new Int32Array(2)), -EMFILE);
  assertEquals(kernel.openFds.length, 2);
  assertEquals(kernel.dup(r), 5);
  assertEquals(kernel.socket(2, 1), -EMFILE);
});

test("simulated kernel: a pipe carries bytes in order, through a small buffer", () => {
  const kernel = new SimulatedKernel({ pipeBytes: 10 });
  const [r, w] = pairOf(kernel, "pipe");
  assertEquals(kernel.read(r, new Uint8Array(4)), -EAGAIN);
  assertEquals(kernel.write(w, Uint8Array.from({ length: 25 }, (_, i) => i)), 10);
  assertEquals(kernel.write(w, new Uint8Array(1)), -EAGAIN);
  const buffer = new Uint8Array(7);
  assertEquals(kernel.read(r, buffer), 7);
  assertEquals([...buffer], [0, 1, 2, 3, 4, 5, 6]);
  assertEquals(kernel.close(r), 0);
  assertEquals(kernel.write(w, new Uint8Array(1)), -EPIPE);
});

test("simulated kernel: a socket closed over unread bytes resets the connection, once", () => {
  const kernel = new SimulatedKernel();
  const [a, b] = pairOf(kernel, "sockets");
  kernel.write(a, new Uint8Array(3));
  kernel.write(b, new Uint8Array(2));
  kernel.close(b);
  assertEquals(kernel.read(a, new Uint8Array(9)), 2);
  assertEquals(kernel.read(a, new Uint8Array(9)), -ECONNRESET);
  assertEquals(kernel.read(a, new Uint8Array(9)), 0);
  assertEquals(kernel.write(a, new Uint8Array(9)), -EPIPE);
});

test("simulated kernel: peeking takes nothing, FIONREAD counts", () => {
  const kernel = new SimulatedKernel();
  const [a, b] = pairOf(kernel, "sockets");
  kernel.write(a, new Uint8Array([1, 2]));
  kernel.write(a, new Uint8Array([3]));
  const buffer = new Uint8Array(8);
  assertEquals(kernel.recv(b, buffer, 2), 3);
  assertEquals([...buffer.subarray(0, 3)], [1, 2, 3]);
  const count = new Uint8Array(4);
  assertEquals(kernel.ioctl(b, 0x541b, count), 0);
  assertEquals(count[0], 3);
  assertEquals(kernel.recv(b, buffer, 0), 3);
});

test("simulated kernel: what it has not is told", () => {
  const kernel = new SimulatedKernel();
  const none = new Uint8Array();
  assertThrows(
    () => kernel.open("/etc/passwd", 0, 0),
    UnsupportedError,
    "Cannot open: a simulated kernel has no files (use the system's kernel)",
  );
  assertThrows(() => kernel.socket(2, 2), UnsupportedError, "Cannot socket");
  assertThrows(() => kernel.sendto(3, none, 0, none), UnsupportedError);
  assertThrows(() => kernel.recvfrom(3, none, 0, none, new Int32Array(1)), UnsupportedError);
  assertThrows(() => kernel.pidfdOpen(1), UnsupportedError);
  assertThrows(() => kernel.inotifyInit(), UnsupportedError);
});

test("simulated kernel: options out of range", () => {
  assertThrows(() => new SimulatedKernel({ pipeBytes: 0 }), RangeError, "pipeBytes is 0");
  assertThrows(() => new SimulatedKernel({ maxFds: 2.5 }), RangeError, "maxFds is 2.5");
});

test("simulated kernel: a wait takes virtual time, and without a limit it is a deadlock", () => {
  const clock = new VirtualClock();
  const poller = new SimulatedKernel({ clock }).createPoller(8);
  assertEquals(poller.wait(250), 0);
  assertEquals(clock.now(), 250);
  poller.wake();
  assertEquals(poller.wait(1_000), 1);
  assertEquals(clock.now(), 250);
  const error = assertThrows(() => poller.wait(-1), IoError);
  assert(error.message.startsWith("Cannot wait (nothing can become ready)"), error.message);
});

test("simulated kernel: an event loop in virtual time", () => {
  const clock = new VirtualClock();
  const kernel = new SimulatedKernel({ clock });
  using loop = new EventLoop({ clock, kernel });
  const [r, w] = pairOf(kernel, "pipe");
  const log: string[] = [];
  loop.registerRead(r, { wake: () => log.push(`readable at ${clock.now()}`) });
  loop.registerTimer(1, 1_500, {
    wake: () => {
      log.push(`timer at ${clock.now()}`);
      kernel.write(w, new Uint8Array(1));
    },
  });
  while (log.length < 2) loop.pollEvents(60_000);
  assertEquals(log, ["timer at 1500", "readable at 1500"]);
});

test("simulated kernel: a poller is told once, and again only when all was read", () => {
  const kernel = new SimulatedKernel();
  const poller = kernel.createPoller(8);
  const [r, w] = pairOf(kernel, "pipe");
  poller.change(r, 1, READABLE, 0);
  assertEquals(poller.flush(), []);
  kernel.write(w, new Uint8Array(2));
  assertEquals(poller.wait(0), 1);
  kernel.write(w, new Uint8Array(2));
  assertEquals(poller.wait(0), 0, "a real kernel may tell, who relies on it is wrong");
  kernel.read(r, new Uint8Array(4));
  kernel.write(w, new Uint8Array(2));
  assertEquals(poller.wait(0), 1);
});

test("simulated kernel: an eventfd is readable while it is not 0", async () => {
  await using runtime = new ReactorRuntime({ kernel: new SimulatedKernel() });
  const got = runtime.spawn(function* () {
    const counter = eventfd(0);
    runtime.spawn(function* () {
      yield* write(counter, new Uint8Array([5, 0, 0, 0, 0, 0, 0, 0]));
      yield* write(counter, new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0]));
    });
    const buffer = new Uint8Array(8);
    yield* read(counter, buffer);
    return buffer[0];
  });
  assertEquals(await got, 7);
});

/** Lines of what happened when clients talk to an echo server, all in one simulated kernel. */
async function echo(clients: number): Promise<string[]> {
  const kernel = new SimulatedKernel({ socketBytes: 64 });
  const log: string[] = [];
  const runtime = new ReactorRuntime({ kernel });
  await runtime.spawn(function* () {
    const listener = listen({ hostname: "127.0.0.1", port: 0 });
    log.push(JSON.stringify(listener.addr));
    yield* scope(function* (s) {
      s.spawn(function* () {
        for (let i = 0; i < clients; i++) {
          const connection = yield* listener.accept();
          s.spawn(function* () {
            const buffer = new Uint8Array(50);
            for (let n; (n = yield* connection.read(buffer)) > 0;) {
              log.push(`server ${i}: ${n}`);
              yield* connection.writeAll(buffer.subarray(0, n));
            }
            connection.close();
          });
        }
      });
      for (let i = 0; i < clients; i++) {
        s.spawn(function* () {
          const client = yield* connect(listener.addr);
          const sent = Uint8Array.from({ length: 200 + 7 * i }, (_, at) => at * (i + 1));
          s.spawn(function* () {
            yield* writeAll(client, sent);
            client.closeWrite();
          });
          const got: number[] = [];
          const buffer = new Uint8Array(33);
          for (let n; (n = yield* client.read(buffer)) > 0;) got.push(...buffer.subarray(0, n));
          assertEquals(got, [...sent]);
          client.close();
          log.push(`client ${i}: done`);
        });
      }
    });
    listener.close();
  });
  await runtime.close();
  assertEquals(kernel.openFds, []);
  return log;
}

test("simulated kernel: clients and an echo server, the same in each run", async () => {
  const log = await echo(5);
  assertEquals(log.filter((line) => line.endsWith("done")).length, 5);
  assertEquals(log[0], '{"hostname":"127.0.0.1","port":32768}');
  assertEquals(await echo(5), log);
});

test("simulated kernel: nobody listens", async () => {
  await using runtime = new ReactorRuntime({ kernel: new SimulatedKernel() });
  for (
    const [address, code] of [
      [{ hostname: "127.0.0.1", port: 80 }, "ECONNREFUSED"],
      [{ path: "/run/nobody" }, "ENOENT"],
    ] as const
  ) {
    const error = await assertRejects(
      async () =>
        await runtime.spawn(function* () {
          yield* connect(address);
        }),
      IoError,
    );
    assertEquals(error.code, code);
  }
});
