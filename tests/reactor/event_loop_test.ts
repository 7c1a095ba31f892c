/**
 * The Vais form of the event loop: wakers for descriptors and timers, and the events of one poll.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ClosedError, type Waker } from "@vais/runtime";
import { VirtualClock } from "@vais/runtime/testing";
import {
  BusyError,
  close,
  EventLoop,
  EVFILT_READ,
  EVFILT_TIMER,
  EVFILT_WRITE,
  READABLE,
} from "@vais/runtime/reactor";
import { loopTest, put } from "../support/loops.ts";
import { test } from "../support/test.ts";

/** A waker that counts. */
class Counter implements Waker {
  wakes = 0;
  wake(): void {
    this.wakes++;
  }
}

loopTest("registerRead wakes once, when there is something", (loop, pipes) => {
  const [readFd, writeFd] = pipes.make();
  const waker = new Counter();
  const registration = loop.registerRead(readFd, waker);
  assertEquals([loop.sourceCount, loop.findTaskForFd(readFd)], [1, waker]);
  assertEquals([loop.pollEvents(0), waker.wakes, registration.active], [0, 0, true]);
  put(writeFd, "x");
  assertEquals([loop.pollEvents(1_000), waker.wakes, registration.active], [1, 1, false]);
  assertEquals(loop.events(), [{ fd: readFd, filter: EVFILT_READ }]);
  assertEquals([loop.eventFd(0), loop.eventFilter(0)], [readFd, EVFILT_READ]);
  assertEquals([loop.sourceCount, loop.findTaskForFd(readFd)], [0, undefined]);
  assertEquals([loop.pollEvents(0), waker.wakes], [0, 1]);
  // Registered anew it is told again: what is there is still there.
  loop.registerRead(readFd, waker);
  assertEquals([loop.pollEvents(1_000), waker.wakes], [1, 2]);
});

loopTest("both directions of one descriptor are waited for by themselves", (loop, pipes) => {
  const [a, b] = pipes.sockets();
  const [reader, writer] = [new Counter(), new Counter()];
  loop.registerRead(a, reader);
  loop.registerWrite(a, writer);
  assertThrows(() => loop.registerRead(a, reader), BusyError);
  assertThrows(() => loop.registerWrite(a, writer), BusyError);
  assertEquals(loop.findTaskForFd(a), reader);
  loop.pollEvents(1_000);
  assertEquals([reader.wakes, writer.wakes], [0, 1]);
  put(b, "x");
  loop.pollEvents(1_000);
  assertEquals([reader.wakes, writer.wakes], [1, 1]);
});

loopTest("a hang-up wakes both directions, in one poll, as two events", (loop, pipes) => {
  const [a, b] = pipes.sockets();
  const [reader, writer] = [new Counter(), new Counter()];
  loop.registerRead(a, reader);
  loop.registerWrite(a, writer);
  pipes.close(b);
  assertEquals(loop.pollEvents(1_000), 2);
  assertEquals([reader.wakes, writer.wakes], [1, 1]);
  assertEquals(loop.events().map(({ filter }) => filter), [EVFILT_READ, EVFILT_WRITE]);
});

loopTest("cancel and deregister end exactly one wait", (loop, pipes) => {
  const [a, b] = pipes.sockets();
  const [reader, writer] = [new Counter(), new Counter()];
  const reading = loop.registerRead(a, reader);
  loop.registerWrite(a, writer);
  assertEquals([loop.deregister(a, EVFILT_READ), loop.deregister(a, EVFILT_READ)], [true, false]);
  assertEquals([reading.active, reading.cancel()], [false, false]);
  put(b, "x");
  loop.pollEvents(1_000);
  assertEquals([reader.wakes, writer.wakes], [0, 1]);
  const again = loop.registerRead(a, reader);
  assertEquals([again.cancel(), again.cancel()], [true, false]);
  loop.pollEvents(0);
  assertEquals([reader.wakes, loop.sourceCount], [0, 0]);
  assertEquals(loop.deregister(4_321, EVFILT_WRITE), false);
  assertEquals(loop.deregister(7, EVFILT_TIMER), false);
});

