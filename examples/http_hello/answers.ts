/**
 * Answers of HTTP/1.1 (RFC 9112), written to a connection.
 *
 * @module
 */

import { close, type FdStream, IoError, open, read } from "@vais/runtime/reactor";
import type { Request } from "./http1.ts";

const REASONS: Record<number, string> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  505: "HTTP Version Not Supported",
};
const CHUNK_BYTES = 64 * 1024;
const encoder = new TextEncoder();

/** Status line and headers. */
function head(status: number, keepAlive: boolean, headers: string): string {
  return `HTTP/1.1 ${status} ${REASONS[status]}\r\ndate: ${new Date().toUTCString()}\r\n` +
    `connection: ${keepAlive ? "keep-alive" : "close"}\r\n${headers}\r\n`;
}

/** Sends an answer that is there as a whole, in one write. */
export function* send(
  client: FdStream,
  request: Pick<Request, "method" | "keepAlive">,
  status: number,
  body: string | Uint8Array,
  more = "",
): Generator<unknown, void> {
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  const type = typeof body === "string" ? "text/plain; charset=utf-8" : "application/octet-stream";
  const headers = `content-type: ${type}\r\ncontent-length: ${bytes.length}\r\n${more}`;
  const start = head(status, request.keepAlive, headers); // ASCII: a byte each
  const answer = new Uint8Array(start.length + (request.method === "HEAD" ? 0 : bytes.length));
  encoder.encodeInto(start, answer);
  if (request.method !== "HEAD") answer.set(bytes, start.length);
  yield* client.writeAll(answer);
}

/** Sends a file as it is read: its length need not be known. Answers whether to go on after it. */
export function* sendFile(
  client: FdStream,
  request: Request,
  path: string,
): Generator<unknown, boolean> {
  const chunked = !request.isHttp10; // older clients read until the end of the connection
  const keepAlive = request.keepAlive && chunked;
  const fd = tryOpen(path);
  if (fd === undefined) {
    yield* send(client, request, 404, `There is no ${request.path}\n`);
    return request.keepAlive;
  }
  try {
    const type = "content-type: application/octet-stream\r\n";
    const headers = chunked ? `${type}transfer-encoding: chunked\r\n` : type;
    yield* client.writeAll(encoder.encode(head(200, keepAlive, headers)));
    if (request.method === "HEAD") return keepAlive;
    // Eight digits and CR LF, the chunk, CR LF.
    const room = new Uint8Array(10 + CHUNK_BYTES + 2);
    for (;;) {
      const count = yield* read(fd, room.subarray(10, 10 + CHUNK_BYTES));
      encoder.encodeInto(`${count.toString(16).padStart(8, "0")}\r\n`, room);
      room.set([13, 10], 10 + count);
      yield* client.writeAll(
        chunked ? room.subarray(0, count + 12) : room.subarray(10, count + 10),
      );
      if (count === 0) return keepAlive;
    }
  } finally {
    close(fd);
  }
}

function tryOpen(path: string): number | undefined {
  try {
    return open(path);
  } catch (error) {
    if (error instanceof IoError) return undefined;
    throw error;
  }
}

/** Has the client send the body it asked about. */
export function* sendContinue(client: FdStream): Generator<unknown, void> {
  yield* client.writeAll(encoder.encode("HTTP/1.1 100 Continue\r\n\r\n"));
}
