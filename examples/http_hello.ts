/**
 * A small HTTP/1.1 server on the reactor: keep-alive, pipelining, bodies, limits, a streamed file.
 *
 *     deno run -A examples/http_hello.ts --port=8080
 *     node examples/http_hello.mjs         # on Node: compiled, with @vais/runtime and koffi installed
 *     curl -d 'hello' http://127.0.0.1:8080/echo
 *
 * `GET /` greets, `POST /echo` sends the body back, `GET /file` sends a file in chunks. Requests are
 * read by `http_hello/http1.ts` and answered by `http_hello/answers.ts`.
 *
 * What to look at: each connection is a task in a scope; its time limit is one `moveOnAfter` whose
 * deadline is moved from request to request; whatever ends the task, `finally` closes its socket; a
 * refused client is read on for a moment, as closing a socket with unread data in it would also
 * throw away the answer.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { main, moveOnAfter, type Scope, scope } from "@vais/runtime";
import { type FdStream, getReactor, IoError, listen } from "@vais/runtime/reactor";
import { commandLine, wholeNumber } from "./command_line.ts";
import { send, sendContinue, sendFile } from "./http_hello/answers.ts";
import { HttpError, type Request, RequestReader } from "./http_hello/http1.ts";

const HELP = `A small HTTP/1.1 server.

Usage: http_hello [options]
  --port=N     where to listen (default 0: a free port, which is printed)
  --file=PATH  what GET /file sends (default: this program)
  --body=N     the longest body to take, in bytes (default 4000000)
  --limit=MS   for a request and its answer; a connection may be idle as long (default 10000)
  --help       print this text

Exit code: 0, 1 when it cannot listen, 2 for a wrong option, 130 after Ctrl-C, 143 after SIGTERM.`;

interface Options {
  readonly port: number;
  readonly file: string;
  readonly body: number;
  readonly limit: number;
}

const ALLOWED: Record<string, readonly string[]> = {
  "/": ["GET", "HEAD"],
  "/echo": ["POST"],
  "/file": ["GET", "HEAD"],
};
const LINGER_MS = 1_000;

/** Answers a request; true when another may follow. */
function* answer(
  client: FdStream,
  request: Request,
  body: Uint8Array,
  options: Options,
): Generator<unknown, boolean> {
  const { path, method, keepAlive } = request;
  const allowed = Object.hasOwn(ALLOWED, path) ? ALLOWED[path]! : undefined;
  if (allowed === undefined) yield* send(client, request, 404, `There is no ${path}\n`);
  else if (!allowed.includes(method)) {
    yield* send(client, request, 405, "", `allow: ${allowed.join(", ")}\r\n`);
  } else if (path === "/file") return yield* sendFile(client, request, options.file);
  else if (path === "/echo") yield* send(client, request, 200, body);
  else yield* send(client, request, 200, "Hello from the reactor\n");
  return keepAlive;
}

/** Answers requests until the client has said all. */
function* converse(
  limit: Scope,
  client: FdStream,
  reader: RequestReader,
  options: Options,
): Generator<unknown, void> {
  for (let more = true; more;) {
    limit.deadlineMs = performance.now() + options.limit; // to be idle
    if (!(yield* reader.begins())) return;
    limit.deadlineMs = performance.now() + options.limit; // for the request
    const request = yield* reader.head();
    if (request.length > options.body) throw new HttpError(413, "The body is too long");
    if (request.headers.get("expect")?.toLowerCase() === "100-continue") {
      yield* sendContinue(client);
    }
    const body = yield* reader.body(request.length);
    more = yield* answer(client, request, body, options);
  }
}

/** Tells a client what is wrong, and ends the connection so that it hears of it. */
function* refuse(client: FdStream, { status, message }: HttpError): Generator<unknown, void> {
  yield* send(client, { method: "", keepAlive: false }, status, `${message}\n`);
  client.closeWrite();
  const rest = new Uint8Array(64 * 1024);
  while ((yield* client.read(rest)) > 0);
}

/** One connection, from its beginning to its end. */
function* serve(client: FdStream, options: Options): Generator<unknown, void> {
  const reader = new RequestReader(client);
  try {
    let problem: HttpError | undefined;
    try {
      const { timedOut } = yield* moveOnAfter(
        options.limit,
        (limit) => converse(limit, client, reader, options),
      );
      if (timedOut && reader.isAmid) problem = new HttpError(408, "The request took too long");
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      problem = error;
    }
    if (problem !== undefined) yield* moveOnAfter(LINGER_MS, () => refuse(client, problem));
  } catch (error) {
    if (!(error instanceof IoError)) throw error; // else the client is gone: its own business
  } finally {
    client.close();
  }
}

/** Listens until cancelled. */
function run(options: Options): Promise<number> {
  return main(function* server() {
    const listener = listen({ hostname: "127.0.0.1", port: options.port });
    const { addr } = listener;
    if ("port" in addr) console.log(`listening on ${addr.hostname}:${addr.port}`);
    try {
      yield* scope(async (clients) => {
        for await (const client of listener) {
          clients.spawn(() => serve(client, options), { name: `client ${client.fd}` });
        }
      }, { name: "clients" });
    } finally {
      listener.close();
    }
  }, { runtime: getReactor() });
}

const options = {
  port: { type: "string", default: "0" },
  file: { type: "string", default: fileURLToPath(import.meta.url) },
  body: { type: "string", default: "4000000" },
  limit: { type: "string", default: "10000" },
  help: { type: "boolean", default: false },
} as const;

await commandLine(HELP, () => parseArgs({ options }), ({ values }) =>
  run({
    port: wholeNumber("port", values.port, 0, 65_535),
    file: values.file,
    body: wholeNumber("body", values.body),
    limit: wholeNumber("limit", values.limit),
  }));