test("timers fire in the order of their deadlines, by the loop's clock, as events by their id", () => {
  const clock = new VirtualClock();
  using loop = new EventLoop({ clock });
  const log: number[] = [];
  const waker = (id: number) => ({ wake: () => log.push(id) });
  loop.registerTimer(3, 6, waker(3));
  loop.registerTimer(1, 2, waker(1));
  loop.registerTimer(2, 4, waker(2)).cancel();
  // An id that is registered anew has one timer.
  const first = loop.registerTimer(1, 60_000, waker(-1));
  const anew = loop.registerTimer(1, 5, waker(1));
  assertEquals([first.active, anew.active, loop.sourceCount], [false, true, 2]);
  clock.advance(4.9);
  assertEquals([loop.pollEvents(0), log], [0, []]);
  clock.advance(0.1);
  assertEquals([loop.pollEvents(0), anew.active], [1, false]);
  assertEquals(loop.events(), [{ fd: 1, filter: EVFILT_TIMER }]);
  loop.registerTimer(4, 3, waker(4));
  loop.registerTimer(5, 2, waker(5));
  clock.advance(60);
  assertEquals([loop.pollEvents(0), log], [3, [1, 3, 5, 4]]);
  loop.registerTimer(9, 60_000, waker(9));
  assertEquals([loop.deregister(9, EVFILT_TIMER), loop.sourceCount], [true, 0]);
});

loopTest("a poll without a limit waits for the next timer", (loop) => {
  for (const limit of [-1, Infinity]) {
    const waker = new Counter();
    loop.registerTimer(1, 2, waker);
    assertEquals([loop.pollEvents(limit), waker.wakes], [1, 1]);
  }
});

loopTest("a timer's id and a descriptor's number do not meet", (loop, pipes) => {
  const [readFd, writeFd] = pipes.make();
  const [timer, reader] = [new Counter(), new Counter()];
  loop.registerTimer(readFd, 60_000, timer);
  loop.registerRead(readFd, reader);
  put(writeFd, "x");
  loop.pollEvents(1_000);
  assertEquals([timer.wakes, reader.wakes, loop.findTaskForFd(readFd)], [0, 1, undefined]);
});

loopTest("wake ends the next poll, however often it was called", (loop) => {
  for (let i = 0; i < 100_000; i++) loop.wake();
  assertEquals(loop.pollEvents(Infinity), 0);
  assertEquals(loop.pollEvents(0), 0);
  loop.wake();
  assertEquals(loop.pollEvents(-5), 0);
});

loopTest("more ready descriptors than one batch are all told by one poll", (loop, pipes) => {
  const wakers = Array.from({ length: 300 }, () => new Counter());
  for (const waker of wakers) {
    const [readFd, writeFd] = pipes.make();
    put(writeFd, "x");
    loop.registerRead(readFd, waker);
  }
  assertEquals(loop.pollEvents(1_000), 300);
  assert(wakers.every(({ wakes }) => wakes === 1));
});

loopTest("a waker that throws hurts nobody", (loop, pipes, errors) => {
  const others: Counter[] = [];
  for (let i = 0; i < 6; i++) {
    const [readFd, writeFd] = pipes.make();
    put(writeFd, "x");
    const waker = new Counter();
    others.push(waker);
    loop.registerRead(readFd, {
      wake: () => {
        waker.wake();
        if (i === 2) throw new Error("waker");
      },
    });
  }
  loop.registerTimer(1, 0, {
    wake: () => {
      throw new Error("timer");
    },
  });
  const late = new Counter();
  loop.registerTimer(2, 1, late);
  while (late.wakes === 0) loop.pollEvents(100);
  loop.pollEvents(0);
  assertEquals(others.map(({ wakes }) => wakes), [1, 1, 1, 1, 1, 1]);
  assertEquals(errors.map(([error]) => (error as Error).message).sort(), ["timer", "waker"]);
  errors.length = 0;
});

loopTest("a waker may close the loop, or ask it again", (loop, pipes) => {
  const [readFd, writeFd] = pipes.make();
  put(writeFd, "x");
  const log: string[] = [];
  loop.registerRead(readFd, {
    wake: () => {
      log.push(`nested ${loop.pollEvents(0)}`);
      loop.close();
    },
  });
  const [other, otherEnd] = pipes.make();
  loop.registerRead(other, { wake: () => log.push("closed") });
  pipes.close(otherEnd);
  const polled = loop.pollEvents(1_000);
  assertEquals(polled, 2);
  assertEquals(log.sort(), ["closed", "nested 0"]);
});

