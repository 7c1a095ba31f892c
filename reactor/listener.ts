/**
 * Listening and accepting: TCP over IPv4 and IPv6, and Unix sockets.
 *
 * @module
 */

import type { Future } from "../runtime/future.ts";
import { PENDING, type Poll } from "../runtime/poll.ts";
import { Sleep } from "../runtime/time.ts";
import { ADDRESS_BYTES, checkAddress, familyOf, isUnix, type SocketAddress } from "./address.ts";
import { EINTR } from "./errno.ts";
import { IoError } from "./errors.ts";
import { FdOp, type Reactor } from "./fd_op.ts";
import { OwnedFd, OwnedOp, untilClosed } from "./owned_fd.ts";
import { READABLE } from "./poller.ts";
import { checkFd, checkInt, currentReactor, type FdLike } from "./reactor_runtime.ts";
import { encode, mustSucceed, openSocket, SOCK_STREAM, textOf } from "./sockets.ts";
import { FdStream, IPPROTO_TCP, nameOf, TCP_NODELAY } from "./stream.ts";

const IPPROTO_IPV6 = 41;
const BACKLOG = 1_024;
const ECONNABORTED = { linux: 103, darwin: 53, freebsd: 53 };
/** The process, or the system, has no descriptors left. */
const NO_ROOM = ["EMFILE", "ENFILE"];
const NO_ROOM_PAUSE_MS = 50;

/** How to listen. */
export interface ListenOptions {
  /** Connections that may wait to be accepted. Default 1 024; the system may allow fewer. */
  readonly backlog?: number;
  /** Several processes or threads may listen at the same port, and share its connections. */
  readonly reusePort?: boolean;
  /** TCP: let small writes of its connections wait for more (Nagle). Default false. */
  readonly delay?: boolean;
  /** IPv6: refuse IPv4 connections. Default false. */
  readonly ipv6Only?: boolean;
}

/**
 * Listens for connections.
 *
 * @param address Port 0: any free port, see `Listener.addr`. The default host name, `""`, is every
 * IPv4 address. A Unix path must not exist.
 * @throws {IoError} `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`…
 * @throws {RangeError} If the host name is no numeric address
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { scope } from "@vais/runtime";
 * import { connect, listen } from "@vais/runtime/reactor";
 *
 * const listener = listen({ hostname: "127.0.0.1", port: 0 });
 * await scope(function* (s) {
 *   s.spawn(function* () {
 *     const connection = yield* listener.accept();
 *     const buffer = new Uint8Array(64);
 *     const n = yield* connection.read(buffer);
 *     yield* connection.writeAll(buffer, n); // echo
 *     connection.close();
 *   });
 *   const client = yield* connect(listener.addr);
 *   yield* client.writeAll(new Uint8Array([1, 2, 3]));
 *   const answer = new Uint8Array(3);
 *   assertEquals(yield* client.readFull(answer), 3);
 *   client.close();
 * });
 * listener.close();
 * ```
 */
export function listen(address: SocketAddress, options: ListenOptions = {}): Listener {
  const checked = checkAddress(address, "listen");
  const at: SocketAddress = isUnix(checked)
    ? checked
    : { ...checked, hostname: checked.hostname || "0.0.0.0" };
  const { backlog = BACKLOG, reusePort = false, ipv6Only = false, delay = false } = options;
  checkInt(backlog, "listen", "backlog");
  const reactor = currentReactor();
  const { kernel } = reactor.loop;
  const { SOL_SOCKET, SO_REUSEADDR, SO_REUSEPORT, AF_INET6, IPV6_V6ONLY } = kernel.platform;
  const { family, bytes } = encode(kernel, at, "listen");
  const fd = openSocket(reactor, family, SOCK_STREAM, (fd) => {
    const set = (level: number, option: number, on: boolean) =>
      mustSucceed(
        kernel.setsockopt(fd, level, option, new Int32Array([on ? 1 : 0])),
        "setsockopt",
        fd,
      );
    if (!isUnix(at)) {
      set(SOL_SOCKET, SO_REUSEADDR, true);
      // Its connections inherit this: nothing to be done for each.
      set(IPPROTO_TCP, TCP_NODELAY, !delay);
    }
    if (reusePort) set(SOL_SOCKET, SO_REUSEPORT, true);
    if (family === AF_INET6) set(IPPROTO_IPV6, IPV6_V6ONLY, ipv6Only);
    mustSucceed(kernel.bind(fd, bytes), "bind", fd, `to ${textOf(at)}`);
    mustSucceed(kernel.listen(fd, backlog), "listen", fd, `at ${textOf(at)}`);
  });
  return new Listener(reactor, fd);
}

