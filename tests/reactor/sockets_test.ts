/**
 * Sockets of every family, against each other.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { ClosedError, scope, withTimeout } from "@vais/runtime";
import {
  accept,
  bindUdp,
  connect,
  getReactor,
  IoError,
  listen,
  type NetAddress,
  recv,
  send,
  shutdown,
  type SocketAddress,
  streamPair,
} from "@vais/runtime/reactor";
import { leavesNoFds } from "../support/fds.ts";
import { test } from "../support/test.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (buffer: Uint8Array) => new TextDecoder().decode(buffer);

/** A test that leaves no descriptor behind, the default reactor's own aside. */
function socketTest(name: string, body: () => Promise<void> | void): void {
  test(name, () =>
    leavesNoFds(async () => {
      try {
        await body();
        assertEquals(getReactor().getEventLoop().sourceCount, 0);
      } finally {
        await getReactor().close();
      }
    }));
}

/** Listens at `address`, and has one client say hello to one server task. */
async function conversation(address: SocketAddress): Promise<[SocketAddress, SocketAddress]> {
  const listener = listen(address);
  const ends = await scope(async (s) => {
    const server = s.spawn(async () => {
      using connection = await listener.accept();
      const buffer = new Uint8Array(64);
      const n = await connection.read(buffer);
      await connection.writeAll(bytes(`you said ${text(buffer.subarray(0, n))}`));
      return connection.localAddr;
    });
    using client = await connect(listener.addr);
    await client.writeAll(bytes("hello"));
    assertEquals(await new Response(client.readable).text(), "you said hello");
    return [await server, client.remoteAddr] as [SocketAddress, SocketAddress];
  });
  listener.close();
  listener.close();
  return ends;
}

socketTest("TCP over IPv4", async () => {
  const [local, remote] = await conversation({ hostname: "127.0.0.1", port: 0 });
  assertEquals(local, remote);
  assertEquals((local as NetAddress).hostname, "127.0.0.1");
  assert((local as NetAddress).port > 0);
});

socketTest("TCP over IPv6", async () => {
  const [local] = await conversation({ hostname: "::1", port: 0 });
  assertEquals((local as NetAddress).hostname, "::1");
  await conversation({ hostname: "[::1]", port: 0 });
});

socketTest("an IPv6 listener of all addresses takes IPv4 too, unless told otherwise", async () => {
  const both = listen({ hostname: "::", port: 0 });
  const { port } = both.addr as NetAddress;
  using client = await connect({ hostname: "127.0.0.1", port });
  using server = await both.accept();
  assertEquals((server.remoteAddr as NetAddress).hostname, "::ffff:127.0.0.1");
  both.close();
  assert(!client.isClosed);
  const only = listen({ hostname: "::", port: 0 }, { ipv6Only: true });
  const refused = (only.addr as NetAddress).port;
  await assertRejects(() => connect({ hostname: "127.0.0.1", port: refused }), IoError);
  only.close();
});

