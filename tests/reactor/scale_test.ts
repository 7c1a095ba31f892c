/**
 * Many descriptors, many connections, none left: the reactor at size.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { assert, assertEquals } from "@std/assert";
import { scope } from "@vais/runtime";
import {
  close,
  connect,
  type FdStream,
  type IoError,
  listen,
  pipe,
  ReactorRuntime,
  read,
  write,
} from "@vais/runtime/reactor";
import { isAlone, leavesNoFds } from "../support/fds.ts";
import { reactorTest } from "../support/reactors.ts";
import { skip } from "../support/skip.ts";
import { test } from "../support/test.ts";

/** Descriptors this process may have. */
function fdLimit(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 256);
  } catch {
    return 256;
  }
}

const PIPES = 5_000;

async function big(name: string, body: (runtime: ReactorRuntime) => Generator<unknown, void>) {
  const limit = fdLimit();
  if (limit < PIPES * 2 + 500) {
    return await skip(name, `only ${limit} descriptors are allowed (ulimit -n ${PIPES * 2 + 500})`);
  }
  reactorTest(name, body);
}

await big("10 000 descriptors: each reader gets its own byte", function* (runtime) {
  const pipes = Array.from({ length: PIPES }, () => pipe());
  const readers = pipes.map(({ readFd }) =>
    runtime.spawn(function* () {
      const buffer = new Uint8Array(4);
      assertEquals(yield* read(readFd, buffer), 4);
      return new DataView(buffer.buffer).getUint32(0);
    })
  );
  yield* runtime.sleep(5);
  assertEquals(runtime.getEventLoop().sourceCount, PIPES);
  // From the last to the first, so that no order is right by chance.
  for (let i = PIPES - 1; i >= 0; i--) {
    const buffer = new Uint8Array(4);
    new DataView(buffer.buffer).setUint32(0, i);
    yield* write(pipes[i]!.writeFd, buffer);
  }
  for (const [i, reader] of readers.entries()) assertEquals(yield* reader, i);
  for (const { readFd, writeFd } of pipes) {
    close(readFd);
    close(writeFd);
  }
});

await big("10 000 waits are cancelled at once", function* (runtime) {
  const pipes = Array.from({ length: PIPES }, () => pipe());
  yield* scope(function* (s) {
    for (const { readFd } of pipes) s.spawn(() => runtime.readable(readFd));
    yield* runtime.sleep(5);
    assertEquals(runtime.getEventLoop().sourceCount, PIPES);
    s.cancel();
  }).catch(() => {});
  assertEquals(runtime.getEventLoop().sourceCount, 0);
  for (const { readFd, writeFd } of pipes) {
    close(readFd);
    close(writeFd);
  }
});

const SOAK = 100_000;
const AT_ONCE = 50;

/** One connection: connect, say something, hear it back, hang up. */
function* visit(address: Parameters<typeof connect>[0], i: number) {
  const client = yield* connect(address);
  const buffer = new Uint8Array(4);
  new DataView(buffer.buffer).setUint32(0, i);
  yield* client.writeAll(buffer);
  const answer = new Uint8Array(4);
  const n = yield* client.readFull(answer);
  client.close();
  if (n !== 4 || new DataView(answer.buffer).getUint32(0) !== i) throw new Error(`visit ${i}`);
}

function* serve(client: FdStream) {
  const buffer = new Uint8Array(64);
  for (;;) {
    const n = yield* client.read(buffer);
    if (n === 0) break;
    yield* client.writeAll(buffer.subarray(0, n));
  }
  client.close();
}

test(`a soak of ${SOAK} connections, with no growth`, () =>
  leavesNoFds(async () => {
    const runtime = new ReactorRuntime();
    const fds: number[] = [];
    await runtime.spawn(function* () {
      // Unix sockets: no ports to run out of, nothing in TIME_WAIT.
      const listener = listen({ path: `\0vais-soak-${Math.random()}` });
      const server = runtime.spawn(function* () {
        for (let i = 0; i < SOAK; i++) {
          const client = yield* listener.accept();
          if (i % 1_000 === 0) fds.push(client.fd);
          runtime.spawn(() => serve(client));
        }
      });
      yield* scope(function* (s) {
        for (let k = 0; k < AT_ONCE; k++) {
          s.spawn(function* () {
            for (let i = k; i < SOAK; i += AT_ONCE) yield* visit(listener.addr, i);
          });
        }
      });
      yield* server;
      listener.close();
    });
    await runtime.run();
    assertEquals(runtime.taskCount, 0);
    assertEquals(runtime.getEventLoop().sourceCount, 0);
    // Numbers are used again: none was left open.
    const [early, late] = [Math.max(...fds.slice(0, 20)), Math.max(...fds.slice(-20))];
    assert(late <= early + 2 * AT_ONCE, `descriptors grew from ${early} to ${late}`);
    await runtime.close();
  }));

// It takes every descriptor of the process, so it must have it for itself.
const ifAlone = isAlone ? big : () => {};
await ifAlone("no descriptors left: accept tells EMFILE, and goes on later", function* (runtime) {
  const listener = listen({ hostname: "127.0.0.1", port: 0 });
  const client = yield* connect(listener.addr);
  const hoard: { readFd: number; writeFd: number }[] = [];
  try {
    for (;;) hoard.push(pipe());
  } catch (error) {
    assertEquals((error as IoError).code, "EMFILE");
  }
  // Perhaps one is left, where a pipe needs two.
  const codes: string[] = [];
  const extra: FdStream[] = [];
  for (let i = 0; i < 2 && codes.length === 0; i++) {
    try {
      extra.push(yield* listener.accept().timeout(20));
    } catch (error) {
      codes.push((error as { code: string }).code);
    }
  }
  if (extra.length === 0) assertEquals(codes, ["EMFILE"]);
  for (const { readFd, writeFd } of hoard) {
    close(readFd);
    close(writeFd);
  }
  const server = extra[0] ?? (yield* listener.accept());
  yield* client.writeAll(new Uint8Array(3));
  assertEquals(yield* server.read(new Uint8Array(8)), 3);
  for (const one of [client, server, listener]) one.close();
  yield* runtime.sleep(0);
});
