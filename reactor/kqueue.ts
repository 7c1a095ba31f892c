/**
 * macOS and FreeBSD: kqueue, edge-triggered, woken by a user event.
 *
 * Reading and writing are two filters of a descriptor, each with `EV_CLEAR`: told once, and again
 * when it is added anew while ready. The datum of both is the generation. Additions are collected
 * and handed over in one call; removals are made at once, as they precede a `close` after which
 * they would fail and take the whole batch with them. See kqueue(2).
 *
 * @module
 */

import { EINTR, EPIPE } from "./errno.ts";
import { IoError } from "./errors.ts";
import type { Binding } from "./libc_symbols.ts";
import type { Os } from "./platform.ts";
import { FAILED, HANGUP, type Poller, READABLE, WAKER_TOKEN, WRITABLE } from "./poller.ts";
import { type Flag, WaitBeside } from "./wait_beside.ts";

/** What kqueue needs of the C library. */
export type KqueueCalls = Pick<Binding, "symbols" | "errno" | "waitAsync">;

/** What differs between systems that have a kqueue. */
export interface KqueueConstants {
  /** Length of `struct kevent` in 32-bit words; its parts are at the same places everywhere. */
  readonly stride: number;
  /** The filter of events made by programs. */
  readonly EVFILT_USER: number;
}

const EVFILT_READ = -1;
const EVFILT_WRITE = -2;
const EV_ADD = 0x1;
const EV_DELETE = 0x2;
const EV_CLEAR = 0x20;
const EV_ERROR = 0x4000;
const EV_EOF = 0x8000;
const NOTE_TRIGGER = 0x1000000;

// Places in `struct kevent`, in words. Filter and flags share one: the low and the high half.
const IDENT = 0;
const FILTER = 2;
const FFLAGS = 3;
const UDATA = 6;

/** Identity of the event that wakes; told apart from descriptor 0 by its filter. */
const WAKE_IDENT = 0;

/** The constants of a system. On Linux it is libkqueue, which has the layout of macOS. */
export function kqueueConstants(os: Os): KqueueConstants {
  switch (os) {
    case "darwin":
      return { stride: 8, EVFILT_USER: -10 };
    case "freebsd":
      return { stride: 16, EVFILT_USER: -11 };
    case "linux":
      return { stride: 8, EVFILT_USER: -11 };
  }
}

/** Writes a `struct kevent` at word `at`; its high halves and what follows stay 0. */
export function packKevent(
  words: Int32Array,
  at: number,
  ident: number,
  filter: number,
  flags: number,
  fflags: number,
  udata: number,
): void {
  words[at + IDENT] = ident;
  words[at + FILTER] = (filter & 0xffff) | (flags << 16);
  words[at + FFLAGS] = fflags;
  words[at + UDATA] = udata;
}

/** Writes a `struct timespec` of at least `ms`, at most 24 days. */
export function packTimespec(words: Int32Array, ms: number): void {
  const capped = Math.min(ms, LONGEST_MS);
  let seconds = Math.floor(capped / 1000);
  let nanoseconds = Math.ceil((capped - seconds * 1000) * 1e6);
  if (nanoseconds >= 1e9) {
    seconds++;
    nanoseconds -= 1e9;
  }
  words[0] = seconds;
  words[2] = nanoseconds;
}

/** A kqueue. */
export class Kqueue implements Poller {
  readonly fd: number;
  readonly wakeFd: number;
  readonly maxEvents: number;
  readonly whenReady: (() => Promise<number>) | undefined;
  readonly #calls: KqueueCalls;
  readonly #stride: number;
  readonly #userFilter: number;
  /** Additions that the kernel does not know of yet. */
  #changes: Int32Array;
  #changeBytes: Uint8Array;
  #changeCount = 0;
  /** One change: a removal, a wake, or one of a refused batch. */
  readonly #single: Int32Array;
  readonly #singleBytes: Uint8Array;
  readonly #events: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #timeout = new Int32Array(4);
  readonly #timeoutBytes = new Uint8Array(this.#timeout.buffer);
  /** Broken pipes the kernel would not add: told with the next events. Descriptor, generation, … */
  #broken: number[] = [];
  #beside: WaitBeside | undefined;

