/**
 * Stream sockets of a simulated kernel: all connections are within it.
 *
 * They close as Unix sockets do on Linux, those with an internet address too: a peer that is closed
 * with bytes it did not read leaves `ECONNRESET`, and nothing can be written to it. A connection
 * with an internet address is made at once but answers `EINPROGRESS`, as it does on a real network.
 *
 * @module
 */

import { FAILED, HANGUP, READABLE, WRITABLE } from "../reactor/poller.ts";
import { ERRNO, SimulatedFile } from "./simulated_file.ts";

/** `how` of `shutdown`. */
const SHUT_WR = 1;
const SHUT_RDWR = 2;

const NEW = 0;
const LISTENING = 1;
const CONNECTED = 2;
const REFUSED = 3;

/** A stream socket. */
export class StreamSocket extends SimulatedFile {
  readonly family: number;
  /** Bytes that are taken from the peer before it must wait. */
  readonly capacity: number;
  /** Where it is; at first only the family. */
  address: Uint8Array;
  /** Where its peer is. */
  peerAddress: Uint8Array | undefined;
  #state = NEW;
  #peer: StreamSocket | undefined;
  /** What the peer wrote, one piece for each write. */
  readonly #inbox: Uint8Array[] = [];
  #inboxBytes = 0;
  #error = 0;
  #noMoreToRead = false;
  #noMoreToWrite = false;
  /** Connections nobody accepted yet. */
  readonly #queue: StreamSocket[] = [];

  /** A socket that is not connected. */
  constructor(family: number, capacity: number) {
    super();
    this.family = family;
    this.capacity = capacity;
    this.address = new Uint8Array([family & 255, family >> 8]);
  }

  /** Connects two sockets with each other. */
  static join(a: StreamSocket, b: StreamSocket): void {
    for (const [one, other] of [[a, b], [b, a]] as const) {
      one.#state = CONNECTED;
      one.#peer = other;
      one.peerAddress = other.address;
    }
    a.changed();
    b.changed();
  }

  get isListening(): boolean {
    return this.#state === LISTENING;
  }

  get isConnected(): boolean {
    return this.#state === CONNECTED;
  }

  ready(interest: number): number {
    const reads = interest & READABLE;
    const writes = interest & WRITABLE;
    const failed = this.#error === 0 ? 0 : FAILED;
    switch (this.#state) {
      case LISTENING:
        return this.#queue.length > 0 ? reads : 0;
      case NEW:
        return writes | HANGUP;
      case REFUSED:
        return reads | writes | HANGUP | failed;
    }
    let ready = failed;
    if (this.#inboxBytes > 0 || this.#noMoreToRead) ready |= reads;
    if (this.#noMoreToRead && (reads !== 0 || this.#noMoreToWrite)) ready |= HANGUP;
    // A quarter of the room: else each few bytes read would wake the writer.
    if (this.#peer === undefined || this.#peer.#inboxBytes * 4 <= this.#peer.capacity) {
      ready |= writes;
    }
    return ready;
  }

  override get available(): number {
    return this.#inboxBytes;
  }

  override read(buffer: Uint8Array, peek = false): number {
    if (buffer.byteLength === 0) return 0;
    if (this.#inboxBytes === 0) {
      if (this.#error !== 0) return -this.takeError();
      if (this.#noMoreToRead) return 0;
      return this.#state === CONNECTED ? -ERRNO.EAGAIN : -ERRNO.ENOTCONN;
    }
    const inbox = this.#inbox;
    let n = 0;
    for (let i = 0; n < buffer.byteLength && i < inbox.length;) {
      const piece = inbox[i]!;
      const taken = Math.min(buffer.byteLength - n, piece.byteLength);
      buffer.set(piece.subarray(0, taken), n);
      n += taken;
      if (peek) i++;
      else if (taken === piece.byteLength) inbox.shift();
      else inbox[i] = piece.subarray(taken);
    }
    if (!peek) this.#inboxBytes -= n;
    this.changed();
    this.#peer?.changed();
    return n;
  }

  override write(bytes: Uint8Array): number {
    if (this.#noMoreToWrite) return -ERRNO.EPIPE;
    const peer = this.#peer;
    if (peer === undefined) return -ERRNO.ENOTCONN;
    const n = Math.min(bytes.byteLength, peer.capacity - peer.#inboxBytes);
    if (n === 0) return bytes.byteLength === 0 ? 0 : -ERRNO.EAGAIN;
    peer.#inbox.push(bytes.slice(0, n));
    peer.#inboxBytes += n;
    this.changed();
    peer.changed();
    return n;
  }

  /** See `Kernel.shutdown`. */
  shutdown(how: number): number {
    if (this.#state !== CONNECTED) return -ERRNO.ENOTCONN;
    if (how < 0 || how > SHUT_RDWR) return -ERRNO.EINVAL;
    this.#stop(how !== SHUT_WR, how >= SHUT_WR);
    const peer = this.#peer;
    if (peer !== undefined) peer.#stop(how >= SHUT_WR, how !== SHUT_WR);
    return 0;
  }

  #stop(reading: boolean, writing: boolean): void {
    this.#noMoreToRead ||= reading;
    this.#noMoreToWrite ||= writing;
    this.changed();
  }

  /** The error that is left for `SO_ERROR`, which is gone then. */
  takeError(): number {
    const error = this.#error;
    this.#error = 0;
    this.changed();
    return error;
  }

  /** See `Kernel.listen`. */
  listen(): number {
    if (this.#state > LISTENING) return -ERRNO.EINVAL;
    this.#state = LISTENING;
    this.changed();
    return 0;
  }

  /** The oldest connection nobody has accepted, or `-errno`. */
  accept(): StreamSocket | number {
    if (this.#state !== LISTENING) return -ERRNO.EINVAL;
    const socket = this.#queue.shift();
    this.changed();
    return socket ?? -ERRNO.EAGAIN;
  }

  /** Connects to a listener; refused when there is none. */
  connect(listener: StreamSocket | undefined): void {
    if (listener === undefined) {
      this.#state = REFUSED;
      this.#error = ERRNO.ECONNREFUSED;
      this.#stop(true, true);
      return;
    }
    const other = new StreamSocket(this.family, listener.capacity);
    other.address = listener.address;
    StreamSocket.join(this, other);
    listener.#queue.push(other);
    listener.changed();
  }

  override close(): void {
    for (const socket of this.#queue.splice(0)) socket.#reset();
    const peer = this.#peer;
    this.#peer = undefined;
    if (peer === undefined) return;
    peer.#peer = undefined;
    if (this.#inboxBytes > 0) peer.#error = ERRNO.ECONNRESET;
    peer.#stop(true, true);
  }

  /** Was never accepted: its peer hears of it. */
  #reset(): void {
    if (this.#peer !== undefined) this.#peer.#error = ERRNO.ECONNRESET;
    this.close();
  }
}
