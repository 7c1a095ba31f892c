/**
 * Downloads from a web server: four at once in generator tasks, one by a web stream.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { Future, scope } from "@vais/runtime";
import { connect } from "@vais/runtime/reactor";

interface Downloaded {
  readonly status: string;
  readonly length: number;
  readonly sha256: string;
}

/** `hostname`, `port`, `path` of the download. */
export function* nginx(hostname: string, port: string, path: string): Generator<unknown, unknown> {
  const address = { hostname, port: Number(port) };
  const generators = yield* scope((s) => s.map([1, 2, 3, 4], () => download(address, path)));
  const stream = yield* Future.from(downloadByStream(address, path));
  return [...generators, stream];
}

type Address = Parameters<typeof connect>[0];

function request(path: string): Uint8Array {
  return new TextEncoder().encode(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
}

function* download(address: Address, path: string): Generator<unknown, Downloaded> {
  const server = yield* connect(address);
  try {
    yield* server.writeAll(request(path));
    const body = new Body();
    const buffer = new Uint8Array(10_007); // no multiple of what the server sends
    for (let count; (count = yield* server.read(buffer)) > 0;) body.add(buffer.subarray(0, count));
    return body.downloaded();
  } finally {
    server.close();
  }
}

async function downloadByStream(address: Address, path: string): Promise<Downloaded> {
  const server = await connect(address);
  try {
    const writer = server.writable.getWriter();
    await writer.write(request(path));
    const body = new Body();
    for await (const chunk of server.readable) body.add(chunk);
    return body.downloaded();
  } finally {
    server.close();
  }
}

/** What comes behind the head. */
class Body {
  readonly #hash = createHash("sha256");
  #head = "";
  #isInHead = true;
  #length = 0;

  add(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#isInHead) {
      const had = this.#head.length;
      this.#head += String.fromCharCode(...chunk);
      const end = this.#head.indexOf("\r\n\r\n");
      if (end < 0) return;
      bytes = chunk.subarray(end + 4 - had);
      this.#isInHead = false;
    }
    this.#length += bytes.length;
    this.#hash.update(bytes);
  }

  downloaded(): Downloaded {
    const [status = ""] = this.#head.split("\r\n");
    return { status, length: this.#length, sha256: this.#hash.digest("hex") };
  }
}
