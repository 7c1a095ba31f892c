/**
 * What `Kqueue` asks of the system, call by call, on a stand-in that refuses what it is told to.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { EBADF, EINTR, ENOENT, EPIPE } from "../../reactor/errno.ts";
import { IoError } from "../../reactor/errors.ts";
import { Kqueue, type KqueueCalls, kqueueConstants } from "../../reactor/kqueue.ts";
import type { Os } from "../../reactor/platform.ts";
import { FAILED, HANGUP, READABLE, WAKER_TOKEN, WRITABLE } from "../../reactor/poller.ts";
import { test } from "../support/test.ts";

const READ = -1;
const WRITE = -2;
const ADD_CLEAR = 0x21;
const DELETE = 0x2;
const EOF = 0x8000;
const ERROR = 0x4000;
const TRIGGER = 0x1000000;

/** One `struct kevent`: descriptor, filter, flags, fflags, generation. */
type Event = [ident: number, filter: number, flags: number, fflags: number, udata: number];

/** One call of `kevent`. */
interface Call {
  readonly changes: Event[];
  readonly room: number;
  /** In ms; undefined: for ever. */
  readonly timeoutMs: number | undefined;
}

/** A kqueue that is told what to answer. */
class FakeQueue implements KqueueCalls {
  readonly calls: Call[] = [];
  readonly closed: number[] = [];
  /** The errno for what is added to a descriptor: `"5 -2"`. */
  readonly refuses = new Map<string, number>();
  /** Events of the next waits. */
  readonly ready: Event[] = [];
  /** The errno of the next wait. */
  failure = 0;
  #errno = 0;
  readonly #words: number;

  constructor(os: Os) {
    this.#words = kqueueConstants(os).stride;
  }

  errno(): number {
    return this.#errno;
  }

  /** What was waited for beside the thread. */
  readonly polled: unknown[] = [];

  readonly waitAsync = (name: string, asked: unknown, ...rest: unknown[]): Promise<number> => {
    this.polled.push([name, [...new Int32Array((asked as Uint8Array).buffer)], ...rest]);
    return Promise.resolve(1);
  };

  readonly symbols = {
    kqueue: () => 42,
    close: (fd: number) => {
      this.closed.push(fd);
      return 0;
    },
    kevent: this.#kevent.bind(this),
  };

  #kevent(
    kq: number,
    changes: Uint8Array | null,
    count: number,
    events: Uint8Array | null,
    room: number,
    timeout: Uint8Array | null,
  ): number {
    assertEquals(kq, 42);
    const list = changes === null ? [] : this.#read(changes, count);
    const [seconds, , nanoseconds] = timeout === null ? [] : new Int32Array(timeout.buffer);
    this.calls.push({
      changes: list,
      room,
      timeoutMs: seconds === undefined ? undefined : seconds * 1_000 + nanoseconds! / 1e6,
    });
    for (const [ident, filter, flags] of list) {
      const errno = flags === DELETE ? ENOENT : this.refuses.get(`${ident} ${filter}`);
      if (errno !== undefined) return this.#fail(errno);
    }
    if (events === null) return 0;
    if (this.failure !== 0) return this.#fail(this.failure);
    const told = this.ready.splice(0, room);
    const words = new Int32Array(events.buffer);
    for (const [i, [ident, filter, flags, fflags, udata]] of told.entries()) {
      const at = i * this.#words;
      words.set([ident, 0, (filter & 0xffff) | (flags << 16), fflags, 0, 0, udata, 0], at);
    }
    return told.length;
  }

  #fail(errno: number): number {
    this.#errno = errno;
    return -1;
  }

  #read(bytes: Uint8Array, count: number): Event[] {
    const words = new Int32Array(bytes.buffer);
    return Array.from({ length: count }, (_, i) => {
      const at = i * this.#words;
      const word = words[at + 2]!;
      return [words[at]!, (word << 16) >> 16, word >>> 16, words[at + 3]!, words[at + 6]!];
    });
  }

  /** The calls since it was last asked. */
  take(): Call[] {
    return this.calls.splice(0);
  }
}

function make(os: Os = "darwin", maxEvents = 8): { queue: FakeQueue; poller: Kqueue } {
  const queue = new FakeQueue(os);
  const poller = new Kqueue(queue, os, maxEvents);
  // Two: the queue, and the one by which a wait beside the thread is called back.
  const user: Event[] = [[0, kqueueConstants(os).EVFILT_USER, ADD_CLEAR, 0, 0]];
  assertEquals(queue.take().map(({ changes }) => changes), [user, user]);
  return { queue, poller };
}

