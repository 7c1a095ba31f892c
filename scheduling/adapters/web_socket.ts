/**
 * The messages of a web socket, as a stream that closes it.
 *
 * @module
 */

import { checkDuration, typeOf } from "../../runtime/clock.ts";
import { Channel } from "../channels/channel.ts";
import { shield } from "../limits.ts";
import { iterateOpen, type ScopedIterator } from "../scoped_iterable.ts";
import { nextEvent } from "./events.ts";
import { WebSocketError } from "./web_socket_error.ts";

/** How {@linkcode messages} closes. */
export interface MessagesOptions {
  /** So long it waits for the other side to close too, in ms. Default 1 000. */
  readonly closeMs?: number;
}

/**
 * What the other side sends: strings, and bytes as the socket's `binaryType` says.
 *
 * It ends when the other side closes with code 1000 or 1001, and throws a {@linkcode WebSocketError} at any other end.
 * Leaving the loop, by whatever way, closes the socket, and waits until it is. The listeners are gone then. Begin
 * before the socket opens: what comes earlier is not kept by the platform.
 *
 * @throws {TypeError} If it is no `WebSocket`, or an option has the wrong type
 */
export function messages(
  socket: WebSocket,
  options: MessagesOptions = {},
): ScopedIterator<unknown> {
  const { addEventListener, close } = Object(socket);
  if (typeof addEventListener !== "function" || typeof close !== "function") {
    throw new TypeError(`Cannot receive: socket is ${typeOf(socket)} (must be a WebSocket)`);
  }
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot receive: options is ${typeOf(options)} (must be an object)`);
  }
  const { closeMs = 1_000 } = options;
  checkDuration(closeMs, "receive", "closeMs");
  return iterateOpen<unknown>(function* (emit) {
    const channel = Channel.unbounded<{ data: unknown }>();
    const onMessage = (event: MessageEvent): void => {
      if (!channel.isClosed) channel.trySend({ data: event.data });
    };
    const onClose = ({ code, reason }: CloseEvent): void =>
      channel.close(code === 1000 || code === 1001 ? undefined : new WebSocketError(code, reason));
    socket.addEventListener("message", onMessage);
    socket.addEventListener("close", onClose);
    if (socket.readyState === CLOSED) channel.close(new WebSocketError(0, "it was closed before"));
    try {
      for (let next; !(next = yield* channel.next()).done;) yield* emit(next.value.data);
    } finally {
      socket.removeEventListener("message", onMessage);
      socket.removeEventListener("close", onClose);
      if (socket.readyState !== CLOSED) {
        const closed = nextEvent(socket, "close").timeout(closeMs).catch(() => {});
        yield* shield(closeMs + 1, function* () {
          socket.close();
          yield* closed;
        });
      }
    }
  }, "web socket");
}

/** `WebSocket.CLOSED`. */
const CLOSED = 3;
