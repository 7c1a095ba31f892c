/**
 * Reading, writing and closing descriptors.
 *
 * Each operation tries the system call first and waits only when it would block. `EINTR` is
 * repeated; any other errno is an `IoError`. The buffer is read or written in place: it belongs to
 * the operation until that has ended.
 *
 * @module
 */

import { checkInteger, typeOf } from "../runtime/clock.ts";
import { ClosedError } from "../runtime/errors.ts";
import type { Future } from "../runtime/future.ts";
import { PENDING, type Poll } from "../runtime/poll.ts";
import { EINTR } from "./errno.ts";
import { IoError } from "./errors.ts";
import { FdOp, type Reactor } from "./fd_op.ts";
import { forgetEverywhere, type LoopCore } from "./loop_core.ts";
import { READABLE, WRITABLE } from "./poller.ts";
import { checkFd, checkInt, currentReactor, type FdLike } from "./reactor_runtime.ts";

/** One read: of what there is, or until the buffer is full. */
class Read extends FdOp<number> {
  readonly #buffer: Uint8Array;
  readonly #length: number;
  readonly #full: boolean;
  #got = 0;

  constructor(reactor: Reactor, fd: number, buffer: Uint8Array, full: boolean) {
    super(reactor, fd, READABLE);
    this.#buffer = buffer;
    this.#length = buffer.byteLength;
    this.#full = full;
  }

