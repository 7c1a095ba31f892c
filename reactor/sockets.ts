/**
 * Connecting, and calls on connected sockets: TCP over IPv4 and IPv6, and Unix sockets.
 *
 * @module
 */

import { ClosedError } from "../runtime/errors.ts";
import { Future } from "../runtime/future.ts";
import { PENDING, type Poll } from "../runtime/poll.ts";
import {
  checkAddress,
  encodeAddress,
  isUnix,
  type NetAddress,
  type SocketAddress,
} from "./address.ts";
import { EINTR } from "./errno.ts";
import { IoError } from "./errors.ts";
import { FdOp, type Reactor } from "./fd_op.ts";
import { checkBuffer } from "./fd_ops.ts";
import type { Kernel } from "./kernel.ts";
import { READABLE, WRITABLE } from "./poller.ts";
import { checkFd, checkInt, currentReactor, type FdLike } from "./reactor_runtime.ts";
import { resolveName } from "./resolve.ts";
import { FdStream, IPPROTO_TCP, shutdownMode, TCP_NODELAY } from "./stream.ts";

export const SOCK_STREAM = 1;
const ON = new Int32Array([1]);

/** An address in the kernel's form; a name that is not numeric is an error. */
export function encode(kernel: Kernel, address: SocketAddress, action: string): {
  family: number;
  bytes: Uint8Array;
} {
  const encoded = encodeAddress(kernel.platform, address);
  if (encoded !== undefined) return encoded;
  throw new RangeError(
    `Cannot ${action}: hostname is ${
      JSON.stringify((address as NetAddress).hostname)
    } (must be a numeric address)`,
  );
}

/** Makes a socket for an address, and lets `use` bind or connect it; closes it when that throws. */
export function openSocket(
  { loop: { kernel } }: Reactor,
  family: number,
  type: number,
  use: (fd: number) => void,
): number {
  const fd = kernel.socket(family, type);
  if (fd < 0) throw new IoError("socket", -fd);
  try {
    use(fd);
  } catch (error) {
    kernel.close(fd);
    throw error;
  }
  return fd;
}

/** Throws what a call on `fd` answered, if that is an error. */
export function mustSucceed(answer: number, syscall: string, fd: number, what = ""): void {
  if (answer < 0) throw new IoError(syscall, -answer, fd, what);
}

