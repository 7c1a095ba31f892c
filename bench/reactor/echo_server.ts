/**
 * The echo servers of the echo bench: `echo_server.mjs generator|async|node:net|Deno.listen`.
 *
 * Prints its port, then echoes until its stdin ends. All read up to 4 KiB into a buffer of the
 * connection where the interface lets them, and write back what they read. A peer that resets the
 * connection ends it.
 *
 * @module
 */
import { createServer, type Socket } from "node:net";
import process from "node:process";
import {
  type FdStream,
  getReactor,
  listen,
  type Listener,
  type ReactorRuntime,
} from "@vais/runtime/reactor";

const BUFFER = 4096;
const LOOPBACK = { hostname: "127.0.0.1", port: 0 } as const;

function* echo(conn: FdStream) {
  const buffer = new Uint8Array(BUFFER);
  try {
    for (let n; (n = yield* conn.read(buffer)) > 0;) yield* conn.writeAll(buffer, n);
  } catch {
    // Reset by the peer.
  }
  conn.close();
}

async function echoAsync(conn: FdStream): Promise<void> {
  const buffer = new Uint8Array(BUFFER);
  try {
    for (let n; (n = await conn.read(buffer)) > 0;) await conn.writeAll(buffer, n);
  } catch {
    // Reset by the peer.
  }
  conn.close();
}

function* acceptEach(runtime: ReactorRuntime, listener: Listener, isAsync: boolean) {
  for (;;) {
    const conn: FdStream = yield* listener.accept();
    if (isAsync) runtime.spawn(() => echoAsync(conn));
    else runtime.spawn(() => echo(conn));
  }
}

function serveOurs(isAsync: boolean): void {
  const runtime = getReactor();
  const listener = listen(LOOPBACK);
  runtime.spawn(() => acceptEach(runtime, listener, isAsync));
  announce(listener.addr);
  runtime.run();
}

function serveNode(): void {
  const server = createServer({ noDelay: true }, (socket: Socket) => {
    socket.on("data", (chunk) => socket.write(chunk));
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1", 1024, () => announce(server.address()));
}

async function serveDeno(): Promise<void> {
  const listener = Deno.listen(LOOPBACK);
  announce(listener.addr);
  for await (const conn of listener) {
    conn.setNoDelay(true);
    echoDeno(conn);
  }
}

async function echoDeno(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(BUFFER);
  try {
    for (let n; (n = await conn.read(buffer)) !== null;) await conn.write(buffer.subarray(0, n));
  } catch {
    // Reset by the peer.
  }
  conn.close();
}

function announce(address: unknown): void {
  process.stdout.write(`${(address as { port: number }).port}\n`);
}

process.stdin.on("end", () => process.exit(0)).resume();
const SERVERS: Record<string, () => unknown> = {
  "generator": () => serveOurs(false),
  "async": () => serveOurs(true),
  "node:net": serveNode,
  "Deno.listen": serveDeno,
};
await SERVERS[process.argv[2]!]!();
