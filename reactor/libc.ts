/**
 * The C library as a `Kernel`: opened when first needed, the same on three hosts.
 *
 * Each call is written out, so that the host's fast calls see one constant function per site.
 *
 * @module
 */

import { bindBun } from "./binding_bun.ts";
import { bindDeno, pathsOf } from "./binding_deno.ts";
import { bindKoffi } from "./binding_koffi.ts";
import { Epoll, ONE } from "./epoll.ts";
import { UnsupportedError } from "./errors.ts";
import type { Bytes, Kernel } from "./kernel.ts";
import { Kqueue, wakeKqueue } from "./kqueue.ts";
import { type Binding, type RawSymbols, signaturesFor } from "./libc_symbols.ts";
import { hostPlatform, type Platform, platformOf, requirePlatform } from "./platform.ts";
import type { Poller } from "./poller.ts";

const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const SYS_PIDFD_OPEN = 434;

/** How many bytes one call takes at most: what Linux itself allows. */
const MOST_BYTES = 0x7ffff000;

const encoder = new TextEncoder();

/** A path as C takes it. */
function cString(path: string): Uint8Array {
  if (path.includes("\0")) {
    throw new TypeError(`Cannot use path ${JSON.stringify(path)}: it has a NUL (must have none)`);
  }
  return encoder.encode(`${path}\0`);
}

function bytesOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/** System calls through the C library. */
export class Libc implements Kernel {
  readonly platform: Platform;
  readonly via: string;
  readonly #binding: Binding;
  readonly #c: RawSymbols;
  /** How `accept` and `pipe` give descriptors that do not block. */
  readonly #hasFlags: boolean;

  /** Over a binding; see {@linkcode openLibc}. */
  constructor(platform: Platform, binding: Binding) {
    this.platform = platform;
    this.via = binding.via;
    this.#binding = binding;
    this.#c = binding.symbols;
    this.#hasFlags = platform.SOCK_FLAGS !== 0;
  }

  createPoller(maxEvents: number): Poller {
    return this.platform.os === "linux"
      ? new Epoll(this.#binding, this.platform.arch, maxEvents)
      : new Kqueue(this.#binding, this.platform.os, maxEvents);
  }

  /** Ends a wait in the queue of this `wakeFd`, which another thread may have opened. */
  wakeQueue(wakeFd: number): void {
    if (this.platform.os === "linux") this.#c.write!(wakeFd, ONE, 8);
    else wakeKqueue(this.#binding, this.platform.os, wakeFd);
  }

  read(fd: number, buffer: Bytes): number {
    const n: number = this.#c.read!(fd, buffer, Math.min(buffer.byteLength, MOST_BYTES));
    return n < 0 ? -this.#binding.errno() : n;
  }

  write(fd: number, buffer: Bytes, length: number = buffer.byteLength): number {
    const n: number = this.#c.write!(fd, buffer, Math.min(length, MOST_BYTES));
    return n < 0 ? -this.#binding.errno() : n;
  }

  recv(fd: number, buffer: Bytes, flags: number): number {
    const n: number = this.#c.recv!(fd, buffer, Math.min(buffer.byteLength, MOST_BYTES), flags);
    return n < 0 ? -this.#binding.errno() : n;
  }

  send(fd: number, buffer: Bytes, flags: number, length: number = buffer.byteLength): number {
    const n: number = this.#c.send!(fd, buffer, Math.min(length, MOST_BYTES), flags);
    return n < 0 ? -this.#binding.errno() : n;
  }

  recvfrom(fd: number, buffer: Bytes, flags: number, address: Bytes, length: Int32Array): number {
    return this.#answer(
      this.#c.recvfrom!(fd, buffer, buffer.byteLength, flags, address, bytesOf(length)),
    );
  }

  sendto(fd: number, buffer: Bytes, flags: number, address: Bytes): number {
    return this.#answer(
      this.#c.sendto!(fd, buffer, buffer.byteLength, flags, address, address.byteLength),
    );
  }

  close(fd: number): number {
    return this.#answer(this.#c.close!(fd));
  }

  dup(fd: number): number {
    return this.#withCloseOnExec(this.#answer(this.#c.dup!(fd)));
  }

  open(path: string, flags: number, mode: number): number {
    const { O_NONBLOCK, O_CLOEXEC } = this.platform;
    const all = flags | O_NONBLOCK | O_CLOEXEC;
    return this.#answer(
      this.platform.variadicOnStack
        ? this.#c.open!(cString(path), all, 0, 0, 0, 0, 0, 0, mode)
        : this.#c.open!(cString(path), all, mode),
    );
  }

  setNonBlocking(fd: number, on: boolean): number {
    const { O_NONBLOCK } = this.platform;
    const flags = this.#fcntl(fd, F_GETFL, 0);
    if (flags < 0) return flags;
    const wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return wanted === flags ? 0 : this.#fcntl(fd, F_SETFL, wanted);
  }