/** An address as text, for errors. */
export function textOf(address: SocketAddress): string {
  if (isUnix(address)) return JSON.stringify(address.path);
  const { hostname, port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/**
 * Connects to a TCP or Unix socket.
 *
 * A host name is resolved by the host; its addresses are tried in order. Small writes are sent at
 * once (no Nagle); `setNoDelay(false)` changes that. Cancelled, the attempt is
 * given up and its descriptor closed.
 *
 * @returns The connection; close it. One that is dropped unseen (a branch of `Future.all` beside one
 * that failed) stays open.
 * @throws {IoError} `ECONNREFUSED`, `ETIMEDOUT`, `ENOENT`…; of several addresses, the last one's;
 * `EAGAIN` when a Unix socket's backlog is full. What resolves names throws the host's own error.
 *
 * @example
 * ```ts ignore
 * using connection = await connect({ hostname: "example.com", port: 80 });
 * ```
 */
export function connect(address: SocketAddress): Future<FdStream> {
  const to = checkAddress(address, "connect");
  const reactor = currentReactor();
  const resolved: SocketAddress = isUnix(to) ? to : { ...to, hostname: to.hostname || "127.0.0.1" };
  if (encodeAddress(reactor.loop.kernel.platform, resolved) !== undefined) {
    return new Connect(reactor, resolved);
  }
  const { hostname, port } = resolved as NetAddress;
  return Future.from(resolveName(hostname)).andThen((hostnames) => {
    const attempts = hostnames.map((one) => () => new Connect(reactor, { hostname: one, port }));
    return attempts.slice(1).reduce<Future<FdStream>>(
      (before, next) => orElse(before, next),
      attempts[0]!(),
    );
  });
}

function orElse<T>(first: Future<T>, second: () => Future<T>): Future<T> {
  return first
    .map((value): () => Future<T> => () => Future.ready(value))
    .catch((error): () => Future<T> => {
      if (error instanceof IoError) return second;
      throw error;
    })
    .andThen((next) => next());
}

/** One attempt to connect to one address. */
class Connect extends FdOp<FdStream> {
  readonly #address: SocketAddress;

  constructor(reactor: Reactor, address: SocketAddress) {
    super(reactor, -1, WRITABLE);
    this.#address = address;
  }

  protected attempt(): Poll<FdStream> {
    const { kernel, sources } = this.reactor.loop;
    const { EINPROGRESS, SOL_SOCKET, SO_ERROR } = kernel.platform;
    let answer = 0;
    if (this.fd < 0) {
      const { family, bytes } = encode(kernel, this.#address, "connect");
      const fd = kernel.socket(family, SOCK_STREAM);
      if (fd < 0) throw new IoError("socket", -fd);
      this.fd = fd;
      sources.own(fd);
      if (!isUnix(this.#address)) kernel.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ON);
      answer = kernel.connect(fd, bytes);
      if (answer === -EINPROGRESS || answer === -EINTR) return PENDING;
    } else {
      const value = new Int32Array(1);
      answer = kernel.getsockopt(this.fd, SOL_SOCKET, SO_ERROR, value);
      if (answer === 0) answer = -value[0]!;
      if (answer === 0 && !this.hasFired) return PENDING;
    }
    if (answer < 0) {
      throw new IoError("connect", -answer, this.fd, `to ${textOf(this.#address)}`);
    }
    const { fd } = this;
    this.fd = -1;
    return new FdStream(fd, isUnix(this.#address) ? "socket" : "tcp", this.reactor);
  }

  protected override giveUp(): void {
    const { fd } = this;
    if (fd < 0) return;
    this.fd = -1;
    const { loop } = this.reactor;
    loop.forget(fd, new ClosedError(`Cannot connect fd ${fd}: given up`));
    loop.kernel.close(fd);
  }

  override describe(): string {
    return `connect to ${textOf(this.#address)}`;
  }
}

/** One recv or send. */
class Transfer extends FdOp<number> {
  readonly #call: "recv" | "send";
  readonly #buffer: Uint8Array;
  readonly #flags: number;

  constructor(
    reactor: Reactor,
    fd: number,
    call: "recv" | "send",
    buffer: Uint8Array,
    flags: number,
  ) {
    super(reactor, fd, call === "recv" ? READABLE : WRITABLE);
    this.#call = call;
    this.#buffer = buffer;
    this.#flags = flags;
  }

  protected attempt(): Poll<number> {
    const { kernel } = this.reactor.loop;
    for (;;) {
      const n = kernel[this.#call](this.fd, this.#buffer, this.#flags);
      if (n >= 0) return n;
      if (n === -kernel.platform.EAGAIN) return PENDING;
      if (n !== -EINTR) throw new IoError(this.#call, -n, this.fd);
    }
  }
}

/** Receives from a connected socket; 0 at the end. As `read`, with the system's `MSG_` flags. */
export function recv(fd: FdLike, buffer: Uint8Array, flags = 0): Future<number> {
  const number = checkFd(fd, "recv");
  checkInt(flags, "recv", "flags");
  return new Transfer(currentReactor(), number, "recv", checkBuffer(buffer, "recv"), flags);
}

/** Sends to a connected socket; a broken connection is an `IoError`, never a signal. As `write`. */
export function send(fd: FdLike, buffer: Uint8Array, flags = 0): Future<number> {
  const reactor = currentReactor();
  const number = checkFd(fd, "send");
  checkInt(flags, "send", "flags");
  const all = flags | reactor.loop.kernel.platform.MSG_NOSIGNAL;
  return new Transfer(reactor, number, "send", checkBuffer(buffer, "send"), all);
}

/** Ends one or both directions of a socket. */
export function shutdown(fd: FdLike, how: "read" | "write" | "both"): void {
  const number = checkFd(fd, "shutdown");
  const mode = shutdownMode(how);
  mustSucceed(currentReactor().loop.kernel.shutdown(number, mode), "shutdown", number);
}

/** Two connected streams of this process: what is written to one is read from the other. */
export function streamPair(): [FdStream, FdStream] {
  const reactor = currentReactor();
  const { kernel } = reactor.loop;
  const ends = new Int32Array(2);
  mustSucceed(kernel.socketpair(kernel.platform.AF_UNIX, SOCK_STREAM, ends), "socketpair", -1);
  return [new FdStream(ends[0]!, "socket", reactor), new FdStream(ends[1]!, "socket", reactor)];
}
