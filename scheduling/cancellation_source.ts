/**
 * Cancellation as an object of its own: one side asks, any number of others look, wait or listen.
 *
 * Tasks and groups need none of this: they are cancelled by their handles. It is for what stands
 * outside the tree of tasks: a request that several scopes share, a library that takes a token.
 *
 * Sources form a graph: a child, or a linked source, follows others. A cancel first marks everything
 * that follows, then wakes, aborts and calls back. So whoever is told sees the whole graph cancelled
 * already, and depth costs no stack.
 *
 *   active -> cancellation_requested (while the callbacks run) -> cancelled
 *
 * @module
 */

import { checkTimeout } from "../runtime/clock.ts";
import { Cancelled } from "../runtime/errors.ts";
import { Future } from "../runtime/future.ts";
import { WAKE_MAYBE, WAKE_OUTSIDE, type WakeSource } from "../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import {
  Callbacks,
  callbacksFailed,
  checkCallback,
  Registration,
} from "./cancellation_callbacks.ts";
import {
  type CancellationCallback,
  type CancellationReason,
  type CancellationState,
  checkReason,
  thrownFor,
  toCause,
  type Why,
  whyOfParent,
  whyOfSignal,
} from "./cancellation_reason.ts";
import { CancellationToken, WHEN_CANCELLED } from "./cancellation_token.ts";
import { QuietTimer } from "./quiet_timer.ts";
import { checkSignal, listenOnce } from "./signals.ts";

/** Makes a source follow others as an equal: with their reason, not as a child. */
export let follow: (
  follower: CancellationSource,
  inputs: ReadonlySet<CancellationSource | AbortSignal>,
) => void;
/** What the future below may do with a source. */
let pollCancelled: (source: CancellationSource, waker: Waker) => Poll<CancellationReason>;
let forgetWaiter: (source: CancellationSource, waker: Waker) => void;
/** A timer is at work for the source, or for one it follows. */
let isTimed: (source: CancellationSource) => boolean;

/**
 * The asking side of a cancellation.
 *
 * Hand out its {@linkcode token}, or its `signal` to what takes an `AbortSignal`: `fetch`, or
 * `scope(body, { signal: source.signal })`. The first cancel wins; it is never taken back.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { Cancelled, CancellationSource, scope } from "@vais/runtime";
 *
 * using source = new CancellationSource();
 * const work = scope((s) => s.sleep(60_000), { signal: source.signal });
 * source.cancelWithReason("shutdown", "SIGTERM");
 * await assertRejects(() => work, Cancelled, "shutdown on SIGTERM");
 * assertEquals([source.state, source.reason, source.message], ["cancelled", "shutdown", "SIGTERM"]);
 * ```
 */
export class CancellationSource implements Disposable {
  #state: CancellationState = "active";
  #why: Why | undefined = undefined;
  /** The sources it follows. */
  #leaders: CancellationSource[] = [];
  /** Follows as an equal, with the same reason, not as a child. */
  #isLinked = false;
  #followers: Set<CancellationSource> | undefined = undefined;
  #callbacks: Callbacks | undefined = undefined;
  #waiters: Set<Waker> | undefined = undefined;
  /** Removes the listeners on foreign signals. */
  #stopListening: (() => void)[] | undefined = undefined;
  #timer: QuietTimer | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #token: CancellationToken | undefined = undefined;
  readonly #madeMs = performance.now();

  /**
   * A source that is cancelled when the signal aborts, at once if it has.
   *
   * One listener, gone when the source is cancelled or disposed of. A reason that came from a source
   * is known again; of others, a `TimeoutError` is `timeout`, another error is `error_occurred`.
   *
   * @throws {TypeError} If it is not an AbortSignal
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { CancellationSource } from "@vais/runtime";
   *
   * const controller = new AbortController();
   * using source = CancellationSource.fromSignal(controller.signal);
   * controller.abort("tab closed");
   * assertEquals([source.reason, source.message], ["user_requested", "tab closed"]);
   * ```
   */
  static fromSignal(signal: AbortSignal): CancellationSource {
    checkSignal(signal, "make CancellationSource");
    const source = new CancellationSource();
    source.#listen(signal);
    return source;
  }

