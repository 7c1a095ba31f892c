/**
 * A TCP echo server on the reactor: what a client sends comes back, until it has said all.
 *
 *     deno run -A examples/echo.ts --port=7777
 *     node examples/echo.mjs               # on Node: compiled, with @vais/runtime and koffi installed
 *     printf 'hello\n' | nc -N 127.0.0.1 7777
 *
 * What to look at: each connection is a task in a scope, so Ctrl-C ends them all and waits until
 * their sockets are closed; `read` and `writeAll` try the system call first and park the task only
 * when it would block; a client that does not read stops its own echo and nobody else's; when there
 * are no descriptors left, `for await` over the listener goes on once some are closed.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { main, scope } from "@vais/runtime";
import { type FdStream, getReactor, IoError, listen } from "@vais/runtime/reactor";
import { commandLine, wholeNumber } from "./command_line.ts";

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

/** Listens until cancelled. */
function serve(hostname: string, port: number): Promise<number> {
  return main(function* server() {
    const listener = listen({ hostname, port });
    const { addr } = listener;
    if ("port" in addr) console.log(`listening on ${addr.hostname}:${addr.port}`);
    try {
      yield* scope(async (clients) => {
        for await (const client of listener) {
          clients.spawn(() => echo(client), { name: `client ${client.fd}` });
        }
      }, { name: "clients" });
    } finally {
      listener.close();
    }
  }, { runtime: getReactor() });
}

const options = {
  port: { type: "string", default: "0" },
  hostname: { type: "string", default: "127.0.0.1" },
  help: { type: "boolean", default: false },
} as const;

await commandLine(
  HELP,
  () => parseArgs({ options }),
  ({ values }) => serve(values.hostname, wholeNumber("port", values.port, 0, 65_535)),
);