  constructor(
    calls: KqueueCalls,
    os: Os,
    maxEvents: number,
    constants: KqueueConstants = kqueueConstants(os),
  ) {
    this.#calls = calls;
    this.maxEvents = maxEvents;
    const { stride } = constants;
    this.#stride = stride;
    this.#userFilter = constants.EVFILT_USER;
    this.#changes = new Int32Array(stride * 64);
    this.#changeBytes = new Uint8Array(this.#changes.buffer);
    this.#single = new Int32Array(stride);
    this.#singleBytes = new Uint8Array(this.#single.buffer);
    this.#events = new Int32Array(stride * maxEvents);
    this.#bytes = new Uint8Array(this.#events.buffer);
    // Not inherited by child processes, as no kqueue is.
    this.fd = this.wakeFd = calls.symbols.kqueue!();
    if (this.fd < 0) throw new IoError("kqueue", calls.errno());
    const errno = this.#changeOne(WAKE_IDENT, this.#userFilter, EV_ADD | EV_CLEAR, 0, 0);
    if (errno !== 0) {
      this.close();
      throw new IoError("kevent", errno, this.fd);
    }
    // With the queue, so that to sleep takes no descriptor there may not be.
    if (calls.waitAsync !== undefined) {
      try {
        const flag = openFlag(calls, os, constants);
        const beside = this.#beside = new WaitBeside(calls.waitAsync, this.fd, flag);
        this.whenReady = () => this.#broken.length > 0 ? Promise.resolve(1) : beside.wait();
      } catch (error) {
        this.close();
        throw error;
      }
    }
  }

  change(fd: number, generation: number, interest: number, previous: number): void {
    if ((interest & READABLE) !== 0) this.#add(fd, EVFILT_READ, generation);
    else if ((previous & READABLE) !== 0) this.#remove(fd, EVFILT_READ);
    if ((interest & WRITABLE) !== 0) this.#add(fd, EVFILT_WRITE, generation);
    else if ((previous & WRITABLE) !== 0) this.#remove(fd, EVFILT_WRITE);
  }

