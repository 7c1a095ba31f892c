/**
 * Random traffic: whatever is read and written in whichever pieces, given up and tried again, all
 * bytes arrive in order, and no wait is lost.
 *
 * In the simulated kernel, which tells of nothing twice, under many schedules; and in the system's.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Scope, scope, sleep, yieldNow } from "@vais/runtime";
import {
  FdStream,
  pipe,
  ReactorRuntime,
  ReactorUnavailableError,
  streamPair,
} from "@vais/runtime/reactor";
import { forEachSchedule } from "@vais/runtime/testing";
import { openLibc } from "../../reactor/libc.ts";
import { skip } from "../support/skip.ts";
import { test } from "../support/test.ts";

/** Numbers in [0, n), the same for the same seed (mulberry32). */
function randomFrom(seed: number): (n: number) => number {
  return (n) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

/** The byte at a place of what is sent. */
function byteAt(at: number): number {
  return Math.imul(at, 0x9e3779b1) >>> 24;
}

function sent(from: number, to: number): Uint8Array {
  return Uint8Array.from({ length: to - from }, (_, i) => byteAt(from + i));
}

type Random = (n: number) => number;

/** Small and large pieces. */
function pieceOf(random: Random): number {
  return 1 + random(random(3) === 0 ? 6_000 : 60);
}

function* write(stream: FdStream, total: number, random: Random, isSocket: boolean) {
  for (let at = 0; at < total;) {
    const bytes = sent(at, Math.min(total, at + pieceOf(random)));
    switch (random(4)) {
      case 0:
        yield* stream.writeAll(bytes);
        at += bytes.byteLength;
        break;
      case 1:
        yield* yieldNow();
        break;
      case 2:
        yield* sleep(random(3));
        break;
      default:
        at += yield* stream.write(bytes);
    }
  }
  if (isSocket) stream.closeWrite();
  else stream.close();
}

function* read(stream: FdStream, total: number, random: Random) {
  for (let at = 0;;) {
    const buffer = new Uint8Array(pieceOf(random));
    let n = -1;
    switch (random(4)) {
      case 0:
        n = yield* stream.readFull(buffer);
        break;
      case 1:
        // Given up before anything came, nothing was taken.
        try {
          n = yield* stream.read(buffer).timeout(random(2));
        } catch (error) {
          if ((error as Error).name !== "TimeoutError") throw error;
        }
        break;
      case 2:
        yield* sleep(random(3));
        break;
      default:
        n = yield* stream.read(buffer);
    }
    if (n < 0) continue;
    assertEquals(buffer.subarray(0, n), sent(at, at + n));
    at += n;
    if (n === 0) return assertEquals(at, total);
  }
}

/** Some pipes and sockets, each with its traffic, in the runtime of the scope. */
function* traffic(s: Scope, random: Random) {
  const streams: FdStream[] = [];
  yield* scope(function* (inner) {
    for (let i = 0; i < 4; i++) {
      const total = random(20_000);
      if (i % 2 === 0) {
        const { readFd, writeFd } = pipe();
        const [reader, writer] = [new FdStream(readFd, "pipe"), new FdStream(writeFd, "pipe")];
        streams.push(reader, writer);
        inner.spawn(() => write(writer, total, random, false));
        inner.spawn(() => read(reader, total, random));
      } else {
        const [a, b] = streamPair();
        streams.push(a, b);
        const back = random(20_000);
        inner.spawn(() => write(a, total, random, true));
        inner.spawn(() => read(b, total, random));
        inner.spawn(() => write(b, back, random, true));
        inner.spawn(() => read(a, back, random));
      }
    }
  });
  for (const stream of streams) stream.close();
  return s;
}

test("random traffic in the simulated kernel", async () => {
  await forEachSchedule(async (runtime) => {
    const random = randomFrom(runtime.seed!);
    await scope((s) => traffic(s, random), { runtime });
    assertEquals(runtime.kernel.openFds, []);
  }, { seed: 1, count: 150 });
});

const NAME = "random traffic in the system's kernel";
try {
  openLibc();
  test(NAME, async () => {
    for (let seed = 1; seed <= 15; seed++) {
      await using runtime = new ReactorRuntime({ maxEvents: 1 + seed % 5 });
      const random = randomFrom(seed);
      await scope((s) => traffic(s, random), { runtime });
      assertEquals(runtime.getEventLoop().sourceCount, 0);
    }
  });
} catch (error) {
  if (!(error instanceof ReactorUnavailableError) || error.reason !== "koffi") throw error;
  await skip(NAME, error.message);
}
