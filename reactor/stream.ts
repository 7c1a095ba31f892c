/**
 * Byte streams: connections, pipes, terminals.
 *
 * A stream owns its descriptor. Because nobody else closes it, a wait costs no system call, and a
 * read that came up short is known to have taken all there was: the next one waits at once.
 *
 * @module
 */

import type { Future } from "../runtime/future.ts";
import { PENDING, type Poll } from "../runtime/poll.ts";
import { ADDRESS_BYTES, decodeAddress, type SocketAddress } from "./address.ts";
import { EINTR } from "./errno.ts";
import { IoError } from "./errors.ts";
import type { Reactor } from "./fd_op.ts";
import { checkBuffer, checkLength, checkSameLength } from "./fd_ops.ts";
import { OwnedFd, OwnedOp, untilClosed } from "./owned_fd.ts";
import { READABLE, WRITABLE } from "./poller.ts";
import { checkFd, currentReactor, type FdLike } from "./reactor_runtime.ts";

const SHUTDOWN_MODES = ["read", "write", "both"];
/** Level of TCP's options. */
export const IPPROTO_TCP = 6;
/** Option: no Nagle. */
export const TCP_NODELAY = 1;
const CHUNK_BYTES = 65_536;

/** What a stream is of. */
export type StreamKind = "tcp" | "socket" | "pipe" | "other";

/**
 * A stream of bytes over a descriptor it owns.
 *
 * One task may read and another write it at the same time; two that wait for the same direction are
 * refused with `BusyError`. `using` closes it at the end of a block.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { connect, listen } from "@vais/runtime/reactor";
 *
 * const listener = listen({ hostname: "127.0.0.1", port: 0 });
 * const client = await connect(listener.addr);
 * const server = await listener.accept();
 * await client.writeAll(new TextEncoder().encode("ping"));
 * client.closeWrite();
 * const text = await new Response(server.readable).text(); // to the end
 * assertEquals(text, "ping");
 * for (const one of [client, server, listener]) one.close();
 * ```
 */
export class FdStream extends OwnedFd implements AsyncIterable<Uint8Array> {
  readonly #isSocket: boolean;
  readonly #drains: boolean;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  /**
   * Takes over a non-blocking descriptor, which must be open and be closed by nobody else.
   *
   * @param kind What it is. For `tcp` and `pipe` a short read means that all was read, which saves a
   * system call; a Unix socket (`socket`), a packet pipe or a terminal must not be called so.
   */
  constructor(fd: FdLike, kind?: StreamKind);
  /** @internal */
  constructor(fd: FdLike, kind: StreamKind, reactor: Reactor);
  constructor(fd: FdLike, kind: StreamKind = "other", reactor?: Reactor) {
    const number = checkFd(fd, "create FdStream");
    if (!["tcp", "socket", "pipe", "other"].includes(kind)) {
      throw new RangeError(
        `Cannot create FdStream: kind is ${kind} (must be tcp, socket, pipe or other)`,
      );
    }
    super(reactor ?? currentReactor(), number, reactor !== undefined);
    this.#isSocket = kind === "tcp" || kind === "socket";
    this.#drains = kind === "tcp" || kind === "pipe";
  }

