/**
 * A kernel in memory: pipes, counters and stream sockets, without a system call.
 *
 * @module
 */

import { checkInteger, type VirtualClock } from "../runtime/clock.ts";
import { UnsupportedError } from "../reactor/errors.ts";
import type { Bytes, Kernel } from "../reactor/kernel.ts";
import { type Platform, platformOf } from "../reactor/platform.ts";
import type { Poller } from "../reactor/poller.ts";
import { ERRNO, type SimulatedFile } from "./simulated_file.ts";
import { Counter, makePipe } from "./simulated_pipe.ts";
import { SimulatedPoller } from "./simulated_poller.ts";
import { StreamSocket } from "./simulated_socket.ts";

/** How to make a simulated kernel. */
export interface SimulatedKernelOptions {
  /** Bytes a pipe holds: at most 4 096, or a multiple of that. Default 4 096. */
  readonly pipeBytes?: number;
  /** Bytes a socket takes from its peer. Default 4 096. */
  readonly socketBytes?: number;
  /** Descriptors there can be, the lowest three among them; beyond it is `EMFILE`. Default 1 024. */
  readonly maxFds?: number;
  /** Moved on where a real kernel would block. Default: no wait takes any time. */
  readonly clock?: VirtualClock;
}

const SOCK_STREAM = 1;
const MSG_PEEK = 2;
const FIONREAD = 0x541b;
/** 0, 1 and 2 are the program's own. */
const FIRST_FD = 3;
const FIRST_FREE_PORT = 32_768;

/**
 * The descriptors of one program that exist only here, with the numbers of Linux.
 *
 * Buffers are small, so that writing waits early; numbers are used again lowest first; an event
 * comes when a descriptor becomes ready, and not once more. All of it is the same in each run.
 * Files, datagrams and processes there are not: those calls throw `UnsupportedError`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { pipe, ReactorRuntime, read, write } from "@vais/runtime/reactor";
 * import { SimulatedKernel } from "@vais/runtime/testing";
 *
 * const kernel = new SimulatedKernel({ pipeBytes: 16 });
 * await using runtime = new ReactorRuntime({ kernel });
 * const total = runtime.spawn(function* () {
 *   const { readFd, writeFd } = pipe();
 *   runtime.spawn(function* () {
 *     // Takes no more than the pipe holds, and waits for the reader.
 *     for (let i = 0; i < 10; i++) yield* write(writeFd, new Uint8Array(16));
 *   });
 *   let sum = 0;
 *   while (sum < 160) sum += yield* read(readFd, new Uint8Array(5));
 *   return sum;
 * });
 * assertEquals(await total, 160);
 * ```
 */
export class SimulatedKernel implements Kernel {
  /** The numbers of Linux. */
  readonly platform: Platform = platformOf("linux", "x86_64")!;
  /** Who makes the calls. */
  readonly via = "simulation";
  /** Nothing outside makes its descriptors ready. */
  readonly isSimulated = true;
  readonly #files: (SimulatedFile | undefined)[] = [];
  readonly #listeners = new Map<string, StreamSocket>();
  readonly #pipeBytes: number;
  readonly #socketBytes: number;
  readonly #maxFds: number;
  readonly #clock: VirtualClock | undefined;
  #nextPort = FIRST_FREE_PORT;

  /** Makes a kernel with nothing open. */
  constructor(options: SimulatedKernelOptions = {}) {
    const { pipeBytes = 4_096, socketBytes = 4_096, maxFds = 1_024, clock } = options;
    const action = "create SimulatedKernel";
    this.#pipeBytes = checkInteger(pipeBytes, 1, action, "pipeBytes");
    this.#socketBytes = checkInteger(socketBytes, 1, action, "socketBytes");
    this.#maxFds = checkInteger(maxFds, FIRST_FD, action, "maxFds");
    this.#clock = clock;
  }

