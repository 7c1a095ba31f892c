/**
 * Descriptors with an owner: closed once, by nobody else, and waited for by whoever uses them.
 *
 * What the kernel was told of an owned descriptor still holds, so its waits cost no system call. It
 * is waited for in the loop of the runtime that uses it: used in another one, it moves there.
 *
 * @module
 */

import { ClosedError } from "../runtime/errors.ts";
import { context, currentTask } from "../runtime/host.ts";
import { FdOp, type Reactor } from "./fd_op.ts";
import { closeIn } from "./fd_ops.ts";
import { reactorOfHost } from "./reactor_runtime.ts";
import type { Direction, Source } from "./sources.ts";

/** A descriptor that is closed by its owner only: what streams, listeners and watchers are. */
export abstract class OwnedFd implements Disposable {
  #reactor: Reactor;
  #source: Source;
  #isClosed = false;

  /** Takes over an open, non-blocking descriptor. */
  constructor(reactor: Reactor, fd: number, isNew = true) {
    const { sources } = reactor.loop;
    this.#reactor = reactor;
    this.#source = isNew ? sources.own(fd) : sources.adopt(fd);
  }

  /** The descriptor. */
  get fd(): number {
    return this.#source.fd;
  }

  /** True after {@linkcode close}. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Closes it; whoever waits for it is woken by `ClosedError`. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeIn(this.#reactor, this.fd);
  }

  /** As {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Whose loop waits for it.
   *
   * @internal
   */
  get reactor(): Reactor {
    return this.#reactor;
  }

  /**
   * What its loop knows of it.
   *
   * @internal
   */
  get source(): Source {
    return this.#source;
  }

  /**
   * Throws once it is closed.
   *
   * @internal
   */
  mustBeOpen(action: string): void {
    if (this.#isClosed) throw new ClosedError(`Cannot ${action}: fd ${this.fd} is closed`);
  }

  /**
   * Moves it to the loop of the runtime whose task runs now, unless somebody waits for it.
   *
   * @internal
   */
  moveHere(): Reactor {
    const task = context.task ?? currentTask();
    const here = this.#reactor;
    if (task === undefined || task.host === here.host) return here;
    const reactor = reactorOfHost(task.host);
    if (reactor === undefined || this.#source.waited !== 0) return here;
    const { fd } = this;
    here.loop.forget(fd, new ClosedError(`Cannot go on with fd ${fd}: it moved`));
    this.#reactor = reactor;
    this.#source = reactor.loop.sources.adopt(fd);
    return reactor;
  }
}

/** An operation on an owned descriptor. */
export abstract class OwnedOp<T> extends FdOp<T> {
  /** What it is on. */
  protected readonly own: OwnedFd;

  constructor(own: OwnedFd, direction: Direction) {
    super(own.reactor, own.fd, direction);
    this.own = own;
  }

  /** To be called first by `attempt`: answers what the loop knows, or throws `ClosedError`. */
  protected settle(action: string): Source {
    const { own } = this;
    own.mustBeOpen(action);
    this.reactor = own.moveHere();
    return own.source;
  }
}

/** What `next` answers, again and again, until its descriptor is closed. */
export async function* untilClosed<T>(
  own: OwnedFd,
  next: () => PromiseLike<T>,
): AsyncGenerator<T> {
  while (!own.isClosed) {
    let value: T;
    try {
      value = await next();
    } catch (error) {
      if (error instanceof ClosedError && own.isClosed) return;
      throw error;
    }
    yield value;
  }
}