  protected attempt(): Poll<number> {
    const { kernel } = this.reactor.loop;
    checkSameLength(this.#buffer, this.#length, "read");
    while (!this.#full || this.#got < this.#length) {
      const got = this.#got;
      const n = kernel.read(this.fd, got === 0 ? this.#buffer : this.#buffer.subarray(got));
      if (n > 0 && this.#full) this.#got = got + n;
      else if (n >= 0) return got + n;
      else if (n === -kernel.platform.EAGAIN) return PENDING;
      else if (n !== -EINTR) throw new IoError("read", -n, this.fd);
    }
    return this.#got;
  }
}

/** One write: of what the descriptor takes, or until nothing is left. */
class Write extends FdOp<number> {
  readonly #buffer: Uint8Array;
  readonly #length: number;
  readonly #all: boolean;
  #written = 0;

  constructor(reactor: Reactor, fd: number, buffer: Uint8Array, length: number, all: boolean) {
    super(reactor, fd, WRITABLE);
    this.#buffer = buffer;
    this.#length = length;
    this.#all = all;
  }

  protected attempt(): Poll<number> {
    const { kernel } = this.reactor.loop;
    checkSameLength(this.#buffer, this.#length, "write");
    while (!this.#all || this.#written < this.#length) {
      const written = this.#written;
      const buffer = written === 0 ? this.#buffer : this.#buffer.subarray(written);
      const n = kernel.write(this.fd, buffer, this.#length - written);
      if (n >= 0 && this.#all) this.#written = written + n;
      else if (n >= 0) return n;
      else if (n === -kernel.platform.EAGAIN) return PENDING;
      else if (n !== -EINTR) throw new IoError("write", -n, this.fd);
    }
    return this.#written;
  }
}

function readInto(fd: FdLike, buffer: Uint8Array, full: boolean): Future<number> {
  return new Read(currentReactor(), checkFd(fd, "read"), checkBuffer(buffer, "read"), full);
}

function writeFrom(
  fd: FdLike,
  buffer: Uint8Array,
  length: number | undefined,
  all: boolean,
): Future<number> {
  const number = checkFd(fd, "write");
  const bytes = checkLength(checkBuffer(buffer, "write"), length, "write");
  return new Write(currentReactor(), number, buffer, bytes, all);
}

/**
 * Reads what is there, up to the buffer's length; waits while there is nothing.
 *
 * The descriptor must not block: those made here do not; see {@linkcode setNonBlocking}.
 *
 * @returns Bytes read; 0 at the end
 * @throws {IoError} For any errno but `EAGAIN` and `EINTR`
 * @throws {BusyError} If somebody else waits to read it
 * @throws {ClosedError} When it is closed meanwhile, by {@linkcode close}
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { close, pipe, read, write } from "@vais/runtime/reactor";
 *
 * const { readFd, writeFd } = pipe();
 * await write(writeFd, new Uint8Array([1, 2, 3]));
 * const buffer = new Uint8Array(8);
 * assertEquals(await read(readFd, buffer), 3);
 * close(writeFd);
 * assertEquals(await read(readFd, buffer), 0);
 * close(readFd);
 * ```
 */
export function read(fd: FdLike, buffer: Uint8Array): Future<number> {
  return readInto(fd, buffer, false);
}

/**
 * Writes as much as the descriptor takes at once, at least a byte; waits while it takes nothing.
 *
 * @param length How many of the buffer's first bytes; default all. Cheaper than a `subarray`.
 * @returns Bytes written
 * @throws {IoError} For any errno but `EAGAIN` and `EINTR`; `EPIPE` when nobody can read it
 * @throws {BusyError} If somebody else waits to write it
 * @throws {ClosedError} When it is closed meanwhile, by {@linkcode close}
 */
export function write(fd: FdLike, buffer: Uint8Array, length?: number): Future<number> {
  return writeFrom(fd, buffer, length, false);
}

/**
 * Reads until the buffer is full. Cancelled, what came so far is in the buffer.
 *
 * @returns Bytes read: less than the buffer's length only when the end came first
 * @throws As {@linkcode read}
 */
export function readFull(fd: FdLike, buffer: Uint8Array): Future<number> {
  return readInto(fd, buffer, true);
}

/**
 * Writes all of it. Cancelled, an unknown part of it was written.
 *
 * @param length How many of the buffer's first bytes; default all
 * @returns Bytes written: as many
 * @throws As {@linkcode write}
 */
export function writeAll(fd: FdLike, buffer: Uint8Array, length?: number): Future<number> {
  return writeFrom(fd, buffer, length, true);
}

/**
 * Closes a descriptor: first whoever waits for it is woken by `ClosedError`, then it is closed.
 *
 * @throws {IoError} `EBADF` if it is not open, `EIO` if the device failed; it is closed then
 */
export function close(fd: FdLike): void {
  // What owns its descriptor must know that it is closed.
  if (typeof fd === "object" && fd !== null && "isClosed" in fd && "close" in fd) {
    checkFd(fd, "close");
    return (fd as unknown as { close(): void }).close();
  }
  closeIn(currentReactor(), checkFd(fd, "close"));
}

/** Closes a descriptor that a reactor knows. */
export function closeIn({ loop }: Reactor, fd: number): void {
  forgetEverywhere(fd, new ClosedError(`Cannot go on with fd ${fd}: it was closed`), loop);
  const answer = loop.kernel.close(fd);
  // Interrupted, it is closed nevertheless: repeating could close somebody else's.
  if (answer < 0 && answer !== -EINTR) throw new IoError("close", -answer, fd);
}

/** A pipe: what is written to `writeFd` is read from `readFd`. Neither blocks; close both. */
export function pipe(): { readFd: number; writeFd: number } {
  const { loop } = currentReactor();
  const ends = new Int32Array(2);
  const answer = loop.kernel.pipe(ends);
  if (answer < 0) throw new IoError("pipe", -answer);
  const [readFd, writeFd] = ends as unknown as [number, number];
  loop.sources.renew(readFd);
  loop.sources.renew(writeFd);
  return { readFd, writeFd };
}

/**
 * Linux: a counter, readable while it is not 0. Write and read 8 bytes, little-endian.
 *
 * @param initial Its value at first
 * @throws {UnsupportedError} Where there is none
 */
export function eventfd(initial = 0): number {
  const { loop } = currentReactor();
  return made(
    loop,
    "eventfd",
    loop.kernel.eventfd(checkInt(initial, "eventfd", "initial")),
  );
}

/** How to open a path. */
export interface OpenOptions {
  /** Default true. */
  readonly read?: boolean;
  /** Default false. */
  readonly write?: boolean;
  /** Writes go to the end. */
  readonly append?: boolean;
  /** Make it, if it is missing, with these permissions. */
  readonly create?: number;
}

/**
 * Opens a FIFO, a terminal, a device or a file, non-blocking. Files are always ready, and their
 * reads and writes block the thread for as long as the disk takes.
 *
 * @returns A descriptor; close it with {@linkcode close}
 * @throws {IoError} `ENOENT`, `EACCES`, `ENXIO` (a FIFO that nobody reads, opened for writing)…
 */
export function open(path: string, options: OpenOptions = {}): number {
  if (typeof path !== "string") {
    throw new TypeError(`Cannot open: path is ${typeOf(path)} (must be a string)`);
  }
  const { read = true, write = false, append = false, create } = options;
  const { loop } = currentReactor();
  const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_NOCTTY } = loop.kernel.platform;
  const writes = write || append;
  const flags = (writes ? read ? O_RDWR : O_WRONLY : O_RDONLY) | O_NOCTTY |
    (append ? O_APPEND : 0) | (create === undefined ? 0 : O_CREAT);
  return made(loop, "open", loop.kernel.open(path, flags, create ?? 0), JSON.stringify(path));
}

/** Makes a descriptor non-blocking, or blocking again. Its duplicates and other holders too. */
export function setNonBlocking(fd: FdLike, on = true): void {
  const { kernel } = currentReactor().loop;
  const number = checkFd(fd, "set non-blocking");
  const answer = kernel.setNonBlocking(number, on);
  if (answer < 0) throw new IoError("fcntl", -answer, number);
}

function made(loop: LoopCore, syscall: string, fd: number, what = ""): number {
  if (fd < 0) throw new IoError(syscall, -fd, -1, what);
  loop.sources.renew(fd);
  return fd;
}

/** Answers the buffer, if it is one. */
export function checkBuffer(buffer: Uint8Array, action: string): Uint8Array {
  if (buffer instanceof Uint8Array) return buffer;
  throw new TypeError(`Cannot ${action}: buffer is ${typeOf(buffer)} (must be a Uint8Array)`);
}

/** The buffer must still be as long as it was when the operation was made. */
export function checkSameLength(buffer: Uint8Array, length: number, action: string): void {
  if (buffer.byteLength >= length) return;
  throw new TypeError(
    `Cannot ${action}: the buffer was detached or made shorter meanwhile (it belongs to the operation until that has ended)`,
  );
}

/** How many of the buffer's first bytes are meant. */
export function checkLength(
  buffer: Uint8Array,
  length: number | undefined,
  action: string,
): number {
  if (length === undefined) return buffer.byteLength;
  checkInteger(length, 0, action, "length");
  if (length <= buffer.byteLength) return length;
  throw new RangeError(
    `Cannot ${action}: length is ${length} (must be at most the buffer's, ${buffer.byteLength})`,
  );
}