  /** Descriptors that are open, in order: what a leak check counts. */
  get openFds(): number[] {
    return [...this.#files.keys()].filter((fd) => this.#files[fd] !== undefined);
  }

  /** See `Kernel`. */
  createPoller(maxEvents: number): Poller {
    return new SimulatedPoller((fd) => this.#files[fd], maxEvents, this.#clock);
  }

  /** See `Kernel`. */
  read(fd: number, buffer: Bytes): number {
    return this.#files[fd]?.read(buffer) ?? -ERRNO.EBADF;
  }

  /** See `Kernel`. */
  write(fd: number, buffer: Bytes, length: number = buffer.byteLength): number {
    return this.#files[fd]?.write(buffer.subarray(0, length)) ?? -ERRNO.EBADF;
  }

  /** See `Kernel`. */
  close(fd: number): number {
    const file = this.#files[fd];
    if (file === undefined) return -ERRNO.EBADF;
    this.#files[fd] = undefined;
    if (--file.descriptors > 0) return 0;
    for (const watch of file.watches) watch.drop();
    for (const [name, listener] of this.#listeners) {
      if (listener === file) this.#listeners.delete(name);
    }
    file.close();
    return 0;
  }

  /** See `Kernel`. */
  dup(fd: number): number {
    const file = this.#files[fd];
    return file === undefined ? -ERRNO.EBADF : this.#give(file);
  }

  /** See `Kernel`. Nothing here blocks, whatever is said. */
  setNonBlocking(fd: number, _on: boolean): number {
    return this.#files[fd] === undefined ? -ERRNO.EBADF : 0;
  }

  /** See `Kernel`. */
  pipe(ends: Int32Array): number {
    return this.#giveBoth(makePipe(this.#pipeBytes), ends);
  }

  /** See `Kernel`. */
  eventfd(initial: number): number {
    return this.#give(new Counter(initial));
  }

  /** See `Kernel`. */
  socketpair(family: number, type: number, ends: Int32Array): number {
    this.#mustBeStream("socketpair", type);
    const pair: [StreamSocket, StreamSocket] = [this.#socket(family), this.#socket(family)];
    StreamSocket.join(...pair);
    return this.#giveBoth(pair, ends);
  }

  /** See `Kernel`. */
  socket(family: number, type: number): number {
    this.#mustBeStream("socket", type);
    return this.#give(this.#socket(family));
  }

  #socket(family: number): StreamSocket {
    return new StreamSocket(family, this.#socketBytes);
  }

  /** See `Kernel`. A port of 0 becomes the next free one. */
  bind(fd: number, address: Bytes): number {
    const socket = this.#socketAt(fd);
    if (typeof socket === "number") return socket;
    const own = address.slice();
    if (socket.family !== this.platform.AF_UNIX && own[2] === 0 && own[3] === 0) {
      do setPort(own, this.#nextPort++); while (this.#listeners.has(this.#nameOf(own)));
    }
    const name = this.#nameOf(own);
    if (this.#listeners.has(name)) return -ERRNO.EADDRINUSE;
    this.#listeners.set(name, socket);
    socket.address = own;
    return 0;
  }

  /** See `Kernel`. The queue has no limit. */
  listen(fd: number, _backlog: number): number {
    const socket = this.#socketAt(fd);
    return typeof socket === "number" ? socket : socket.listen();
  }

  /** See `Kernel`. */
  accept(fd: number, address: Bytes, length: Int32Array): number {
    const listener = this.#socketAt(fd);
    if (typeof listener === "number") return listener;
    if (this.#lowestFree() >= this.#maxFds) return -ERRNO.EMFILE;
    const socket = listener.accept();
    if (typeof socket === "number") return socket;
    putAddress(socket.peerAddress!, address, length);
    return this.#give(socket);
  }

  /** See `Kernel`. */
  connect(fd: number, address: Bytes): number {
    const socket = this.#socketAt(fd);
    if (typeof socket === "number") return socket;
    if (socket.isConnected) return -ERRNO.EISCONN;
    const listener = this.#listeners.get(this.#nameOf(address));
    const isUnix = socket.family === this.platform.AF_UNIX;
    if (isUnix && !listener?.isListening) {
      return listener === undefined ? -ERRNO.ENOENT : -ERRNO.ECONNREFUSED;
    }
    if (!isUnix && socket.address.byteLength === 2) {
      socket.address = address.slice();
      setPort(socket.address, this.#nextPort++);
    }
    socket.peerAddress = address.slice();
    socket.connect(listener?.isListening ? listener : undefined);
    return isUnix ? 0 : -ERRNO.EINPROGRESS;
  }

  /** See `Kernel`. Of the flags only MSG_PEEK means something. */
  recv(fd: number, buffer: Bytes, flags: number): number {
    const socket = this.#socketAt(fd);
    return typeof socket === "number" ? socket : socket.read(buffer, (flags & MSG_PEEK) !== 0);
  }

  /** See `Kernel`. */
  send(fd: number, buffer: Bytes, _flags: number, length: number = buffer.byteLength): number {
    const socket = this.#socketAt(fd);
    return typeof socket === "number" ? socket : socket.write(buffer.subarray(0, length));
  }

  /** See `Kernel`. */
  shutdown(fd: number, how: number): number {
    const socket = this.#socketAt(fd);
    return typeof socket === "number" ? socket : socket.shutdown(how);
  }

  /** See `Kernel`. */
  getsockname(fd: number, address: Bytes, length: Int32Array): number {
    const socket = this.#socketAt(fd);
    if (typeof socket === "number") return socket;
    putAddress(socket.address, address, length);
    return 0;
  }

  /** See `Kernel`. */
  getpeername(fd: number, address: Bytes, length: Int32Array): number {
    const socket = this.#socketAt(fd);
    if (typeof socket === "number") return socket;
    if (!socket.isConnected) return -ERRNO.ENOTCONN;
    putAddress(socket.peerAddress!, address, length);
    return 0;
  }

  /** See `Kernel`. Options mean nothing here. */
  setsockopt(fd: number, _level: number, _option: number, _value: Int32Array): number {
    const socket = this.#socketAt(fd);
    return typeof socket === "number" ? socket : 0;
  }

  /** See `Kernel`. SO_ERROR; all others are 0. */
  getsockopt(fd: number, level: number, option: number, value: Int32Array): number {
    const socket = this.#socketAt(fd);
    if (typeof socket === "number") return socket;
    const { SOL_SOCKET, SO_ERROR } = this.platform;
    value[0] = level === SOL_SOCKET && option === SO_ERROR ? socket.takeError() : 0;
    return 0;
  }

  /** See `Kernel`. FIONREAD. */
  ioctl(fd: number, request: number, argument: Bytes): number {
    const file = this.#files[fd];
    if (file === undefined) return -ERRNO.EBADF;
    if (request !== FIONREAD) return unsupported("ioctl", "requests but FIONREAD");
    new DataView(argument.buffer, argument.byteOffset).setInt32(0, file.available, true);
    return 0;
  }

  /** Throws `UnsupportedError`. */
  open(_path: string, _flags: number, _mode: number): number {
    return unsupported("open", "files");
  }

  /** Throws `UnsupportedError`. */
  recvfrom(
    _fd: number,
    _buffer: Bytes,
    _flags: number,
    _address: Bytes,
    _length: Int32Array,
  ): number {
    return unsupported("recvfrom", "datagrams");
  }

  /** Throws `UnsupportedError`. */
  sendto(_fd: number, _buffer: Bytes, _flags: number, _address: Bytes): number {
    return unsupported("sendto", "datagrams");
  }

  /** Throws `UnsupportedError`. */
  pidfdOpen(_pid: number): number {
    return unsupported("pidfd_open", "processes");
  }

  /** Throws `UnsupportedError`. */
  inotifyInit(): number {
    return unsupported("inotify_init1", "files");
  }

  /** Throws `UnsupportedError`. */
  inotifyAddWatch(_fd: number, _path: string, _mask: number): number {
    return unsupported("inotify_add_watch", "files");
  }

  /** Throws `UnsupportedError`. */
  inotifyRemoveWatch(_fd: number, _watch: number): number {
    return unsupported("inotify_rm_watch", "files");
  }

  /** The lowest number that is free. */
  #lowestFree(from = FIRST_FD): number {
    while (this.#files[from] !== undefined) from++;
    return from;
  }

  #give(file: SimulatedFile): number {
    const fd = this.#lowestFree();
    if (fd >= this.#maxFds) return -ERRNO.EMFILE;
    file.descriptors++;
    this.#files[fd] = file;
    return fd;
  }

  #giveBoth([one, other]: readonly [SimulatedFile, SimulatedFile], ends: Int32Array): number {
    if (this.#lowestFree(this.#lowestFree() + 1) >= this.#maxFds) return -ERRNO.EMFILE;
    ends[0] = this.#give(one);
    ends[1] = this.#give(other);
    return 0;
  }

  /** The socket, or `-errno`. */
  #socketAt(fd: number): StreamSocket | number {
    const file = this.#files[fd];
    if (file === undefined) return -ERRNO.EBADF;
    return file instanceof StreamSocket ? file : -ERRNO.ENOTSOCK;
  }

  #mustBeStream(action: string, type: number): void {
    if (type !== SOCK_STREAM) unsupported(action, "sockets but streams");
  }

  /** What a socket is found by: all internet addresses are this machine. */
  #nameOf(address: Bytes): string {
    const family = address[0]! | address[1]! << 8;
    return family === this.platform.AF_UNIX
      ? `unix ${address.subarray(2).join()}`
      : `port ${address[2]! << 8 | address[3]!}`;
  }
}

function setPort(address: Bytes, port: number): void {
  address[2] = port >> 8;
  address[3] = port & 255;
}

/** As much of an address as there is room for, and its whole length. */
function putAddress(from: Bytes, address: Bytes, length: Int32Array): void {
  address.set(from.subarray(0, Math.min(address.byteLength, length[0]!)));
  length[0] = from.byteLength;
}

function unsupported(action: string, what: string): never {
  throw new UnsupportedError(
    `Cannot ${action}: a simulated kernel has no ${what} (use the system's kernel)`,
  );
}
