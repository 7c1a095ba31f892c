/**
 * A body that runs while something is held: first the wait, then the body, then the release.
 *
 * In a generator task a generator body is part of that task: it costs no more than the wait. Any
 * other body runs in a scope of its own, so that a cancel reaches it and its cleanup is over before
 * the release; also when whoever waited for it lost interest.
 *
 * @module
 */

import {
  asGenerator,
  generatorNext,
  generatorThrow,
  isGeneratorFunction,
} from "../../runtime/bodies.ts";
import { typeOf } from "../../runtime/clock.ts";
import { Future } from "../../runtime/future.ts";
import type { Host, WakeSource } from "../../runtime/host.ts";
import {
  isPollable,
  isPromiseLike,
  PENDING,
  type Poll,
  type Pollable,
  type Waker,
} from "../../runtime/poll.ts";
import { type Scope, ScopeOperation } from "../scope.ts";
import type { Edges } from "./lock_cycles.ts";

/** A body of a section: a function, async function or generator function. */
export type SectionBody<H, T> = (held: H) => Generator<unknown, T> | PromiseLike<T> | T;

/** How a section gets what it holds, and gives it back. */
export interface SectionPlan<H, T> {
  /** For errors and dumps. */
  readonly name: string;
  /** What is held. */
  readonly wait: Future<H>;
  /** Gives it back; called once. Must only wake. */
  readonly release: (held: H) => void;
  /** Answers the value at once, where no body need run. */
  readonly shortcut?: (held: H) => { readonly value: T } | undefined;
}

/** The part of a wait for a lock that the wait-for graph looks at. */
interface LockWait {
  readonly isLockWait?: boolean;
  readonly awaitedOwner?: Edges | undefined;
}

/** As the section itself runs it; without a scope, as a part of a generator task. */
type Run<H, T> = (
  held: H,
  scope: Scope | undefined,
) => Generator<unknown, T> | PromiseLike<T> | T;

/** Checks the body at the door. */
export function checkBody(body: unknown, action: string): void {
  if (typeof body !== "function") {
    throw new TypeError(`Cannot ${action}: body is ${typeOf(body)} (must be a function)`);
  }
}

/** See the head of this file. Lazy, and runs once. */
export class Section<H, T> extends Future<T> implements Waker {
  readonly #plan: SectionPlan<H, T>;
  readonly #body: Run<H, T>;
  #held: { readonly held: H } | undefined = undefined;
  #running: ScopeOperation<T> | undefined = undefined;
  #waker: Waker | undefined = undefined;

  constructor(plan: SectionPlan<H, T>, body: Run<H, T>) {
    super();
    this.#plan = plan;
    this.#body = body;
  }

  poll(waker: Waker): Poll<T> {
    this.#waker = waker;
    if (this.#running === undefined) {
      const { wait, shortcut, name } = this.#plan;
      const held = wait.poll(waker);
      if (held === PENDING) return PENDING;
      const done = shortcut?.(held);
      if (done !== undefined) return done.value;
      this.#held = { held };
      try {
        this.#running = new ScopeOperation((s) => this.#body(held, s), { name }, "run a section");
      } catch (error) {
        this.#release();
        throw error;
      }
    }
    let value: Poll<T>;
    try {
      value = this.#running.poll(this);
    } catch (error) {
      this.#release();
      throw error;
    }
    if (value !== PENDING) this.#release();
    return value;
  }

  /** The body has ended, with all it started. */
  wake(): void {
    this.#release();
    this.#waker?.wake();
  }

  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#plan.release(held.held);
  }

  override cancel(reason: unknown): void {
    if (this.#waker !== undefined) this.abandon(this.#waker, reason);
  }

  /** The body is cancelled, and ends by itself. */
  override abandon(waker: Waker, reason: unknown): boolean {
    if (this.#running === undefined) return this.#plan.wait.abandon(waker, reason);
    return this.#running.abandon(this, reason);
  }

  /** In a generator task, a generator body goes on in that task. */
  override [Symbol.iterator](): Iterator<Future<T>, T, unknown> {
    return isGeneratorFunction(this.#body)
      ? this.#inTask() as Iterator<Future<T>, T, unknown>
      : super[Symbol.iterator]();
  }

  *#inTask(): Generator<unknown, T> {
    const { wait, release, shortcut } = this.#plan;
    const held = yield* wait;
    const done = shortcut?.(held);
    if (done !== undefined) return done.value;
    try {
      // By hand: a body that is a closure has a prototype of its own, which `yield*` is slow with.
      const body = this.#body(held, undefined) as Generator<unknown, T>;
      let step = generatorNext.call(body) as IteratorResult<unknown, T>;
      while (!step.done) {
        let sent: unknown;
        try {
          sent = yield step.value;
        } catch (error) {
          step = generatorThrow.call(body, error) as IteratorResult<unknown, T>;
          continue;
        }
        step = generatorNext.call(body, sent) as IteratorResult<unknown, T>;
      }
      return step.value;
    } finally {
      release(held);
    }
  }

  override describe(): string {
    return (this.#running ?? this.#plan.wait).describe();
  }

  override get source(): WakeSource {
    return (this.#running ?? this.#plan.wait).source;
  }

  /** @internal */
  override get home(): Host | undefined {
    return (this.#running ?? this.#plan.wait).home;
  }

  get #lockWait(): LockWait {
    return this.#plan.wait as unknown as LockWait;
  }

  /** See `AcquireWait.isLockWait`. */
  get isLockWait(): boolean {
    return this.#running === undefined && this.#lockWait.isLockWait === true;
  }

  /** See `AcquireWait.awaitedOwner`; later the scope of the body. */
  get awaitedOwner(): Edges | undefined {
    return this.#running?.awaitedOwner ?? this.#lockWait.awaitedOwner;
  }
}

/** Calls `use` with what a body makes, in whichever way it makes it. */
export function whenMade<T, R>(
  made: Generator<unknown, T> | PromiseLike<T> | T,
  use: (value: T) => R,
): Generator<unknown, R> | PromiseLike<R> | R {
  if (typeof made !== "object" || made === null) return use(made);
  const generator = asGenerator<T>(made);
  if (generator !== undefined) {
    return (function* () {
      return use(yield* generator);
    })();
  }
  if (isPollable(made)) return Future.from(made as unknown as Pollable<T>).map(use);
  return isPromiseLike(made) ? (made as PromiseLike<T>).then(use) : use(made as T);
}
