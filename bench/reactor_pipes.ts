/**
 * What does a wait for a descriptor cost: a byte through one pipe and back through another?
 *
 * Both ends in one process; figures are ns per round trip, which is two waits, two reads and two
 * writes. `C` does it with epoll in one loop. Ours are two tasks with a `Stream` for each end, `by
 * number` with `read(fd)` and `write(fd)`; in `10000 registered` that many other tasks wait for an
 * eventfd each meanwhile. The hosts' are `node:net` sockets over the same
 * kind of pipes, and on Deno two ends of a unix socket, as it has no interface for pipes.
 *
 * @module
 */
import { rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import process from "node:process";
import { eventfd, FdStream, getReactor, pipe, read, write } from "@vais/runtime/reactor";
import { type Bench, type Cell, check, size, time } from "./bench.ts";
import { compiled, figure } from "./reactor/children.ts";
import { openCalls, pipe as rawPipe } from "./reactor/libc.ts";

const TRIPS = size(20_000, 8_000);
const HOST_TRIPS = size(8_000, 2_000);
const REGISTERED = [10, 1_000, 10_000];

function* bounce(from: FdStream, to: FdStream, trips: number, first: boolean) {
  const buffer = new Uint8Array(64);
  const byte = buffer.subarray(0, 1);
  if (first) yield* to.write(byte);
  let bytes = 0;
  for (let i = 0; i < trips; i++) {
    bytes += yield* from.read(buffer);
    if (!first || i < trips - 1) yield* to.write(byte);
  }
  return bytes;
}

async function bounceAsync(from: FdStream, to: FdStream, trips: number, first: boolean) {
  const buffer = new Uint8Array(64);
  const byte = buffer.subarray(0, 1);
  if (first) await to.write(byte);
  let bytes = 0;
  for (let i = 0; i < trips; i++) {
    bytes += await from.read(buffer);
    if (!first || i < trips - 1) await to.write(byte);
  }
  return bytes;
}

function* bounceByFd({ fd: from }: FdStream, { fd: to }: FdStream, trips: number, first: boolean) {
  const buffer = new Uint8Array(64);
  const byte = buffer.subarray(0, 1);
  if (first) yield* write(to, byte);
  let bytes = 0;
  for (let i = 0; i < trips; i++) {
    bytes += yield* read(from, buffer);
    if (!first || i < trips - 1) yield* write(to, byte);
  }
  return bytes;
}

function streams(): { from: FdStream; to: FdStream } {
  const { readFd, writeFd } = pipe();
  return { from: new FdStream(readFd, "pipe"), to: new FdStream(writeFd, "pipe") };
}

type Bounce = typeof bounce | typeof bounceAsync;

/** Two tasks of `body` beside so many that wait; by `run()`, or by `blockOn`. */
function ours(body: Bounce, registered = 0, blocking = false): Cell {
  return () => {
    const runtime = getReactor();
    for (let i = 0; i < registered; i++) {
      const fd = eventfd();
      runtime.spawn(function* () {
        yield* runtime.readable(fd);
        throw new Error(`nobody wrote to descriptor ${fd}`);
      });
    }
    const there = streams(), back = streams();
    return async () => {
      const start = () => [
        runtime.spawn(() => body(back.from, there.to, TRIPS, true) as Generator),
        runtime.spawn(() => body(there.from, back.to, TRIPS, false) as Generator),
      ];
      let bytes: unknown[] = [];
      const ms = await time(async () => {
        bytes = blocking
          ? start().map((handle) => runtime.blockOn(handle))
          : await Promise.all(start());
      });
      for (const count of bytes) check(count, TRIPS, "number of bytes");
      return ms * 1e6 / TRIPS;
    };
  };
}

const nodeNet: Cell = async () => {
  const calls = await openCalls();
  const sockets = [rawPipe(calls), rawPipe(calls)].map(([from, to]) => ({
    from: new Socket({ fd: from, readable: true, writable: false }),
    to: new Socket({ fd: to, readable: false, writable: true }),
  }));
  const [there, back] = sockets as [typeof sockets[0], typeof sockets[0]];
  there.from.on("data", (chunk) => back.to.write(chunk));
  let bytes = 0, done = () => {};
  back.from.on("data", (chunk) => {
    bytes += chunk.length;
    if (bytes === HOST_TRIPS) done();
    else there.to.write(chunk);
  });
  return async () => {
    bytes = 0;
    const ms = await time(() =>
      new Promise<void>((resolve) => {
        done = resolve;
        there.to.write(new Uint8Array(1));
      })
    );
    return ms * 1e6 / HOST_TRIPS;
  };
};

const denoUnix: Cell = async () => {
  const path = `${tmpdir()}/vais-bench-${process.pid}.sock`;
  const listener = Deno.listen({ transport: "unix", path });
  const [a, b] = await Promise.all([Deno.connect({ transport: "unix", path }), listener.accept()]);
  listener.close();
  rmSync(path, { force: true });
  const bounceDeno = async (conn: Deno.Conn, first: boolean) => {
    const byte = new Uint8Array(1);
    if (first) await conn.write(byte);
    for (let i = 0; i < HOST_TRIPS; i++) {
      check(await conn.read(byte), 1, "number of bytes");
      if (!first || i < HOST_TRIPS - 1) await conn.write(byte);
    }
  };
  return async () => {
    const ms = await time(() => Promise.all([bounceDeno(a, true), bounceDeno(b, false)]));
    return ms * 1e6 / HOST_TRIPS;
  };
};

/** See the head of this file. */
export const bench: Bench = {
  helpers: ["reactor/ping_pong.c"],
  on: { "Deno unix": "deno" },
  cells: {
    "C": () => {
      const command = [...compiled("ping_pong"), String(TRIPS)];
      return () => figure(command);
    },
    "generator": ours(bounce),
    "async": ours(bounceAsync),
    "by number": ours(bounceByFd),
    "blockOn": ours(bounce, 0, true),
    "node:net": nodeNet,
    "Deno unix": denoUnix,
    ...Object.fromEntries(
      REGISTERED.map((count) => [`${count} registered`, ours(bounce, count)]),
    ),
  },
  rows: [
    ...["generator", "blockOn"].map((ours) => ({
      work: `pipe ping-pong, two tasks, ${ours}`,
      ours,
      reference: "C",
      unit: "ns",
      goal: { ratio: 1.6, of: "C" },
    })),
    ...["node:net", "Deno unix"].map((reference) => ({
      work: "pipe ping-pong, two tasks, generator",
      ours: "generator",
      reference,
      unit: "ns",
      goal: { faster: 4, than: "host" },
    })),
    ...["async", "by number"].map((ours) => ({
      work: `pipe ping-pong, two tasks, ${ours}`,
      ours,
      reference: "C",
      unit: "ns",
    })),
    ...REGISTERED.slice(1).map((count) => ({
      work: `the same with ${count} registered descriptors`,
      ours: `${count} registered`,
      reference: "10 registered",
      unit: "ns",
      goal: { ratio: 1.3, of: "that with 10" },
    })),
  ],
  repeat: { roundsMs: 500 },
};