  static {
    follow = (follower, inputs) => {
      follower.#isLinked = true;
      for (const input of inputs) {
        if (follower.#state !== "active") return;
        if (input instanceof CancellationSource) follower.#follow(input);
        else follower.#listen(input);
      }
    };
    pollCancelled = (source, waker) => {
      if (source.#why !== undefined) return source.#why.reason;
      (source.#waiters ??= new Set()).add(waker);
      return PENDING;
    };
    forgetWaiter = (source, waker) => {
      source.#waiters?.delete(waker);
    };
    isTimed = (source) => {
      const above = [source];
      for (let i = 0; i < above.length; i++) {
        if (above[i]!.#timer !== undefined) return true;
        for (const leader of above[i]!.#leaders) above.push(leader);
      }
      return false;
    };
  }

  #follow(leader: CancellationSource): void {
    const why = leader.#why;
    if (why !== undefined) {
      this.#cancel(this.#isLinked ? why : whyOfParent(why));
      return;
    }
    (leader.#followers ??= new Set()).add(this);
    this.#leaders.push(leader);
  }

  #listen(signal: AbortSignal): void {
    const stop = listenOnce(signal, (reason) => this.#cancel(whyOfSignal(reason)));
    if (stop !== undefined) (this.#stopListening ??= []).push(stop);
  }

  /**
   * Cancels because the user asked for it. Never waits; a later cancel changes nothing.
   *
   * Children are cancelled too. When this returns, all callbacks have run; tasks that wait have been
   * woken.
   *
   * @returns False when it was cancelled before
   * @throws {AggregateError} What callbacks threw, here and in sources that follow, after all of them
   * ran; the cancellation is complete all the same. When a timer or a signal cancels, the host has it
   * as an uncaught exception.
   */
  cancel(): boolean {
    return this.cancelWithReason("user_requested");
  }

  /**
   * As {@linkcode cancel}, with a reason and a text for people.
   *
   * What `Cancelled` carries: `user_requested`, `resource_exhausted` and `error_occurred` become
   * `{ kind: "requested" }`, `timeout` becomes `deadline` (with the age of the source as its limit),
   * `parent_cancelled` becomes `parent`, and `shutdown` is `shutdown`.
   *
   * @throws {TypeError} If `reason` or `message` is not a string
   * @throws {RangeError} If `reason` is not one of {@linkcode CancellationReason}
   */
  cancelWithReason(reason: CancellationReason, message?: string): boolean {
    checkReason(reason, message);
    if (this.#state !== "active") return false;
    const cause = toCause(reason, message, Math.round(performance.now() - this.#madeMs));
    // Made now, so that its stack shows who asked.
    return this.#cancel({ reason, message, cause, thrown: new Cancelled(cause) });
  }

  /**
   * Cancels with `timeout` after `ms`, unless something else does before; 0 is the next host turn.
   *
   * A real timer of the host, also beside virtual time: a scope's `timeoutMs` follows the runtime's
   * clock. It does not keep the process alive, and disposing of the source clears it. A later
   * call replaces it; `Infinity`, `null` and `undefined` mean no limit.
   *
   * @throws {RangeError} If `ms` is negative or NaN
   */
  cancelAfter(ms: number | null | undefined): void {
    const limitMs = checkTimeout(ms, "cancel later", "ms");
    this.#timer?.stop();
    this.#timer = undefined;
    if (limitMs === Infinity || this.#state !== "active") return;
    this.#timer = new QuietTimer(limitMs, () =>
      this.#cancel({
        reason: "timeout",
        message: `Timed out after ${limitMs} ms`,
        cause: { kind: "deadline", timeoutMs: limitMs },
        thrown: undefined,
      }));
  }

  /** Marks everything that follows, then tells all of it; iterative, so depth costs no stack. */
  #cancel(why: Why): boolean {
    if (this.#state !== "active") return false;
    this.#state = "cancellation_requested";
    this.#why = why;
    const reached: CancellationSource[] = [this];
    for (let i = 0; i < reached.length; i++) {
      const source = reached[i]!;
      const followers = source.#followers;
      source.#followers = undefined;
      source.#letGo();
      if (followers === undefined) continue;
      for (const follower of followers) {
        if (follower.#state !== "active") continue;
        follower.#state = "cancellation_requested";
        follower.#why = follower.#isLinked ? source.#why! : whyOfParent(source.#why!);
        reached.push(follower);
      }
    }
    const errors: unknown[] = [];
    for (const source of reached) source.#tell(errors);
    for (const source of reached) source.#state = "cancelled";
    if (errors.length > 0) throw callbacksFailed(errors);
    return true;
  }

  #tell(errors: unknown[]): void {
    const waiters = this.#waiters;
    this.#waiters = undefined;
    if (waiters !== undefined) { for (const waker of waiters) waker.wake(); }
    const why = this.#why!;
    this.#controller?.abort(thrownFor(why));
    this.#callbacks?.call(why, errors);
  }

  /** Nothing can cancel it any more but a call. */
  #letGo(): void {
    this.#timer?.stop();
    this.#timer = undefined;
    for (const leader of this.#leaders) leader.#followers?.delete(this);
    this.#leaders = [];
    for (const stop of this.#stopListening ?? []) stop();
    this.#stopListening = undefined;
  }

  /**
   * A source that is cancelled with this one, with `parent_cancelled`; at once if this one is. What
   * it throws has the whole chain of reasons.
   *
   * Dispose of it when it is not needed any more: until then its parent holds it.
   *
   * @example
   * ```ts
   * import { assertEquals, assertThrows } from "@std/assert";
   * import { Cancelled, CancellationSource } from "@vais/runtime";
   *
   * const parent = new CancellationSource();
   * using child = parent.createChild();
   * parent.cancelWithReason("user_requested", "closed the tab");
   * assertEquals(child.reason, "parent_cancelled");
   * assertThrows(() => child.throwIfCancellationRequested(), Cancelled, "closed the tab");
   * ```
   */
  createChild(): CancellationSource {
    const child = new CancellationSource();
    child.#follow(this);
    return child;
  }

  /** See {@linkcode CancellationState}. */
  get state(): CancellationState {
    return this.#state;
  }

  /** True from the first cancel on, in the callbacks too. */
  get isCancellationRequested(): boolean {
    return this.#state !== "active";
  }

  /** True once all callbacks have run. */
  get isCancelled(): boolean {
    return this.#state === "cancelled";
  }

  /** Why; `undefined` while active. */
  get reason(): CancellationReason | undefined {
    return this.#why?.reason;
  }

  /** The text that was given with the reason. */
  get message(): string | undefined {
    return this.#why?.message;
  }

  /** Its read-only side; always the same one. */
  get token(): CancellationToken {
    return this.#token ??= new CancellationToken(this);
  }

  /** Aborts with this source; its reason is the `Cancelled`. Made when first read. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#why !== undefined) this.#controller.abort(thrownFor(this.#why));
    }
    return this.#controller.signal;
  }

  /** The same as {@linkcode signal}. */
  toSignal(): AbortSignal {
    return this.signal;
  }

  /** What a cancel would reach now: children, linked sources, callbacks and waits. For finding leaks. */
  get subscriberCount(): number {
    return (this.#followers?.size ?? 0) + (this.#callbacks?.size ?? 0) + (this.#waiters?.size ?? 0);
  }

  /**
   * Calls back on cancel, in the order of registration; at once if it is cancelled already.
   *
   * Runs synchronously inside the cancel, when this source and all that follow it are marked. It may
   * call anything here. Disposing of the registration removes it.
   *
   * @throws {TypeError} If it is not a function
   */
  onCancel(callback: CancellationCallback): Disposable {
    checkCallback(callback);
    const why = this.#why;
    if (why === undefined) return (this.#callbacks ??= new Callbacks()).add(callback);
    callback(why.reason, why.message);
    return new Registration(callback, undefined);
  }

  /** @internal */
  [WHEN_CANCELLED](): Future<CancellationReason> {
    return new WhenCancelled(this);
  }

  /** Throws `Cancelled` once a cancel was asked for; the same instance each time. */
  throwIfCancellationRequested(): void {
    if (this.#why !== undefined) throw thrownFor(this.#why);
  }

  /**
   * Lets go of its parent, its timer and the signals it follows, without cancelling. Idempotent.
   *
   * It can still be cancelled by a call; its own children stay with it.
   */
  [Symbol.dispose](): void {
    this.#letGo();
  }
}

class WhenCancelled extends Future<CancellationReason> {
  readonly #source: CancellationSource;

  constructor(source: CancellationSource) {
    super();
    this.#source = source;
  }

  poll(waker: Waker): Poll<CancellationReason> {
    return pollCancelled(this.#source, waker);
  }

  override abandon(waker: Waker): boolean {
    forgetWaiter(this.#source, waker);
    return true;
  }

  override describe(): string {
    return "cancellation";
  }

  override get source(): WakeSource {
    return isTimed(this.#source) ? WAKE_OUTSIDE : WAKE_MAYBE;
  }
}
