/**
 * Web sockets against Deno's own server: messages, closes, and leaving.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { messages, moveOnAfter, nextEvent, scope, WebSocketError } from "@vais/runtime";

/** Serves sockets on the loopback; `serve` gets each. */
function server(serve: (socket: WebSocket) => void) {
  const listener = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    serve(socket);
    return response;
  });
  const { port } = listener.addr as Deno.NetAddr;
  return {
    connect: () => new WebSocket(`ws://127.0.0.1:${port}`),
    stop: () => listener.shutdown(),
  };
}

Deno.test("the messages of a socket, to its regular end", async () => {
  const { connect, stop } = server((socket) => {
    socket.onopen = () => {
      for (const text of ["one", "two"]) socket.send(text);
      socket.close(1000, "done");
    };
  });
  const seen: unknown[] = [];
  for await (const data of messages(connect())) seen.push(data);
  assertEquals(seen, ["one", "two"]);
  await stop();
});

Deno.test("any other end throws, with its code", async () => {
  const { connect, stop } = server((socket) => {
    socket.onopen = () => socket.close(4001, "go away");
  });
  const error = await assertRejects(() =>
    scope(async () => {
      for await (const _ of messages(connect()));
    }), WebSocketError);
  assertEquals([error.code, error.closeCode], ["ERR_WEB_SOCKET", 4001]);
  await stop();
});

Deno.test("left or cancelled, the socket is closed before the loop is left", async () => {
  const closed: number[] = [];
  const { connect, stop } = server((socket) => {
    socket.onopen = () => socket.send("hello");
    socket.onclose = () => closed.push(1);
  });
  const first = connect();
  for await (const _ of messages(first)) break;
  assertEquals(first.readyState, WebSocket.CLOSED);
  const second = connect();
  await nextEvent(second, "open");
  const end = await moveOnAfter(5, async () => {
    for await (const _ of messages(second));
  });
  assertEquals([end.timedOut, second.readyState], [true, WebSocket.CLOSED]);
  await stop();
  assertEquals(closed.length, 2);
});