/** Descriptor, generation and readiness of the events of a wait. */
function told(poller: Kqueue, timeoutMs = 0): [number, number, number][] {
  const n = poller.wait(timeoutMs);
  return Array.from(
    { length: n },
    (_, i) => [poller.fdAt(i), poller.generationAt(i), poller.readyAt(i)],
  );
}

for (const os of ["darwin", "freebsd"] as const) {
  test(`kqueue (${os}): all additions are one call that takes no events`, () => {
    const { queue, poller } = make(os);
    for (let fd = 10; fd < 200; fd++) poller.change(fd, -fd, READABLE | WRITABLE, 0);
    assertEquals(queue.take(), []);
    assertEquals(poller.flush(), []);
    const [call, ...rest] = queue.take();
    assertEquals(rest, []);
    assertEquals([call!.room, call!.timeoutMs], [0, 0]);
    assertEquals(call!.changes.length, 380);
    assertEquals(call!.changes.slice(0, 3), [
      [10, READ, ADD_CLEAR, 0, -10],
      [10, WRITE, ADD_CLEAR, 0, -10],
      [11, READ, ADD_CLEAR, 0, -11],
    ]);
    assertEquals(poller.flush(), []);
    assertEquals(queue.take(), []);
  });

  test(`kqueue (${os}): events are read at their places`, () => {
    const { queue, poller } = make(os);
    const { EVFILT_USER } = kqueueConstants(os);
    queue.ready.push(
      [7, READ, 0x20, 0, 1],
      [7, WRITE, 0x20, 0, 1],
      [8, READ, 0x20 | EOF, 0, -5],
      [9, WRITE, 0x20 | EOF, 104, 6],
      [9, READ, ERROR, 0, 6],
      [0, EVFILT_USER, 0x20, 0, 0],
      [0, READ, 0x20, 0, 9],
    );
    assertEquals(told(poller).map(([fd, ...rest]) => fd === WAKER_TOKEN ? "wake" : [fd, ...rest]), [
      [7, 1, READABLE],
      [7, 1, WRITABLE],
      [8, -5, READABLE | HANGUP],
      [9, 6, WRITABLE | HANGUP | FAILED],
      [9, 6, READABLE | FAILED],
      "wake",
      [0, 9, READABLE],
    ]);
  });
}

test("kqueue: a removal is made at once, and that it was gone is no complaint", () => {
  const { queue, poller } = make();
  poller.change(5, 1, 0, READABLE | WRITABLE);
  assertEquals(queue.take().map(({ changes }) => changes), [
    [[5, READ, DELETE, 0, 0]],
    [[5, WRITE, DELETE, 0, 0]],
  ]);
  poller.change(5, 2, READABLE, WRITABLE);
  assertEquals(queue.take().map(({ changes }) => changes), [[[5, WRITE, DELETE, 0, 0]]]);
  assertEquals(poller.flush(), []);
  assertEquals(queue.take().map(({ changes }) => changes), [[[5, READ, ADD_CLEAR, 0, 2]]]);
});

test("kqueue: what is removed before the flush is not added", () => {
  const { queue, poller } = make();
  poller.change(4, 1, READABLE, 0);
  poller.change(5, 2, READABLE | WRITABLE, 0);
  poller.change(6, 3, READABLE, 0);
  poller.change(5, 2, 0, READABLE | WRITABLE);
  queue.take();
  poller.flush();
  assertEquals(queue.take().map(({ changes }) => changes), [
    [[4, READ, ADD_CLEAR, 0, 1], [6, READ, ADD_CLEAR, 0, 3]],
  ]);
});

test("kqueue: a refused batch is tried one by one, to find out which it was", () => {
  const { queue, poller } = make();
  queue.refuses.set("5 -1", EBADF).set("5 -2", EBADF).set("7 -1", 22);
  for (const fd of [4, 5, 6, 7]) poller.change(fd, fd, READABLE | WRITABLE, 0);
  assertEquals(poller.flush(), [5, EBADF, 7, 22]);
  const calls = queue.take();
  assertEquals(calls.length, 9);
  assertEquals(calls.slice(1).map(({ changes }) => changes.length), Array(8).fill(1));
});