  pipe(ends: Int32Array): number {
    const { O_NONBLOCK, O_CLOEXEC } = this.platform;
    if (this.#hasFlags) return this.#answer(this.#c.pipe2!(bytesOf(ends), O_NONBLOCK | O_CLOEXEC));
    const answer = this.#answer(this.#c.pipe!(bytesOf(ends)));
    if (answer < 0) return answer;
    for (const fd of ends) this.#withCloseOnExec(fd), this.setNonBlocking(fd, true);
    return answer;
  }

  socketpair(family: number, type: number, ends: Int32Array): number {
    const answer = this.#answer(
      this.#c.socketpair!(family, type | this.platform.SOCK_FLAGS, 0, bytesOf(ends)),
    );
    if (answer === 0 && !this.#hasFlags) { for (const fd of ends) this.#prepareSocket(fd); }
    return answer;
  }

  socket(family: number, type: number): number {
    const fd = this.#answer(this.#c.socket!(family, type | this.platform.SOCK_FLAGS, 0));
    return this.#hasFlags ? fd : this.#prepareSocket(fd);
  }

  accept(fd: number, address: Bytes, length: Int32Array): number {
    if (this.#hasFlags) {
      return this.#answer(
        this.#c.accept4!(fd, address, bytesOf(length), this.platform.SOCK_FLAGS),
      );
    }
    return this.#prepareSocket(this.#answer(this.#c.accept!(fd, address, bytesOf(length))));
  }

  bind(fd: number, address: Bytes): number {
    return this.#answer(this.#c.bind!(fd, address, address.byteLength));
  }

  listen(fd: number, backlog: number): number {
    return this.#answer(this.#c.listen!(fd, backlog));
  }

  connect(fd: number, address: Bytes): number {
    return this.#answer(this.#c.connect!(fd, address, address.byteLength));
  }

  shutdown(fd: number, how: number): number {
    return this.#answer(this.#c.shutdown!(fd, how));
  }

  getsockname(fd: number, address: Bytes, length: Int32Array): number {
    return this.#answer(this.#c.getsockname!(fd, address, bytesOf(length)));
  }

  getpeername(fd: number, address: Bytes, length: Int32Array): number {
    return this.#answer(this.#c.getpeername!(fd, address, bytesOf(length)));
  }

  setsockopt(fd: number, level: number, option: number, value: Int32Array): number {
    return this.#answer(
      this.#c.setsockopt!(fd, level, option, bytesOf(value), value.byteLength),
    );
  }

  getsockopt(fd: number, level: number, option: number, value: Int32Array): number {
    const length = new Int32Array([value.byteLength]);
    return this.#answer(
      this.#c.getsockopt!(fd, level, option, bytesOf(value), bytesOf(length)),
    );
  }

  ioctl(fd: number, request: number, argument: Bytes): number {
    return this.#answer(
      this.platform.variadicOnStack
        ? this.#c.ioctl!(fd, request, 0, 0, 0, 0, 0, 0, argument)
        : this.#c.ioctl!(fd, request, argument),
    );
  }

  eventfd(initial: number): number {
    const { O_NONBLOCK, O_CLOEXEC } = this.platform;
    return this.#answer(this.#linux("eventfd")(initial, O_NONBLOCK | O_CLOEXEC));
  }

  pidfdOpen(pid: number): number {
    return this.#answer(Number(this.#linux("syscall")(SYS_PIDFD_OPEN, pid, 0)));
  }

  inotifyInit(): number {
    const { O_NONBLOCK, O_CLOEXEC } = this.platform;
    return this.#answer(this.#linux("inotify_init1")(O_NONBLOCK | O_CLOEXEC));
  }

  inotifyAddWatch(fd: number, path: string, mask: number): number {
    return this.#answer(this.#linux("inotify_add_watch")(fd, cString(path), mask));
  }

  inotifyRemoveWatch(fd: number, watch: number): number {
    return this.#answer(this.#linux("inotify_rm_watch")(fd, watch));
  }

  #answer(result: number): number {
    return result < 0 ? -this.#binding.errno() : result;
  }

  #linux(name: string): (...args: unknown[]) => number {
    const call = this.#c[name];
    if (call === undefined) {
      throw new UnsupportedError(`Cannot ${name}: ${this.platform.os} has none (Linux has)`);
    }
    return call;
  }

  #fcntl(fd: number, command: number, argument: number): number {
    return this.#answer(
      this.platform.variadicOnStack
        ? this.#c.fcntl!(fd, command, 0, 0, 0, 0, 0, 0, argument)
        : this.#c.fcntl!(fd, command, argument),
    );
  }

  #withCloseOnExec(fd: number): number {
    if (fd >= 0) this.#fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
  }

  /** What flags do elsewhere, on macOS. */
  #prepareSocket(fd: number): number {
    if (fd < 0) return fd;
    const { SOL_SOCKET, SO_NOSIGPIPE } = this.platform;
    this.#withCloseOnExec(fd);
    this.setNonBlocking(fd, true);
    if (SO_NOSIGPIPE !== 0) this.setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, new Int32Array([1]));
    return fd;
  }
}

let opened: Libc | undefined;

/**
 * The C library of this thread, opened at the first call.
 *
 * @throws {ReactorUnavailableError} If it may not be loaded, or this system is not known
 */
export function openLibc(): Libc {
  return opened ??= bindHost();
}

function bindHost(): Libc {
  const { os, arch } = hostPlatform();
  const platform = requirePlatform(os, arch);
  const signatures = signaturesFor(platform);
  const host = globalThis as { Deno?: unknown; Bun?: unknown };
  const binding = host.Deno !== undefined
    ? bindDeno(platform, signatures)
    : host.Bun !== undefined
    ? bindBun(platform, signatures)
    : bindKoffi(signatures);
  return new Libc(platform, binding);
}

/**
 * Files that may hold the C library on this system, most usual first: what `--allow-ffi=` can name
 * instead of allowing every library.
 *
 * @example
 * ```ts
 * import { libcPaths } from "@vais/runtime/reactor";
 *
 * console.log(`deno run --allow-ffi=${libcPaths()[0]} main.ts`);
 * ```
 */
export function libcPaths(): string[] {
  const { os, arch } = hostPlatform();
  const platform = platformOf(os, arch);
  return platform === undefined ? [] : pathsOf(platform);
}
