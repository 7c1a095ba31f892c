/**
 * Datagrams: UDP over IPv4 and IPv6.
 *
 * @module
 */

import type { Future } from "../runtime/future.ts";
import { PENDING, type Poll } from "../runtime/poll.ts";
import { ADDRESS_BYTES, checkAddress, decodeAddress, isUnix, type NetAddress } from "./address.ts";
import { EINTR } from "./errno.ts";
import { IoError } from "./errors.ts";
import { checkBuffer } from "./fd_ops.ts";
import { OwnedFd, OwnedOp } from "./owned_fd.ts";
import { READABLE, WRITABLE } from "./poller.ts";
import { currentReactor } from "./reactor_runtime.ts";
import { encode, mustSucceed, openSocket, textOf } from "./sockets.ts";
import { nameOf } from "./stream.ts";

const SOCK_DGRAM = 2;

/** A datagram that came. */
export interface Datagram {
  /** Bytes of it in the buffer; what did not fit is lost. */
  readonly length: number;
  /** Who sent it. */
  readonly from: NetAddress;
}

/** How to bind a datagram socket. */
export interface UdpOptions {
  /** May send to broadcast addresses. */
  readonly broadcast?: boolean;
  /** Several sockets may have the same address. */
  readonly reuseAddress?: boolean;
}

/**
 * Opens a datagram socket.
 *
 * @param address Port 0, the default: any free one. The default host name is every IPv4 address.
 * @throws {IoError} `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`
 * @throws {RangeError} If the host name is no numeric address
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { bindUdp } from "@vais/runtime/reactor";
 *
 * using a = bindUdp({ hostname: "127.0.0.1", port: 0 });
 * using b = bindUdp({ hostname: "127.0.0.1", port: 0 });
 * await a.send(new Uint8Array([7]), b.addr);
 * const buffer = new Uint8Array(1_500);
 * const { length, from } = await b.recv(buffer);
 * assertEquals([length, buffer[0], from.port], [1, 7, a.addr.port]);
 * ```
 */
export function bindUdp(
  address: Partial<NetAddress> = {},
  options: UdpOptions = {},
): DatagramSocket {
  const checked = checkAddress({ port: 0, ...address }, "bind");
  if (isUnix(checked)) throw new TypeError("Cannot bind: address is a path (must have a port)");
  const at = { ...checked, hostname: checked.hostname || "0.0.0.0" };
  const reactor = currentReactor();
  const { kernel } = reactor.loop;
  const { SOL_SOCKET, SO_BROADCAST, SO_REUSEADDR } = kernel.platform;
  const { family, bytes } = encode(kernel, at, "bind");
  const fd = openSocket(reactor, family, SOCK_DGRAM, (fd) => {
    const set = (option: number) =>
      mustSucceed(
        kernel.setsockopt(fd, SOL_SOCKET, option, new Int32Array([1])),
        "setsockopt",
        fd,
      );
    if (options.broadcast) set(SO_BROADCAST);
    if (options.reuseAddress) set(SO_REUSEADDR);
    mustSucceed(kernel.bind(fd, bytes), "bind", fd, `to ${textOf(at)}`);
  });
  return new DatagramSocket(reactor, fd);
}

/** A datagram socket; made by {@linkcode bindUdp}. */
export class DatagramSocket extends OwnedFd {
  /** Where it is bound. */
  get addr(): NetAddress {
    this.mustBeOpen("tell the address of");
    return nameOf(this.reactor, this.fd, "getsockname") as NetAddress;
  }

  /**
   * The next datagram; waits for one. Cancelled, none is lost.
   *
   * @throws {BusyError} If somebody else waits for one
   * @throws {ClosedError} If it is closed, also meanwhile
   */
  recv(buffer: Uint8Array): Future<Datagram> {
    return new RecvFrom(this, checkBuffer(buffer, "recv"));
  }

  /**
   * Sends one datagram, whole; waits while the system takes none. May get lost on the way.
   *
   * @returns Its length
   * @throws {IoError} `EMSGSIZE`, `ENETUNREACH`…; `ECONNREFUSED` of an earlier one
   */
  send(buffer: Uint8Array, to: NetAddress): Future<number> {
    const address = checkAddress(to, "send");
    const { bytes } = encode(this.reactor.loop.kernel, address, "send");
    return new SendTo(this, checkBuffer(buffer, "send"), bytes);
  }
}

class RecvFrom extends OwnedOp<Datagram> {
  readonly #buffer: Uint8Array;

  constructor(own: OwnedFd, buffer: Uint8Array) {
    super(own, READABLE);
    this.#buffer = buffer;
  }

  protected attempt(): Poll<Datagram> {
    this.settle("recv");
    const { kernel } = this.reactor.loop;
    const address = new Uint8Array(ADDRESS_BYTES);
    const size = new Int32Array(1);
    for (;;) {
      size[0] = ADDRESS_BYTES;
      const n = kernel.recvfrom(this.fd, this.#buffer, 0, address, size);
      if (n >= 0) {
        const from = decodeAddress(kernel.platform, address, size[0]!) as NetAddress;
        return { length: n, from };
      }
      if (n === -kernel.platform.EAGAIN) return PENDING;
      if (n !== -EINTR) throw new IoError("recvfrom", -n, this.fd);
    }
  }
}

class SendTo extends OwnedOp<number> {
  readonly #buffer: Uint8Array;
  readonly #address: Uint8Array;

  constructor(own: OwnedFd, buffer: Uint8Array, address: Uint8Array) {
    super(own, WRITABLE);
    this.#buffer = buffer;
    this.#address = address;
  }

  protected attempt(): Poll<number> {
    this.settle("send");
    const { kernel } = this.reactor.loop;
    const { MSG_NOSIGNAL, EAGAIN } = kernel.platform;
    for (;;) {
      const n = kernel.sendto(this.fd, this.#buffer, MSG_NOSIGNAL, this.#address);
      if (n >= 0) return n;
      if (n === -EAGAIN) return PENDING;
      if (n !== -EINTR) throw new IoError("sendto", -n, this.fd);
    }
  }
}