test("kqueue: a pipe that nobody reads cannot be added, and counts as hung up", () => {
  const { queue, poller } = make();
  queue.refuses.set("5 -2", EPIPE);
  poller.change(5, 3, WRITABLE, 0);
  poller.change(6, 4, READABLE, 0);
  assertEquals(poller.flush(), []);
  queue.ready.push([6, READ, 0x20, 0, 4]);
  queue.take();
  assertEquals(told(poller, -1), [[6, 4, READABLE], [5, 3, WRITABLE | HANGUP]]);
  assertEquals(queue.take(), [{ changes: [], room: 7, timeoutMs: 0 }]);
  assertEquals(told(poller), []);
  // Told again when it is looked at again, and not when it was removed.
  poller.change(5, 3, WRITABLE, WRITABLE);
  poller.flush();
  assertEquals(told(poller), [[5, 3, WRITABLE | HANGUP]]);
  poller.change(5, 3, WRITABLE, WRITABLE);
  poller.flush();
  poller.change(5, 3, 0, WRITABLE);
  assertEquals(told(poller), []);
});

test("kqueue: more broken pipes than one wait answers", async () => {
  const { queue, poller } = make("darwin", 3);
  for (let fd = 10; fd < 18; fd++) {
    queue.refuses.set(`${fd} -2`, EPIPE);
    poller.change(fd, fd, WRITABLE, 0);
  }
  assertEquals(poller.flush(), []);
  const fds = told(poller).map(([fd]) => fd);
  await poller.whenReady!();
  assertEquals(queue.polled, []);
  for (let i = 0; i < 2; i++) fds.push(...told(poller).map(([fd]) => fd));
  assertEquals(fds, [10, 11, 12, 13, 14, 15, 16, 17]);
  assertEquals(told(poller), []);
});

test("kqueue: the time of a wait", () => {
  const { queue, poller } = make();
  for (const ms of [0, 0.25, 1_500.5, -1, 2 ** 40]) poller.wait(ms);
  assertEquals(queue.take().map(({ timeoutMs }) => timeoutMs), [
    0,
    0.25,
    1_500.5,
    undefined,
    2 ** 31 - 1,
  ]);
});

test("kqueue: a wait beside the thread takes nothing, and is called back by a queue of its own", async () => {
  const { queue, poller } = make();
  await poller.whenReady!();
  assertEquals(queue.polled, [["poll", [42, 1, 42, 1], 2, -1]]);
  assertEquals(queue.take(), []);
  poller.recall();
  poller.recall();
  assertEquals(queue.take().map(({ changes }) => changes), [[[0, -10, 0, TRIGGER, 0]]]);
  await poller.whenReady!();
  assertEquals(queue.take().map(({ room, timeoutMs }) => [room, timeoutMs]), [[1, 0]]);
  poller.close();
  assertEquals(queue.closed, [42, 42]);
});

test("kqueue: interrupted, a wait answers nothing; anything else is thrown", () => {
  const { queue, poller } = make();
  queue.failure = EINTR;
  assertEquals(poller.wait(10), 0);
  queue.failure = EBADF;
  const error = assertThrows(() => poller.wait(10), IoError);
  assertEquals([error.syscall, error.errno, error.fd], ["kevent", EBADF, 42]);
});

test("kqueue: a wake triggers the user event, closing closes the queue", () => {
  const { queue, poller } = make();
  poller.wake();
  assertEquals(queue.take(), [
    { changes: [[0, -10, 0, TRIGGER, 0]], room: 0, timeoutMs: 0 },
  ]);
  assertEquals([poller.fd, poller.wakeFd], [42, 42]);
  poller.close();
  assertEquals(queue.closed, [42, 42]);
});

test("kqueue: constants can be given", () => {
  const queue = new FakeQueue("darwin");
  new Kqueue(queue, "darwin", 8, { stride: 8, EVFILT_USER: -11 });
  assertEquals(queue.take()[0]!.changes, [[0, -11, ADD_CLEAR, 0, 0]]);
});

test("kqueue: a system that gives no user event", () => {
  const queue = new FakeQueue("darwin");
  queue.refuses.set("0 -10", 22);
  assertThrows(() => new Kqueue(queue, "darwin", 8), IoError, "Cannot kevent fd 42");
  assertEquals(queue.closed, [42]);
});
