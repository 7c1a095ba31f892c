/**
 * A TCP echo server on the reactor: what a client sends comes back, until it has said all.
 *
 *     deno run -A examples/echo.ts --port=7777
 *     node examples/echo.mjs               # on Node: compiled, with @vais/runtime and koffi installed
 *     printf 'hello\n' | nc -N 127.0.0.1 7777
 *
 * What to look at: each connection is a task in a scope, so Ctrl-C ends them all and waits until
 * their sockets are closed; `read` and `writeAll` try the system call first and park the task only
 * when it would block; a client that does not read stops its own echo and nobody else's.
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { main, scope, type TaskScope } from "@vais/runtime";
import { type FdStream, getReactor, IoError, listen, type Listener } from "@vais/runtime/reactor";

const HELP = `A TCP echo server.

Usage: echo [options]
  --port=N         where to listen (default 0: a free port, which is printed)
  --hostname=HOST  an address of this machine (default 127.0.0.1)
  --help           print this text

Exit code: 0, 1 when it cannot listen, 2 for a wrong option, 130 after Ctrl-C, 143 after SIGTERM.`;

/** One client, until its end of the stream. */
function* echo(client: FdStream): Generator<unknown, void> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    for (;;) {
      const count = yield* client.read(buffer);
      if (count === 0) return; // a half-closed client still gets the rest: close sends it
      yield* client.writeAll(buffer.subarray(0, count));
    }
  } catch (error) {
    if (!(error instanceof IoError)) throw error; // else the client is gone: its own business
  } finally {
    client.close();
  }
}

/** The next client. When there are no descriptors left, it has to wait until some are closed. */
function* accept(task: TaskScope, listener: Listener): Generator<unknown, FdStream> {
  for (;;) {
    try {
      return yield* listener.accept();
    } catch (error) {
      if (!(error instanceof IoError && /^E[MN]FILE$/.test(error.code))) throw error;
      yield* task.sleep(50);
    }
  }
}

/** Listens until cancelled. */
function serve(hostname: string, port: number): Promise<number> {
  return main(function* server() {
    const listener = listen({ hostname, port });
    const { addr } = listener;
    if ("port" in addr) console.log(`listening on ${addr.hostname}:${addr.port}`);
    try {
      yield* scope(function* (clients) {
        for (;;) {
          const client = yield* accept(clients, listener);
          clients.spawn(() => echo(client), { name: `client ${client.fd}` });
        }
      }, { name: "clients" });
    } finally {
      listener.close();
    }
  }, { runtime: getReactor() });
}

try {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "0" },
      hostname: { type: "string", default: "127.0.0.1" },
      help: { type: "boolean", default: false },
    },
  });
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > 65_535) {
    throw new RangeError(`--port is ${JSON.stringify(values.port)} (must be 0 to 65535)`);
  }
  if (values.help) console.log(HELP);
  else await serve(values.hostname, port);
} catch (error) {
  console.error(`${(error as Error).message}\nTry --help.`);
  process.exitCode = 2;
}