  /**
   * Reads what is there, up to the buffer's length; waits while there is nothing.
   *
   * @returns Bytes read; 0 at the end
   * @throws {IoError} `ECONNRESET`, `ETIMEDOUT`…
   * @throws {BusyError} If somebody else waits to read it
   * @throws {ClosedError} If it is closed, also meanwhile
   */
  read(buffer: Uint8Array): Future<number> {
    return new StreamRead(this, checkBuffer(buffer, "read"), this.#drains, false);
  }

  /** Reads until the buffer is full; answers less than its length only at the end. See {@linkcode read}. */
  readFull(buffer: Uint8Array): Future<number> {
    return new StreamRead(this, checkBuffer(buffer, "read"), this.#drains, true);
  }

  /**
   * Writes as much as is taken at once, at least a byte; waits while nothing is.
   *
   * @param length How many of the buffer's first bytes; default all. Cheaper than a `subarray`.
   * @returns Bytes written
   * @throws {IoError} `EPIPE` or `ECONNRESET` when the other side is gone
   * @throws {BusyError} If somebody else waits to write it
   * @throws {ClosedError} If it is closed, also meanwhile
   */
  write(buffer: Uint8Array, length?: number): Future<number> {
    const bytes = checkLength(checkBuffer(buffer, "write"), length, "write");
    return new StreamWrite(this, buffer, bytes, this.#isSocket, false);
  }

  /** Writes all of it; answers how much that was. Cancelled, an unknown part of it was written. */
  writeAll(buffer: Uint8Array, length?: number): Future<number> {
    const bytes = checkLength(checkBuffer(buffer, "write"), length, "write");
    return new StreamWrite(this, buffer, bytes, this.#isSocket, true);
  }

  /** Tells the other side that nothing more is written (sockets); it then reads to the end. */
  closeWrite(): void {
    this.shutdown("write");
  }

  /**
   * Ends one or both directions of a socket, also for other holders of it.
   *
   * @throws {IoError} `ENOTCONN`, `ENOTSOCK`
   */
  shutdown(how: "read" | "write" | "both"): void {
    this.mustBeOpen("shut down");
    const answer = this.reactor.loop.kernel.shutdown(this.fd, shutdownMode(how));
    if (answer < 0) throw new IoError("shutdown", -answer, this.fd);
  }

  /** Sends small writes at once (TCP), which is the default, or lets them wait for more (Nagle). */
  setNoDelay(on = true): void {
    this.mustBeOpen("set no delay");
    const { kernel } = this.reactor.loop;
    const value = new Int32Array([on ? 1 : 0]);
    const answer = kernel.setsockopt(this.fd, IPPROTO_TCP, TCP_NODELAY, value);
    if (answer < 0) throw new IoError("setsockopt", -answer, this.fd);
  }

  /** Where this end is. */
  get localAddr(): SocketAddress {
    this.mustBeOpen("tell the address of");
    return nameOf(this.reactor, this.fd, "getsockname");
  }

  /** Where the other end is. */
  get remoteAddr(): SocketAddress {
    this.mustBeOpen("tell the address of");
    return nameOf(this.reactor, this.fd, "getpeername");
  }

  /** Chunks until the end, or until it is closed, each in a buffer of its own. Does not close it. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const chunk of untilClosed(this, () => this.#chunk())) {
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  async #chunk(): Promise<Uint8Array | undefined> {
    const buffer = new Uint8Array(CHUNK_BYTES);
    const n = await this.read(buffer);
    if (n === 0) return undefined;
    // A small chunk must not keep a large buffer alive.
    return n < CHUNK_BYTES / 2 ? buffer.slice(0, n) : buffer.subarray(0, n);
  }

  /**
   * What can be read, as a web stream. Cancelling it closes the stream.
   *
   * Use either this or {@linkcode read}.
   */
  get readable(): ReadableStream<Uint8Array> {
    return this.#readable ??= new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const chunk = await this.#chunk();
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: () => this.close(),
    }, { highWaterMark: 0 });
  }

  /**
   * What can be written, as a web stream. Closing it ends the writing direction; aborting it closes
   * the stream.
   */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= new WritableStream<Uint8Array>({
      write: async (chunk) => {
        await this.writeAll(chunk);
      },
      close: () => {
        if (this.#isSocket) this.closeWrite();
        else this.close();
      },
      abort: () => this.close(),
    });
  }
}

/** The kernel's number for a way to shut down. */
export function shutdownMode(how: string): number {
  const mode = SHUTDOWN_MODES.indexOf(how);
  if (mode >= 0) return mode;
  throw new RangeError(`Cannot shut down: how is ${how} (must be read, write or both)`);
}

/** The address of one end of a socket. */
export function nameOf(
  { loop: { kernel } }: Reactor,
  fd: number,
  call: "getsockname" | "getpeername",
): SocketAddress {
  const bytes = new Uint8Array(ADDRESS_BYTES);
  const length = new Int32Array([ADDRESS_BYTES]);
  const answer = kernel[call](fd, bytes, length);
  if (answer < 0) throw new IoError(call, -answer, fd);
  return decodeAddress(kernel.platform, bytes, length[0]!);
}

/** One read of a stream. */
class StreamRead extends OwnedOp<number> {
  readonly #buffer: Uint8Array;
  readonly #length: number;
  /** A short read means that all was read. */
  readonly #drains: boolean;
  readonly #full: boolean;
  #got = 0;

  constructor(own: OwnedFd, buffer: Uint8Array, drains: boolean, full: boolean) {
    super(own, READABLE);
    this.#buffer = buffer;
    this.#length = buffer.byteLength;
    this.#drains = drains;
    this.#full = full;
  }

  protected attempt(): Poll<number> {
    const source = this.settle("read");
    const { kernel } = this.reactor.loop;
    checkSameLength(this.#buffer, this.#length, "read");
    if (this.#length === 0) return 0;
    for (;;) {
      if (source.drained) return PENDING;
      const buffer = this.#got === 0 ? this.#buffer : this.#buffer.subarray(this.#got);
      const n = kernel.read(this.fd, buffer);
      if (n > 0) {
        if (
          this.#drains && n < buffer.byteLength && !source.ended && (source.armed & READABLE) !== 0
        ) source.drained = true;
        this.#got += n;
        if (!this.#full || this.#got === this.#length) return this.#got;
      } else if (n === 0) return this.#got;
      else if (n === -kernel.platform.EAGAIN) return PENDING;
      else if (n !== -EINTR) throw new IoError("read", -n, this.fd);
    }
  }
}

/** One write to a stream. */
class StreamWrite extends OwnedOp<number> {
  readonly #buffer: Uint8Array;
  readonly #length: number;
  readonly #isSocket: boolean;
  readonly #all: boolean;
  #written = 0;

  constructor(own: OwnedFd, buffer: Uint8Array, length: number, isSocket: boolean, all: boolean) {
    super(own, WRITABLE);
    this.#buffer = buffer;
    this.#length = length;
    this.#isSocket = isSocket;
    this.#all = all;
  }

  protected attempt(): Poll<number> {
    this.settle("write");
    const { kernel } = this.reactor.loop;
    checkSameLength(this.#buffer, this.#length, "write");
    for (;;) {
      const written = this.#written;
      const left = this.#length - written;
      if (this.#all && left === 0) return written;
      // A view is dear (0.2 µs); most writes need none.
      const buffer = written === 0 ? this.#buffer : this.#buffer.subarray(written);
      const n = this.#isSocket
        ? kernel.send(this.fd, buffer, kernel.platform.MSG_NOSIGNAL, left)
        : kernel.write(this.fd, buffer, left);
      if (n >= 0) {
        this.#written = written + n;
        if (!this.#all || n === left) return written + n;
      } else if (n === -kernel.platform.EAGAIN) return PENDING;
      else if (n !== -EINTR) throw new IoError("write", -n, this.fd);
    }
  }
}