/** A socket that listens; made by {@linkcode listen}. */
export class Listener extends OwnedFd implements AsyncIterable<FdStream> {
  /** Where it listens; with the port that was chosen. */
  get addr(): SocketAddress {
    this.mustBeOpen("tell the address of");
    return nameOf(this.reactor, this.fd, "getsockname");
  }

  /**
   * The next connection; waits for one. Connections that were aborted before are passed over.
   *
   * Cancelled, none is lost: it stays for the next accept.
   *
   * @throws {IoError} `EMFILE` when there are no descriptors left; the connection still waits
   * @throws {BusyError} If somebody else waits for one
   * @throws {ClosedError} If it is closed, also meanwhile
   */
  accept(): Future<FdStream> {
    return new Accept(this);
  }

  /**
   * Connections, for as long as it is open.
   *
   * When there are no descriptors left (`EMFILE`, `ENFILE`) it waits until some are closed, and
   * looks again every 50 ms: connections wait meanwhile, none is lost.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<FdStream> {
    yield* untilClosed(this, () => this.#acceptOnceRoom());
  }

  async #acceptOnceRoom(): Promise<FdStream> {
    for (;;) {
      try {
        return await this.accept();
      } catch (error) {
        if (!(error instanceof IoError && NO_ROOM.includes(error.code))) throw error;
      }
      await new Sleep(NO_ROOM_PAUSE_MS, this.reactor.host);
    }
  }
}

/** One accept by a listener. */
class Accept extends OwnedOp<FdStream> {
  constructor(own: OwnedFd) {
    super(own, READABLE);
  }

  protected attempt(): Poll<FdStream> {
    this.settle("accept");
    return acceptNow(this.reactor, this.fd);
  }

  /** Nobody has the connection. */
  override putBack(connection: FdStream): void {
    connection.close();
  }

  override describe(): string {
    return `accept on fd ${this.fd}`;
  }
}

/** One accept on a plain descriptor. */
class AcceptFd extends FdOp<FdStream> {
  protected attempt(): Poll<FdStream> {
    return acceptNow(this.reactor, this.fd);
  }

  /** Nobody has the connection. */
  override putBack(connection: FdStream): void {
    connection.close();
  }

  override describe(): string {
    return `accept on fd ${this.fd}`;
  }
}

const peerAddress = new Uint8Array(ADDRESS_BYTES);
const peerLength = new Int32Array(1);

function acceptNow(reactor: Reactor, fd: number): Poll<FdStream> {
  const { kernel } = reactor.loop;
  const { EAGAIN, os } = kernel.platform;
  for (;;) {
    peerLength[0] = ADDRESS_BYTES;
    const accepted = kernel.accept(fd, peerAddress, peerLength);
    if (accepted >= 0) {
      const isUnix = familyOf(kernel.platform, peerAddress) === kernel.platform.AF_UNIX;
      return new FdStream(accepted, isUnix ? "socket" : "tcp", reactor);
    }
    if (accepted === -EAGAIN) return PENDING;
    if (accepted !== -EINTR && accepted !== -ECONNABORTED[os]) {
      throw new IoError("accept", -accepted, fd);
    }
  }
}

/** As `Listener.accept`, on a descriptor that listens. */
export function accept(fd: FdLike): Future<FdStream> {
  return new AcceptFd(currentReactor(), checkFd(fd, "accept"), READABLE);
}
