/**
 * Who waits for which descriptor: one waiter for each direction.
 *
 * Interest is edge-triggered and stays with the kernel, so a wait after `EAGAIN` on a descriptor
 * that only we close (an owned one) costs no system call: the next edge will be told. Every other
 * wait has the kernel look again, by one `change`. Changes are collected and made right before the
 * kernel is asked; what is undone before that costs nothing.
 *
 * The key is the descriptor, the kernel's datum the descriptor and a generation: events that were
 * queued for a descriptor since closed find another generation, or none, and are dropped.
 *
 * @module
 */

import { EBADF, EPERM } from "./errno.ts";
import { BusyError, IoError } from "./errors.ts";
import { FAILED, HANGUP, type Poller, READABLE, URGENT, WAKER_TOKEN, WRITABLE } from "./poller.ts";
import type { Waker } from "../runtime/poll.ts";

/** Either of {@linkcode READABLE} and {@linkcode WRITABLE}. */
export type Direction = 1 | 2;

/** One wait for one direction of a descriptor. */
export interface FdWaiter {
  /** The descriptor is ready; the wait is over. Must not throw. */
  onReady(ready: number): void;
  /** The descriptor was closed, or cannot be waited for; the wait is over. Must not throw. */
  onFailed(error: Error): void;
  /** Who is woken, for `findTaskForFd`. */
  readonly waker: Waker | undefined;
  /** For dumps. */
  describe(): string;
}

/** Events that nobody waited for, in a row, before the kernel is told to be quiet. */
const MOST_UNCLAIMED = 2;

/** More than Linux gives a process by default (`fs.nr_open`). */
const FAR_FD = 1 << 20;

const HANGUPS = HANGUP | FAILED;

/** One descriptor, from its first wait until it is closed. */
export class Source {
  readonly fd: number;
  readonly generation: number;
  /** Nobody closes it but `forget`: what the kernel was told still holds. */
  owned: boolean;
  reader: FdWaiter | undefined = undefined;
  writer: FdWaiter | undefined = undefined;
  /** Interest the kernel has. */
  armed = 0;
  /** Interest to be dropped at the next flush. */
  unwanted = 0;
  /** In the list of changes. */
  isDirty = false;
  /** Events told so far; a wait that began before the last one must look again. */
  edges = 0;
  /** A short read took all there was; cleared by the next event. */
  drained = false;
  /** Hung up, failed, or with urgent data: a short read means nothing. */
  ended = false;
  unclaimed = 0;
  isForgotten = false;

  constructor(fd: number, generation: number, owned: boolean) {
    this.fd = fd;
    this.generation = generation;
    this.owned = owned;
  }

  /** Directions waited for. */
  get waited(): number {
    return (this.reader === undefined ? 0 : READABLE) | (this.writer === undefined ? 0 : WRITABLE);
  }
}

/** All descriptors of one event loop. */
export class Sources {
  readonly #byFd: (Source | undefined)[] = [];
  /** Numbers no system gives out in order: the array stays dense. */
  readonly #far = new Map<number, Source>();
  readonly #dirty: Source[] = [];
  #generation = 0;
  /** Waits going on. */
  waiting = 0;
  /** Events of descriptors that were gone. */
  stale = 0;
  /** Wakes taken. */
  wakes = 0;
  /** Called when there is a change to flush, or a first wait; set while the loop is parked. */
  onChange: (() => void) | undefined;
  /** Called for each event; set while somebody lists them. */
  onEvent: ((source: Source, ready: number) => void) | undefined;

  /** True when the kernel must be told something. */
  get hasChanges(): boolean {
    return this.#dirty.length > 0;
  }

  /** What is known of a descriptor. */
  get(fd: number): Source | undefined {
    return fd < FAR_FD ? this.#byFd[fd] : this.#far.get(fd);
  }

  /** The descriptor's source, made when there is none. */
  of(fd: number): Source {
    return this.get(fd) ?? this.#make(fd, false);
  }

  /** A new source for a descriptor that was made just now and that only we close. */
  own(fd: number): Source {
    this.renew(fd);
    return this.#make(fd, true);
  }

