/**
 * Requests of HTTP/1.1 (RFC 9112), read from a connection.
 *
 * Strict where leniency lets two parsers see two messages: line ends, folded lines, `Content-Length`
 * that is repeated or no number, `Transfer-Encoding`. What follows a request in the buffer is the
 * beginning of the next one (pipelining).
 *
 * @module
 */

import type { FdStream } from "@vais/runtime/reactor";

/** A request that is answered by a status and then the end of the connection. */
export class HttpError extends Error {
  /** Which status, and the text to send with it. */
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** A request line and its headers. */
export interface Request {
  readonly method: string;
  /** Up to the `?`. */
  readonly path: string;
  /** By lower-case name; repeated ones joined by ", ". */
  readonly headers: ReadonlyMap<string, string>;
  readonly isHttp10: boolean;
  readonly keepAlive: boolean;
  /** Length of the body. */
  readonly length: number;
}

const MOST_HEADERS = 100;
const [CR, LF] = [13, 10];
const REQUEST_LINE = /^([!#$%&'*+.^`|~\w-]+) ([!-~]+) HTTP\/(\d)\.(\d)$/;
const HEADER = /^([!#$%&'*+.^`|~\w-]+):[ \t]*(.*?)[ \t]*$/;
// deno-lint-ignore no-control-regex -- they are what is looked for
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Reads one request after the other. */
export class RequestReader {
  readonly #client: FdStream;
  /** Holds the largest head there may be. */
  readonly #buffer: Uint8Array;
  // Not latin1: that is slow. Heads are ASCII; what is not, ends up as U+FFFD.
  readonly #decoder = new TextDecoder();
  #start = 0;
  #end = 0;
  #isInBody = false;

  /** `headBytes`: of a request line with its headers, at most. */
  constructor(client: FdStream, headBytes = 16 * 1024) {
    this.#client = client;
    this.#buffer = new Uint8Array(headBytes);
  }

  /** True when a request has arrived in part. */
  get isAmid(): boolean {
    return this.#isInBody || this.#end > this.#start;
  }

  /** Waits for the first byte of the next request; false when the client has said all. */
  *begins(): Generator<unknown, boolean> {
    return this.#end > this.#start || (yield* this.#fill());
  }

  /** The next request, without its body. */
  *head(): Generator<unknown, Request> {
    for (let from = this.#start;;) {
      const end = this.#endOfHead(from);
      if (end > 0) {
        const head = this.#buffer.subarray(this.#start, end - 4);
        this.#start = end;
        return parseHead(this.#decoder.decode(head));
      }
      // The end of the head may be there in part.
      from = Math.max(this.#start, this.#end - 3) - this.#start;
      if (!(yield* this.#fill())) throw new HttpError(400, "The request ends in its head");
      from += this.#start;
    }
  }

  /** The next `length` bytes: the body of the request just read. */
  *body(length: number): Generator<unknown, Uint8Array> {
    this.#isInBody = true;
    const body = new Uint8Array(length);
    const buffered = this.#buffer.subarray(this.#start, Math.min(this.#end, this.#start + length));
    body.set(buffered);
    this.#start += buffered.length;
    for (let got = buffered.length; got < length;) {
      const count = yield* this.#client.read(body.subarray(got));
      if (count === 0) throw new HttpError(400, "The request ends in its body");
      got += count;
    }
    this.#isInBody = false;
    return body;
  }

  /** Index behind the empty line that ends the head, or 0. */
  #endOfHead(from: number): number {
    const buffer = this.#buffer;
    // Empty lines before a request are to be ignored: some clients send one after a body.
    while (
      this.#end - this.#start >= 2 && buffer[this.#start] === CR && buffer[this.#start + 1] === LF
    ) {
      this.#start += 2;
    }
    for (let at = Math.max(from, this.#start);; at++) {
      at = buffer.indexOf(LF, at);
      if (at < 0 || at >= this.#end) return 0;
      if (at === this.#start || buffer[at - 1] !== CR) fail(400, "A line must end in CR LF");
      if (at >= this.#start + 3 && buffer[at - 2] === LF) return at + 1;
    }
  }

  *#fill(): Generator<unknown, boolean> {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    else if (this.#end === this.#buffer.length) {
      if (this.#start === 0) throw new HttpError(431, "The head of the request is too long");
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    const count = yield* this.#client.read(this.#buffer.subarray(this.#end));
    this.#end += count;
    return count > 0;
  }
}

/** Reads a request line and headers, which end in CR LF each but for the last one. */
export function parseHead(head: string): Request {
  const lines = head.split("\r\n");
  const [, method, target, major, minor] = REQUEST_LINE.exec(lines[0]!) ??
    fail(400, "The request line is malformed");
  if (major !== "1") fail(505, "This is a server of HTTP/1.1");
  if (lines.length > MOST_HEADERS + 1) fail(431, "The request has too many headers");
  const headers = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const [, name, value] = HEADER.exec(line) ?? fail(400, "A header is malformed");
    if (CONTROL.test(value!)) fail(400, "A header is malformed");
    const key = name!.toLowerCase();
    const former = headers.get(key);
    headers.set(key, former === undefined ? value! : `${former}, ${value}`);
  }
  const isHttp10 = minor === "0";
  const host = headers.get("host");
  if (host === undefined ? !isHttp10 : host.includes(",")) fail(400, "Host is required, once");
  if (headers.has("transfer-encoding")) {
    fail(headers.has("content-length") ? 400 : 501, "A body needs a Content-Length");
  }
  const length = headers.get("content-length") ?? "0";
  if (!/^\d{1,15}$/.test(length)) fail(400, "Content-Length is malformed");
  const connection = headers.get("connection")?.toLowerCase().split(/[ \t]*,[ \t]*/) ?? [];
  return {
    method: method!,
    path: target!.replace(/^http:\/\/[^/?]*/i, "").replace(/\?.*$/, "") || "/",
    headers,
    isHttp10,
    keepAlive: connection.includes(isHttp10 ? "keep-alive" : "close") === isHttp10,
    length: Number(length),
  };
}

function fail(status: number, message: string): never {
  throw new HttpError(status, message);
}