loopTest("closing a descriptor wakes who waits for it at once", (loop, pipes) => {
  const [readFd] = pipes.make();
  const waker = new Counter();
  const registration = loop.registerRead(readFd, waker);
  loop.pollEvents(0);
  close(readFd);
  pipes.gone(readFd);
  assertEquals([waker.wakes, registration.active, loop.sourceCount], [1, false, 0]);
});

loopTest("close wakes everybody, is idempotent, and then all is refused", (loop, pipes) => {
  const [readFd] = pipes.make();
  const [waker, timer] = [new Counter(), new Counter()];
  const registration = loop.registerRead(readFd, waker);
  const timing = loop.registerTimer(1, 60_000, timer);
  loop.pollEvents(0);
  loop.close();
  loop.cleanup();
  loop[Symbol.dispose]();
  assertEquals([waker.wakes, timer.wakes], [1, 0]);
  assertEquals([registration.active, timing.active, timing.cancel()], [false, false, false]);
  assertThrows(() => loop.pollEvents(0), ClosedError);
  assertThrows(() => loop.registerRead(readFd, waker), ClosedError);
  assertThrows(() => loop.registerTimer(1, 1, waker), ClosedError);
  assertThrows(() => loop.addHandler(readFd, READABLE, () => {}), ClosedError);
  assertThrows(() => loop.addPrepoller(() => {}), ClosedError);
  assertThrows(() => loop.onWake(() => {}), ClosedError);
  assertThrows(() => loop.onStop(() => {}), ClosedError);
  assertThrows(() => loop.onCommand("dump", () => {}), ClosedError);
  assertThrows(() => loop.postpone("dump"), ClosedError);
  assertThrows(() => loop.remote(), ClosedError);
  loop.wake(); // comes too late, harms nobody
  loop.stop();
  assertEquals(loop.explain().state, "closed");
});

loopTest("a loop that was never used opens nothing", (loop) => {
  assertEquals(loop.explain().state, "new");
  loop.close();
});

test("the Vais form checks its input at the door", () => {
  using loop = new EventLoop();
  const waker = new Counter();
  for (
    const [call, type] of [
      [() => new EventLoop(null as never), TypeError],
      [() => new EventLoop({ backend: "iocp" as never }), RangeError],
      [() => new EventLoop({ maxEvents: 0 }), RangeError],
      [() => new EventLoop({ maxEvents: "64" as never }), TypeError],
      [() => new EventLoop({ onError: 1 as never }), TypeError],
      [() => new EventLoop({ commands: 1 as never }), TypeError],
      [() => new EventLoop({ commands: { dump: 1 as never } }), TypeError],
      [() => new EventLoop({ commands: { jump: () => {} } as never }), RangeError],
      [() => loop.registerRead(-1, waker), RangeError],
      [() => loop.registerRead("0" as never, waker), TypeError],
      [() => loop.registerRead(0, {} as never), TypeError],
      [() => loop.registerWrite(1.5, waker), RangeError],
      [() => loop.registerWrite(0, undefined as never), TypeError],
      [() => loop.registerTimer(-1, 1, waker), RangeError],
      [() => loop.registerTimer(1, -1, waker), RangeError],
      [() => loop.registerTimer(1, NaN, waker), RangeError],
      [() => loop.registerTimer(1, "1" as never, waker), TypeError],
      [() => loop.registerTimer(1, 1, null as never), TypeError],
      [() => loop.deregister(0, 5), RangeError],
      [() => loop.deregister(-1, EVFILT_READ), RangeError],
      [() => loop.pollEvents("1" as never), TypeError],
      [() => loop.pollEvents(NaN), RangeError],
      [() => loop.eventFd(0), RangeError],
      [() => loop.eventFilter(-1), RangeError],
    ] as const
  ) {
    const error = assertThrows(call, type, undefined, String(call));
    assert(/^Cannot .+: .+ \(.+\)$/.test(error.message), error.message);
  }
  assertEquals([loop.sourceCount, loop.explain().state], [0, "new"]);
});