  /** The descriptor was made just now: what was known of its number is over. */
  renew(fd: number): void {
    const old = this.get(fd);
    if (old === undefined) return;
    this.#put(fd, undefined);
    this.#drop(
      old,
      new IoError("wait for", EBADF, fd, "(closed elsewhere, its number used again)"),
    );
  }

  /** As `own`, but of a descriptor that may be known and waited for already. */
  adopt(fd: number): Source {
    const known = this.get(fd);
    if (known === undefined) return this.#make(fd, true);
    known.owned = true;
    // Nobody vouched for what the kernel was told before: the next wait looks again.
    known.armed = 0;
    return known;
  }

  /** All sources with a waiter, in no order. */
  *waited(): Iterable<Source> {
    for (const source of [...this.#byFd, ...this.#far.values()]) {
      if (source !== undefined && source.waited !== 0) yield source;
    }
  }

  #make(fd: number, owned: boolean): Source {
    this.#generation = (this.#generation + 1) | 0;
    const source = new Source(fd, this.#generation, owned);
    this.#put(fd, source);
    return source;
  }

  #put(fd: number, source: Source | undefined): void {
    if (fd >= FAR_FD) {
      if (source === undefined) this.#far.delete(fd);
      else this.#far.set(fd, source);
      return;
    }
    const byFd = this.#byFd;
    while (byFd.length < fd) byFd.push(undefined);
    byFd[fd] = source;
  }

  /**
   * Begins a wait. `drained`: the direction was seen not to be ready, at `source.edges`.
   *
   * @throws {BusyError} If the direction has a waiter
   */
  wait(source: Source, direction: Direction, waiter: FdWaiter, drained: boolean): void {
    if (direction === READABLE) {
      if (source.reader !== undefined) throw new BusyError(source.fd, "read");
      source.reader = waiter;
    } else {
      if (source.writer !== undefined) throw new BusyError(source.fd, "write");
      source.writer = waiter;
    }
    this.waiting++;
    source.unwanted &= ~direction;
    if (!drained || !source.owned || (source.armed & direction) === 0) this.#changed(source);
    // Parked where nobody looked at the kernel.
    else if (this.waiting === 1) this.onChange?.();
  }

  /** Ends a wait from the waiter's side. */
  unwait(source: Source, direction: Direction, waiter: FdWaiter): void {
    if (direction === READABLE) {
      if (source.reader !== waiter) return;
      source.reader = undefined;
    } else {
      if (source.writer !== waiter) return;
      source.writer = undefined;
    }
    this.waiting--;
  }

  /** Ends every wait for the descriptor by `error`; call it before `close`. */
  forget(fd: number, error: Error, poller: Poller | undefined): void {
    const source = this.get(fd);
    if (source === undefined) return;
    this.#put(fd, undefined);
    // A duplicate of the descriptor would keep the registration alive.
    if (source.armed !== 0) poller?.change(fd, source.generation, 0, source.armed);
    this.#drop(source, error);
  }

  /** Ends every wait. */
  forgetAll(error: Error): void {
    const sources = [...this.#byFd, ...this.#far.values()].filter((one) => one !== undefined);
    this.#byFd.length = 0;
    this.#far.clear();
    this.#dirty.length = 0;
    for (const source of sources) this.#drop(source, error);
  }

  #drop(source: Source, error: Error): void {
    source.isForgotten = true;
    const { reader, writer } = source;
    source.reader = source.writer = undefined;
    if (reader !== undefined) {
      this.waiting--;
      reader.onFailed(error);
    }
    if (writer !== undefined) {
      this.waiting--;
      writer.onFailed(error);
    }
  }

  #changed(source: Source): void {
    if (source.isDirty) return;
    source.isDirty = true;
    this.#dirty.push(source);
    this.onChange?.();
  }

  /** Tells the kernel what changed. Answers how many waits it ended: those it refused. */
  flush(poller: Poller): number {
    const dirty = this.#dirty;
    for (let i = 0; i < dirty.length; i++) {
      const source = dirty[i]!;
      source.isDirty = false;
      if (source.isForgotten) continue;
      const { armed, unwanted, waited } = source;
      // Cancelled before the kernel heard of it. What it has may stay: at most two events more.
      if (waited === 0 && unwanted === 0) continue;
      source.unwanted = 0;
      const interest = source.owned ? (armed & ~unwanted) | waited : waited;
      source.armed = interest;
      poller.change(source.fd, source.generation, interest, armed);
    }
    dirty.length = 0;
    const refused = poller.flush();
    for (let i = 0; i < refused.length; i += 2) this.#refuse(refused[i]!, refused[i + 1]!);
    return refused.length >> 1;
  }

  #refuse(fd: number, errno: number): void {
    const source = this.get(fd);
    if (source === undefined) return;
    source.armed = 0;
    // A regular file is always ready, says POSIX; epoll refuses it.
    if (errno === EPERM) return this.#ready(source, READABLE | WRITABLE);
    this.#put(fd, undefined);
    this.#drop(source, new IoError("wait for", errno, fd));
  }

  /** Takes `count` events; answers how many descriptors they were for (not wakes, not stale). */
  dispatch(poller: Poller, count: number): number {
    let taken = 0;
    for (let i = 0; i < count; i++) {
      const fd = poller.fdAt(i);
      if (fd === WAKER_TOKEN) {
        this.wakes++;
        continue;
      }
      const source = this.get(fd);
      if (source === undefined || source.generation !== poller.generationAt(i)) {
        this.stale++;
        continue;
      }
      taken++;
      const ready = poller.readyAt(i);
      this.onEvent?.(source, ready);
      this.#ready(source, ready);
    }
    return taken;
  }

  #ready(source: Source, ready: number): void {
    source.edges++;
    source.drained = false;
    const { reader, writer } = source;
    let claimed = false;
    if ((ready & (HANGUPS | URGENT)) !== 0) source.ended = true;
    if (reader !== undefined && (ready & ~WRITABLE) !== 0) {
      claimed = true;
      source.reader = undefined;
      this.waiting--;
      reader.onReady(ready);
    }
    if (writer !== undefined && (ready & (WRITABLE | HANGUPS)) !== 0) {
      claimed = true;
      source.writer = undefined;
      this.waiting--;
      writer.onReady(ready);
    }
    if (claimed) source.unclaimed = 0;
    else if (++source.unclaimed >= MOST_UNCLAIMED) {
      source.unclaimed = 0;
      source.unwanted = source.armed & ~source.waited;
      this.#changed(source);
    }
  }
}
