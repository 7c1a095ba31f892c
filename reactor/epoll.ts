/**
 * Linux: epoll, edge-triggered, woken by an eventfd.
 *
 * The datum of a registration is the descriptor and its generation, 32 bits each. The eventfd is
 * edge-triggered and never read: each write is one event (mio does so too). See epoll(7).
 *
 * @module
 */

import { EEXIST, EINTR, ENOENT } from "./errno.ts";
import { IoError } from "./errors.ts";
import type { RawSymbols } from "./libc_symbols.ts";
import { FAILED, HANGUP, type Poller, READABLE, URGENT, WAKER_TOKEN, WRITABLE } from "./poller.ts";
import { type Flag, WaitBeside } from "./wait_beside.ts";

const EPOLLIN = 0x1;
const EPOLLPRI = 0x2;
const EPOLLOUT = 0x4;
const EPOLLERR = 0x8;
const EPOLLHUP = 0x10;
const EPOLLRDHUP = 0x2000;
const EPOLLET = 1 << 31;
const CTL_ADD = 1;
const CTL_DEL = 2;
const CTL_MOD = 3;
const CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

/** What epoll needs of the C library. */
export interface EpollCalls {
  readonly symbols: RawSymbols;
  errno(): number;
  readonly waitAsync: ((name: string, ...args: unknown[]) => Promise<number>) | undefined;
}

/** Where the parts of `struct epoll_event` are, in 32-bit words; it is packed on x86-64 only. */
export function epollLayout(arch: string): { stride: number; data: number } {
  return arch === "x86_64" ? { stride: 3, data: 1 } : { stride: 4, data: 2 };
}

/** An epoll instance. */
export class Epoll implements Poller {
  readonly fd: number;
  readonly wakeFd: number;
  readonly maxEvents: number;
  readonly whenReady: (() => Promise<number>) | undefined;
  readonly #calls: EpollCalls;
  readonly #stride: number;
  readonly #data: number;
  readonly #change: Int32Array;
  readonly #changeBytes: Uint8Array;
  readonly #events: Int32Array;
  readonly #bytes: Uint8Array;
  #refused: number[] = [];
  #beside: WaitBeside | undefined;

  constructor(calls: EpollCalls, arch: string, maxEvents: number) {
    this.#calls = calls;
    this.maxEvents = maxEvents;
    const { stride, data } = epollLayout(arch);
    this.#stride = stride;
    this.#data = data;
    this.#change = new Int32Array(stride);
    this.#changeBytes = new Uint8Array(this.#change.buffer);
    this.#events = new Int32Array(stride * maxEvents);
    this.#bytes = new Uint8Array(this.#events.buffer);
    this.fd = calls.symbols.epoll_create1!(CLOEXEC);
    if (this.fd < 0) throw new IoError("epoll_create1", calls.errno());
    this.wakeFd = calls.symbols.eventfd!(0, EFD_NONBLOCK | CLOEXEC);
    if (this.wakeFd < 0) {
      const errno = calls.errno();
      calls.symbols.close!(this.fd);
      throw new IoError("eventfd", errno);
    }
    const errno = this.#control(CTL_ADD, this.wakeFd, EPOLLIN | EPOLLET, WAKER_TOKEN, 0);
    if (errno !== 0) {
      this.close();
      throw new IoError("epoll_ctl", errno, this.wakeFd);
    }
    // With the queue, so that to sleep takes no descriptor there may not be.
    if (calls.waitAsync !== undefined) {
      try {
        const beside = this.#beside = new WaitBeside(calls.waitAsync, this.fd, openFlag(calls));
        this.whenReady = () => beside.wait();
      } catch (error) {
        this.close();
        throw error;
      }
    }
  }

  change(fd: number, generation: number, interest: number, previous: number): void {
    const events = ((interest & READABLE) !== 0 ? EPOLLIN | EPOLLRDHUP | EPOLLPRI : 0) |
      ((interest & WRITABLE) !== 0 ? EPOLLOUT : 0) | EPOLLET;
    let errno = 0;
    if (interest === 0) {
      errno = this.#control(CTL_DEL, fd, 0, fd, generation);
      return; // gone already: what was wanted
    }
    if (previous === 0) {
      errno = this.#control(CTL_ADD, fd, events, fd, generation);
      if (errno === EEXIST) errno = this.#control(CTL_MOD, fd, events, fd, generation);
    } else {
      errno = this.#control(CTL_MOD, fd, events, fd, generation);
      // Closed behind our back, and the number used again.
      if (errno === ENOENT) errno = this.#control(CTL_ADD, fd, events, fd, generation);
    }
    if (errno !== 0) this.#refused.push(fd, errno);
  }

  flush(): readonly number[] {
    const refused = this.#refused;
    if (refused.length > 0) this.#refused = [];
    return refused;
  }

  wait(timeoutMs: number): number {
    const { symbols } = this.#calls;
    const n: number = symbols.epoll_wait!(
      this.fd,
      this.#bytes,
      this.maxEvents,
      timeoutMs === 0 ? 0 : wholeMs(timeoutMs),
    );
    if (n >= 0) return n;
    const errno = this.#calls.errno();
    if (errno === EINTR) return 0;
    throw new IoError("epoll_wait", errno, this.fd);
  }

  fdAt(i: number): number {
    return this.#events[i * this.#stride + this.#data]!;
  }

  generationAt(i: number): number {
    return this.#events[i * this.#stride + this.#data + 1]!;
  }

  readyAt(i: number): number {
    const events = this.#events[i * this.#stride]!;
    // The usual two are the lowest bits; EPOLLIN is 1 as READABLE is, EPOLLOUT 4.
    let ready = (events & EPOLLIN) | ((events & EPOLLOUT) >> 1);
    if ((events & ~(EPOLLIN | EPOLLOUT)) !== 0) {
      if ((events & (EPOLLHUP | EPOLLRDHUP)) !== 0) ready |= HANGUP;
      if ((events & EPOLLERR) !== 0) ready |= FAILED;
      if ((events & EPOLLPRI) !== 0) ready |= URGENT;
    }
    return ready;
  }

  wake(): void {
    this.#calls.symbols.write!(this.wakeFd, ONE, 8);
  }

  recall(): void {
    this.#beside?.recall();
  }

  close(): void {
    this.#beside?.close();
    this.#calls.symbols.close!(this.wakeFd);
    this.#calls.symbols.close!(this.fd);
  }

  #control(op: number, fd: number, events: number, low: number, high: number): number {
    const change = this.#change;
    change[0] = events;
    change[this.#data] = low;
    change[this.#data + 1] = high;
    const answer: number = this.#calls.symbols.epoll_ctl!(this.fd, op, fd, this.#changeBytes);
    return answer < 0 ? this.#calls.errno() : 0;
  }
}

/** An eventfd: readable while it is not 0. */
function openFlag(calls: EpollCalls): Flag {
  const { symbols } = calls;
  const fd: number = symbols.eventfd!(0, EFD_NONBLOCK | CLOEXEC);
  if (fd < 0) throw new IoError("eventfd", calls.errno());
  return {
    fd,
    raise: () => symbols.write!(fd, ONE, 8),
    lower: () => symbols.read!(fd, new Uint8Array(8), 8),
    close: () => symbols.close!(fd),
  };
}

/** A little-endian 64-bit 1: what an eventfd is written. */
export const ONE: Uint8Array = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]);

const LONGEST_MS = 2 ** 31 - 1;

/** A timeout as the kernel takes it: never early. */
function wholeMs(ms: number): number {
  return ms < 0 ? -1 : Math.min(Math.ceil(ms), LONGEST_MS);
}
