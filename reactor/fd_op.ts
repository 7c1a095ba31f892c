/**
 * Operations on descriptors as futures: try the system call, wait only when it would block.
 *
 * In a generator task an operation that need not wait costs no turn: the first step of `yield*` is
 * the system call itself. It passes through the task's loop when it must wait, when the turn's
 * budget is spent, and when the task is cancelled, so it is a cancel point like any other future.
 *
 * @module
 */

import { Future } from "../runtime/future.ts";
import { context, type Host, WAKE_INSIDE, WAKE_OUTSIDE, type WakeSource } from "../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import type { LoopCore } from "./loop_core.ts";
import { READABLE } from "./poller.ts";
import type { Direction, FdWaiter, Source } from "./sources.ts";

/** A reactor, as its operations see it. */
export interface Reactor {
  /** Its event loop. */
  readonly loop: LoopCore;
  /** The executor that drives the loop. */
  readonly host: Host;
}

const NEW = 0;
/** Tried, would block; not yet registered. */
const TRIED = 1;
const WAITING = 2;
const FIRED = 3;
const DONE = 4;
const BROKEN = 5;

/** One operation on one descriptor; waits for one direction. */
export abstract class FdOp<T> extends Future<T> implements FdWaiter, Iterator<Future<T>, T> {
  /** Whose loop waits. */
  protected reactor: Reactor;
  /** The descriptor; -1 while it is not known. */
  protected fd: number;
  readonly #direction: Direction;
  #state = NEW;
  #step = 0;
  #source: Source | undefined = undefined;
  #edges = 0;
  #waker: Waker | undefined = undefined;
  #result: unknown = undefined;
  #holds = false;

  constructor(reactor: Reactor, fd: number, direction: Direction) {
    super();
    this.reactor = reactor;
    this.fd = fd;
    this.#direction = direction;
  }

  /** The operation itself: its value, a throw, or `PENDING` when it would block now. */
  protected abstract attempt(): Poll<T>;

  /** False where `attempt` found nothing out: the kernel must then look by itself. */
  protected get sawBlocked(): boolean {
    return true;
  }

  /** The operation was given up, or its descriptor is gone. Must not throw. */
  protected giveUp(): void {}

  /** True after the descriptor became ready. */
  protected get hasFired(): boolean {
    return this.#state === FIRED;
  }

  poll(waker: Waker): Poll<T> {
    switch (this.#state) {
      case WAITING:
        this.#waker = waker;
        return PENDING;
      case DONE:
        return this.#result as T;
      case BROKEN:
        throw this.#result;
      case TRIED:
        // Nothing ran since, unless somebody steps the iterator by hand.
        if (this.#source!.edges === this.#edges && !this.#source!.isForgotten) break;
        // falls through
      default: {
        const value = this.#try();
        if (value !== PENDING) return value;
      }
    }
    this.#waker = waker;
    this.#wait();
    return PENDING;
  }

  #try(): Poll<T> {
    try {
      const value = this.attempt();
      if (value === PENDING) {
        const { sources } = this.reactor.loop;
        this.#source = sources.of(this.fd);
        this.#edges = this.#source.edges;
        this.#state = TRIED;
        return PENDING;
      }
      this.#state = DONE;
      this.#result = value;
      return value;
    } catch (error) {
      this.#state = BROKEN;
      this.#result = error;
      this.giveUp();
      throw error;
    }
  }

  #wait(): void {
    const { loop, host } = this.reactor;
    this.#state = WAITING;
    try {
      loop.watch(this.#source!, this.#direction, this, this.sawBlocked);
    } catch (error) {
      this.#state = BROKEN;
      this.#result = error;
      this.giveUp();
      throw error;
    }
    // Polled by another runtime, or by nobody's: then nobody else drives our loop.
    if (context.host !== host) {
      this.#holds = true;
      host.hold(undefined);
    }
  }

  #over(): void {
    if (!this.#holds) return;
    this.#holds = false;
    this.reactor.host.release(undefined);
  }

  /** See {@linkcode FdWaiter}. */
  onReady(): void {
    this.#state = FIRED;
    this.#over();
    this.#waker?.wake();
  }

  /** See {@linkcode FdWaiter}. */
  onFailed(error: Error): void {
    this.#state = BROKEN;
    this.#result = error;
    this.#over();
    this.giveUp();
    this.#waker?.wake();
  }

  /** See {@linkcode FdWaiter}. */
  get waker(): Waker | undefined {
    return this.#waker;
  }

  override cancel(): void {
    if (this.#state === DONE || this.#state === BROKEN) return;
    if (this.#state === WAITING) {
      this.reactor.loop.sources.unwait(this.#source!, this.#direction, this);
      this.#over();
    }
    this.#state = NEW;
    this.#waker = undefined;
    this.giveUp();
  }

  override describe(): string {
    return `${this.#direction === READABLE ? "read" : "write"} fd ${this.fd}`;
  }

  override get source(): WakeSource {
    return this.reactor.loop.isSimulated ? WAKE_INSIDE : WAKE_OUTSIDE;
  }

  /** @internal */
  override get home(): Host {
    return this.reactor.host;
  }

  // ---- steps of `yield*` ----------------------------------------------------------------------

  override [Symbol.iterator](): Iterator<Future<T>, T, unknown> {
    this.#step = 0;
    return this;
  }

  /** See `Iterator`. */
  next(value?: unknown): IteratorResult<Future<T>, T> {
    if (this.#step !== 0) return { done: true, value: value as T };
    this.#step = 1;
    const { task, host } = context;
    if (
      this.#state === NEW && task !== undefined && task.pendingCancel === undefined &&
      host!.takeBudget()
    ) {
      const ready = this.#try();
      if (ready !== PENDING) return { done: true, value: ready };
    }
    return { done: false, value: this };
  }

  /** See `Iterator`. */
  throw(error: unknown): IteratorResult<Future<T>, T> {
    throw error;
  }

  /** See `Iterator`. */
  return(value: T): IteratorResult<Future<T>, T> {
    return { done: true, value };
  }
}

/** The descriptor is ready; nothing is read or written. */
export class FdReady extends FdOp<void> {
  protected attempt(): Poll<void> {
    return this.hasFired ? undefined : PENDING;
  }

  protected override get sawBlocked(): boolean {
    return false;
  }
}