  flush(): readonly number[] {
    const count = this.#changeCount;
    if (count === 0) return NONE;
    this.#changeCount = 0;
    if (this.#submit(this.#changeBytes, count) === 0) return NONE;
    // The kernel stopped at the first that it refused. To add again what it took does no harm.
    const refused: number[] = [];
    const stride = this.#stride;
    for (let i = 0; i < count; i++) {
      const change = this.#changes.subarray(i * stride, (i + 1) * stride);
      this.#single.set(change);
      const errno = this.#submit(this.#singleBytes, 1);
      if (errno === 0) continue;
      const fd = change[IDENT]!;
      if (errno === EPIPE) this.#broken.push(fd, change[UDATA]!);
      else if (refused.at(-2) !== fd) refused.push(fd, errno);
    }
    return refused;
  }

  wait(timeoutMs: number): number {
    const isBroken = this.#broken.length > 0;
    const room = isBroken
      ? this.maxEvents - Math.min(this.maxEvents, this.#broken.length >> 1)
      : this.maxEvents;
    let timeout: Uint8Array | null = AT_ONCE;
    if (timeoutMs < 0 && !isBroken) timeout = null;
    else if (timeoutMs > 0 && !isBroken) {
      packTimespec(this.#timeout, timeoutMs);
      timeout = this.#timeoutBytes;
    }
    const { symbols } = this.#calls;
    const n: number = symbols.kevent!(this.fd, null, 0, this.#bytes, room, timeout);
    if (n >= 0) return isBroken ? this.#tellBroken(this.#events, n) : n;
    const errno = this.#calls.errno();
    if (errno === EINTR) return 0;
    throw new IoError("kevent", errno, this.fd);
  }

  fdAt(i: number): number {
    const at = i * this.#stride;
    const filter = (this.#events[at + FILTER]! << 16) >> 16;
    return filter === this.#userFilter ? WAKER_TOKEN : this.#events[at + IDENT]!;
  }

  generationAt(i: number): number {
    return this.#events[i * this.#stride + UDATA]!;
  }

  readyAt(i: number): number {
    const at = i * this.#stride;
    const word = this.#events[at + FILTER]!;
    const flags = word >>> 16;
    const filter = (word << 16) >> 16;
    let ready = filter === EVFILT_READ ? READABLE : filter === EVFILT_WRITE ? WRITABLE : 0;
    if ((flags & EV_EOF) !== 0) {
      ready |= HANGUP;
      // The error of the socket, if it has one.
      if (this.#events[at + FFLAGS] !== 0) ready |= FAILED;
    }
    if ((flags & EV_ERROR) !== 0) ready |= FAILED;
    return ready;
  }

  wake(): void {
    this.#changeOne(WAKE_IDENT, this.#userFilter, 0, NOTE_TRIGGER, 0);
  }

  recall(): void {
    this.#beside?.recall();
  }

  close(): void {
    this.#beside?.close();
    this.#calls.symbols.close!(this.fd);
  }

  #add(fd: number, filter: number, generation: number): void {
    const at = this.#changeCount++ * this.#stride;
    if (at === this.#changes.length) {
      const larger = new Int32Array(2 * at);
      larger.set(this.#changes);
      this.#changes = larger;
      this.#changeBytes = new Uint8Array(larger.buffer);
    }
    packKevent(this.#changes, at, fd, filter, EV_ADD | EV_CLEAR, 0, generation);
  }

  /** The kernel may know of it, or not yet, or (closed) no longer: all three are fine. */
  #remove(fd: number, filter: number): void {
    const stride = this.#stride;
    for (let i = this.#changeCount - 1; i >= 0; i--) {
      const at = i * stride;
      if (this.#changes[at + IDENT] !== fd) continue;
      if ((this.#changes[at + FILTER]! << 16) >> 16 !== filter) continue;
      this.#changes.copyWithin(at, at + stride, this.#changeCount * stride);
      this.#changeCount--;
    }
    if (filter === EVFILT_WRITE && this.#broken.length > 0) {
      this.#broken = this.#broken.filter((_, i, list) => list[i & ~1] !== fd);
    }
    this.#changeOne(fd, filter, EV_DELETE, 0, 0);
  }

  #changeOne(ident: number, filter: number, flags: number, fflags: number, udata: number): number {
    packKevent(this.#single, 0, ident, filter, flags, fflags, udata);
    return this.#submit(this.#singleBytes, 1);
  }

  /** Answers the errno of the first that is refused; what follows that is not looked at. */
  #submit(changes: Uint8Array, count: number): number {
    const { symbols } = this.#calls;
    const answer: number = symbols.kevent!(this.fd, changes, count, null, 0, AT_ONCE);
    if (answer >= 0) return 0;
    const errno = this.#calls.errno();
    return errno === EINTR ? 0 : errno; // interrupted, all were taken
  }

  /** Puts broken pipes after `n` events, as many as there is room for; answers the new number. */
  #tellBroken(events: Int32Array, n: number): number {
    const broken = this.#broken;
    const count = Math.min(this.maxEvents - n, broken.length >> 1);
    for (let i = 0; i < count; i++) {
      const at = (n + i) * this.#stride;
      packKevent(events, at, broken[2 * i]!, EVFILT_WRITE, EV_EOF, 0, broken[2 * i + 1]!);
    }
    this.#broken = broken.slice(2 * count);
    return n + count;
  }
}

/** A second kqueue: readable while its one event is triggered and not taken. */
function openFlag(calls: KqueueCalls, os: Os, { stride, EVFILT_USER }: KqueueConstants): Flag {
  const { symbols } = calls;
  const fd: number = symbols.kqueue!();
  if (fd < 0) throw new IoError("kqueue", calls.errno());
  const words = new Int32Array(stride);
  const bytes = new Uint8Array(words.buffer);
  packKevent(words, 0, WAKE_IDENT, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0);
  symbols.kevent!(fd, bytes, 1, null, 0, AT_ONCE);
  return {
    fd,
    raise: () => wakeKqueue(calls, os, fd),
    lower: () => symbols.kevent!(fd, null, 0, bytes, 1, AT_ONCE),
    close: () => symbols.close!(fd),
  };
}

/** Wakes whoever waits in a kqueue, from any thread that knows its descriptor. */
export function wakeKqueue(calls: KqueueCalls, os: Os, fd: number): void {
  const { stride, EVFILT_USER } = kqueueConstants(os);
  const change = new Int32Array(stride);
  packKevent(change, 0, WAKE_IDENT, EVFILT_USER, 0, NOTE_TRIGGER, 0);
  calls.symbols.kevent!(fd, new Uint8Array(change.buffer), 1, null, 0, AT_ONCE);
}

const NONE: readonly number[] = [];
const AT_ONCE = new Uint8Array(16);
const LONGEST_MS = 2 ** 31 - 1;