socketTest("Unix sockets, by path", async () => {
  const folder = mkdtempSync(`${tmpdir()}/vais-`);
  try {
    const path = `${folder}/socket`;
    const [local] = await conversation({ path });
    assertEquals(local, { path });
    const error = assertThrows(() => listen({ path }), IoError);
    assertEquals((error as IoError).code, "EADDRINUSE");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

socketTest("Unix sockets, by abstract name (Linux)", async () => {
  if (process.platform !== "linux") return;
  const path = `\0vais-${Math.random()}`;
  const [local] = await conversation({ path });
  assertEquals(local, { path });
});

socketTest("a host name is resolved by the host", async () => {
  const listener = listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as NetAddress;
  // Perhaps ::1 first, where nobody listens: then the next address is tried.
  using client = await connect({ hostname: "localhost", port });
  using server = await listener.accept();
  assertEquals((client.remoteAddr as NetAddress).port, port);
  assert(!server.isClosed);
  await assertRejects(() => connect({ hostname: "no.such.host.invalid", port }));
  listener.close();
});

socketTest("an abandoned connect closes its descriptor", async () => {
  // A backlog that is full lets a connection attempt hang.
  const listener = listen({ hostname: "127.0.0.1", port: 0 }, { backlog: 0 });
  const waiting = [await connect(listener.addr)];
  await assertRejects(() =>
    withTimeout(50, async () => {
      for (;;) waiting.push(await connect(listener.addr));
    })
  );
  for (const one of waiting) one.close();
  listener.close();
});

socketTest("the functions of plain descriptors", async () => {
  const listener = listen({ hostname: "127.0.0.1", port: 0 });
  using client = await connect(listener.addr);
  using server = await accept(listener.fd);
  assertEquals(await send(client.fd, bytes("abc")), 3);
  const buffer = new Uint8Array(8);
  const MSG_PEEK = 2;
  assertEquals(await recv(server, buffer, MSG_PEEK), 3);
  assertEquals(await recv(server.fd, buffer), 3);
  shutdown(client, "write");
  assertEquals(await recv(server, buffer), 0);
  shutdown(server, "both");
  assertEquals(await recv(client, buffer), 0);
  listener.close();
});

socketTest("accept: those who wait are told when it closes, and connections iterate", async () => {
  const listener = listen({ hostname: "127.0.0.1", port: 0 });
  const served: number[] = [];
  const serving = (async () => {
    for await (const connection of listener) {
      served.push(connection.fd);
      connection.close();
    }
  })();
  for (let i = 0; i < 5; i++) {
    using client = await connect(listener.addr);
    assertEquals(await client.read(new Uint8Array(1)), 0);
  }
  listener.close();
  await serving;
  assertEquals(served.length, 5);
  await assertRejects(() => listener.accept(), ClosedError);
});

socketTest("web streams: pipe one connection through another, with back-pressure", async () => {
  const [a, b] = streamPair();
  const [c, d] = streamPair();
  const size = 4_000_000;
  const pumped = b.readable.pipeTo(c.writable);
  const sent = (async () => {
    const writer = a.writable.getWriter();
    for (let at = 0; at < size; at += 50_000) {
      await writer.write(new Uint8Array(50_000).fill(at / 50_000));
    }
    await writer.close();
  })();
  let got = 0;
  for await (const chunk of d) {
    for (const [i, byte] of chunk.entries()) {
      if (byte !== Math.floor((got + i) / 50_000) % 256) throw new Error(`wrong byte ${got + i}`);
    }
    got += chunk.byteLength;
  }
  assertEquals(got, size);
  await Promise.all([sent, pumped]);
  for (const stream of [a, b, c, d]) stream.close();
});

socketTest("web streams: text through TransformStreams, cancel and abort close", async () => {
  const [a, b] = streamPair();
  const lines = a.readable.pipeThrough(
    new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>,
  );
  await b.writeAll(bytes("grün"));
  b.closeWrite();
  let whole = "";
  for await (const part of lines as unknown as AsyncIterable<string>) whole += part;
  assertEquals(whole, "grün");
  await b.writable.abort();
  assert(b.isClosed);
  const [c, d] = streamPair();
  await c.readable.cancel();
  assert(c.isClosed);
  a.close();
  d.close();
});

socketTest("UDP over IPv4 and IPv6: who sent it, and what does not fit is cut", async () => {
  for (const hostname of ["127.0.0.1", "::1"]) {
    using a = bindUdp({ hostname, port: 0 });
    using b = bindUdp({ hostname, port: 0 });
    const buffer = new Uint8Array(4);
    const waiting = b.recv(buffer).then((got) => got);
    assertEquals(await a.send(bytes("123456"), b.addr), 6);
    assertEquals(await waiting, { length: 4, from: a.addr });
    assertEquals(text(buffer), "1234");
    await b.send(new Uint8Array(0), a.addr);
    assertEquals((await a.recv(buffer)).length, 0);
    const closed = b.recv(buffer).then(() => undefined, (error) => error);
    b.close();
    assertInstanceOf(await closed, ClosedError);
  }
  const big = bindUdp({ hostname: "127.0.0.1" });
  const error = await assertRejects(() => big.send(new Uint8Array(70_000), big.addr), IoError);
  assertEquals((error as IoError).code, "EMSGSIZE");
  big.close();
});

socketTest("an address in use is told, also by its text", () => {
  const listener = listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as NetAddress;
  const error = assertThrows(() => listen({ hostname: "127.0.0.1", port }), IoError) as IoError;
  assertEquals([error.code, error.syscall], ["EADDRINUSE", "bind"]);
  assert(error.message.includes(`127.0.0.1:${port}`), error.message);
  listener.close();
});

socketTest("bad input is told at the door", () => {
  const bad: [() => unknown, typeof TypeError, string][] = [
    [() => listen(undefined as never), TypeError, "address is undefined"],
    [() => listen({ hostname: "127.0.0.1" } as never), TypeError, "port is undefined"],
    [() => listen({ hostname: "127.0.0.1", port: 65_536 }), RangeError, "65536"],
    [() => listen({ hostname: "127.0.0.1", port: 1.5 }), RangeError, "1.5"],
    [() => listen({ hostname: "example.com", port: 0 }), RangeError, "numeric"],
    [() => listen({ hostname: "256.0.0.1", port: 0 }), RangeError, "numeric"],
    [() => listen({ hostname: "1::2::3", port: 0 }), RangeError, "numeric"],
    [() => listen({ hostname: 4 as never, port: 0 }), TypeError, "hostname"],
    [() => listen({ path: "" }), TypeError, "path"],
    [() => listen({ path: "x".repeat(200) }), RangeError, "200 bytes"],
    [() => listen({ hostname: "127.0.0.1", port: 0 }, { backlog: -1 }), RangeError, "backlog"],
    [() => connect(5 as never), TypeError, "address"],
    [() => bindUdp({ path: "/x" } as never), TypeError, "path"],
    [() => recv(-1, new Uint8Array(1)), RangeError, "fd"],
    [() => send("3" as never, new Uint8Array(1)), TypeError, "fd"],
    [() => send(3, "text" as never), TypeError, "buffer"],
    [() => shutdown(3, "sideways" as never), RangeError, "sideways"],
    [() => accept({} as never), TypeError, "fd"],
  ];
  for (const [call, kind, part] of bad) assertThrows(call, kind, part);
});
