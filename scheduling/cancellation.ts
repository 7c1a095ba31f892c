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

import { checkTimeout, typeOf } from "../runtime/clock.ts";
import { Cancelled, type CancelReason, describeReason } from "../runtime/errors.ts";
import { Future } from "../runtime/future.ts";
import { WAKE_MAYBE, WAKE_OUTSIDE, type WakeSource } from "../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import { checkSignal, listenOnce } from "./signals.ts";

/** Why a {@linkcode CancellationSource} was cancelled. */
export type CancellationReason =
  | "user_requested"
  | "timeout"
  | "parent_cancelled"
  | "resource_exhausted"
  | "shutdown"
  | "error_occurred";

/** How far a cancellation has come; the middle state is that of the callbacks. */
export type CancellationState = "active" | "cancellation_requested" | "cancelled";

/** Told of a cancellation. What it throws is thrown by the cancel, after all others were told. */
export type CancellationCallback = (
  reason: CancellationReason,
  message: string | undefined,
) => void;

/** What a {@linkcode LinkedCancellation} can follow. */
export type CancellationInput = CancellationSource | CancellationToken | AbortSignal;

const REASONS: readonly string[] = [
  "user_requested",
  "timeout",
  "parent_cancelled",
  "resource_exhausted",
  "shutdown",
  "error_occurred",
];

/** A cancellation as told here, and as it is thrown. */
interface Why {
  readonly reason: CancellationReason;
  readonly message: string | undefined;
  readonly cause: CancelReason;
  /** Made when first needed; all who are cancelled for this share it. */
  thrown: Cancelled | undefined;
}

/** How our own reasons are known again when they come back as the reason of a signal. */
const known = new WeakMap<CancelReason, Why>();

function thrownFor(why: Why): Cancelled {
  if (why.thrown === undefined) why.thrown = Cancelled.quiet(why.cause);
  known.set(why.cause, why);
  return why.thrown;
}

/** The reason as tasks and scopes tell it. */
function toCause(
  reason: CancellationReason,
  message: string | undefined,
  timeoutMs: number,
): CancelReason {
  switch (reason) {
    case "user_requested":
      return message === undefined ? { kind: "requested" } : { kind: "requested", note: message };
    case "timeout":
      return message === undefined
        ? { kind: "deadline", timeoutMs }
        : { kind: "deadline", timeoutMs, by: message };
    case "parent_cancelled":
      return {
        kind: "parent",
        by: "parent source",
        cause: message === undefined ? { kind: "requested" } : { kind: "requested", note: message },
      };
    case "shutdown":
      return message === undefined ? { kind: "shutdown" } : { kind: "shutdown", signal: message };
    case "resource_exhausted":
    case "error_occurred":
      return {
        kind: "requested",
        note: message === undefined ? reason : `${reason}: ${message}`,
      };
  }
}

/** The reason of an aborted signal, whoever aborted it. */
function whyOfSignal(reason: unknown): Why {
  const thrown = reason instanceof Cancelled ? reason : Cancelled.quiet({ kind: "signal", reason });
  const same = known.get(thrown.reason);
  return same ?? { ...classify(reason), cause: thrown.reason, thrown };
}

function classify(
  reason: unknown,
): { reason: CancellationReason; message: string | undefined } {
  let at = reason;
  while (at instanceof Cancelled && at.reason.kind === "signal") at = at.reason.reason;
  if (at instanceof Cancelled) {
    const own = known.get(at.reason);
    if (own !== undefined) return { reason: own.reason, message: own.message };
    return { reason: REASON_OF_KIND[at.reason.kind], message: describeReason(at.reason) };
  }
  if (typeof at === "string") {
    return REASONS.includes(at)
      ? { reason: at as CancellationReason, message: undefined }
      : { reason: "user_requested", message: at };
  }
  if (typeof at !== "object" || at === null) {
    return { reason: "user_requested", message: undefined };
  }
  const { name, message } = at as { name?: unknown; message?: unknown };
  return {
    reason: name === "TimeoutError"
      ? "timeout"
      : at instanceof Error && name !== "AbortError"
      ? "error_occurred"
      : "user_requested",
    message: typeof message === "string" ? message : undefined,
  };
}

const REASON_OF_KIND: Readonly<Record<CancelReason["kind"], CancellationReason>> = {
  requested: "user_requested",
  deadline: "timeout",
  parent: "parent_cancelled",
  "sibling-failed": "error_occurred",
  signal: "user_requested",
  shutdown: "shutdown",
};

/** A callback in a source's list. */
class Registration implements Disposable {
  #list: Set<Registration> | undefined;
  readonly callback: CancellationCallback;

  constructor(callback: CancellationCallback, list: Set<Registration> | undefined) {
    this.callback = callback;
    this.#list = list;
    list?.add(this);
  }

  [Symbol.dispose](): void {
    this.#list?.delete(this);
    this.#list = undefined;
  }
}

/** The longest timer hosts take; longer ones are made of several. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

type TimerId = number | { unref?(): void };

interface HostTimers {
  setTimeout(callback: () => void, ms: number): TimerId;
  clearTimeout(timer: TimerId): void;
  Deno?: { unrefTimer?(timer: number): void };
}

/** A host timer of any length, never early, that does not keep the process alive. */
class QuietTimer {
  readonly ms: number;
  readonly #whenMs: number;
  readonly #onDue: () => void;
  #id: TimerId;

  constructor(ms: number, onDue: () => void) {
    this.ms = ms;
    this.#whenMs = performance.now() + ms;
    this.#onDue = onDue;
    this.#id = this.#arm(ms);
  }

  #arm(ms: number): TimerId {
    const host = globalThis as unknown as HostTimers;
    const id = host.setTimeout(() => {
      const left = this.#whenMs - performance.now();
      if (left > 0) this.#id = this.#arm(left);
      else this.#onDue();
    }, Math.min(Math.ceil(ms), LONGEST_TIMER_MS));
    if (typeof id === "number") host.Deno?.unrefTimer?.(id);
    else id.unref?.();
    return id;
  }

  stop(): void {
    (globalThis as unknown as HostTimers).clearTimeout(this.#id);
  }
}

/** What the classes below may do with a source. */
let follow: (
  follower: CancellationSource,
  inputs: ReadonlySet<CancellationSource | AbortSignal>,
) => void;
let pollCancelled: (source: CancellationSource, waker: Waker) => Poll<CancellationReason>;
let forgetWaiter: (source: CancellationSource, waker: Waker) => void;
let sourceOf: (token: CancellationToken) => CancellationSource | undefined;
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
  #callbacks: Set<Registration> | undefined = undefined;
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
      this.#cancel(this.#inherited(why));
      return;
    }
    (leader.#followers ??= new Set()).add(this);
    this.#leaders.push(leader);
  }

  #listen(signal: AbortSignal): void {
    const stop = listenOnce(signal, (reason) => this.#cancel(whyOfSignal(reason)));
    if (stop !== undefined) (this.#stopListening ??= []).push(stop);
  }

  #inherited(why: Why): Why {
    if (this.#isLinked) return why;
    return {
      reason: "parent_cancelled",
      message: "Parent was cancelled",
      cause: { kind: "parent", by: "parent source", cause: why.cause },
      thrown: undefined,
    };
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
    if (typeof reason !== "string") {
      throw new TypeError(`Cannot cancel: reason is ${typeOf(reason)} (must be a string)`);
    }
    if (!REASONS.includes(reason)) {
      throw new RangeError(
        `Cannot cancel: reason is ${JSON.stringify(reason)} (must be one of ${REASONS.join(", ")})`,
      );
    }
    if (message !== undefined && typeof message !== "string") {
      throw new TypeError(`Cannot cancel: message is ${typeOf(message)} (must be a string)`);
    }
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
        follower.#why = follower.#inherited(source.#why!);
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
    const callbacks = this.#callbacks;
    if (callbacks === undefined) return;
    // A live walk: what a callback removes is not called any more.
    for (const registration of callbacks) {
      callbacks.delete(registration);
      try {
        registration.callback(why.reason, why.message);
      } catch (error) {
        errors.push(error);
      }
    }
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
    if (typeof callback !== "function") {
      throw new TypeError(
        `Cannot register: the callback is ${typeOf(callback)} (must be a function)`,
      );
    }
    const why = this.#why;
    if (why === undefined) return new Registration(callback, this.#callbacks ??= new Set());
    callback(why.reason, why.message);
    return new Registration(callback, undefined);
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

function callbacksFailed(errors: readonly unknown[]): AggregateError {
  return new AggregateError(
    errors,
    `Cannot finish cancel: ${errors.length} ${
      errors.length === 1 ? "callback" : "callbacks"
    } threw (see errors; everything is cancelled)`,
    { cause: errors[0] },
  );
}

/**
 * The looking side of a cancellation: it cannot cancel.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { CancellationSource, type CancellationToken, Runtime } from "@vais/runtime";
 *
 * const source = new CancellationSource();
 * function* watch(token: CancellationToken) {
 *   return `stopped: ${yield* token.cancelled()}`;
 * }
 * const runtime = new Runtime();
 * const watcher = runtime.spawn(() => watch(source.token));
 * runtime.runUntilStalled();
 * source.cancel();
 * assertEquals(await watcher, "stopped: user_requested");
 * ```
 */
export class CancellationToken {
  static #none: CancellationToken | undefined;
  readonly #source: CancellationSource | undefined;

  /** Made by `CancellationSource.token`. */
  constructor(source?: CancellationSource) {
    if (source !== undefined && !(source instanceof CancellationSource)) {
      throw new TypeError(
        `Cannot create CancellationToken: source is ${
          typeOf(source)
        } (must be a CancellationSource)`,
      );
    }
    this.#source = source;
  }

  static {
    sourceOf = (token) => token.#source;
  }

  /** The token that is never cancelled. */
  static none(): CancellationToken {
    return CancellationToken.#none ??= new CancellationToken();
  }

  /** See {@linkcode CancellationState}. */
  get state(): CancellationState {
    return this.#source?.state ?? "active";
  }

  /** True from the first cancel on, in the callbacks too. */
  get isCancellationRequested(): boolean {
    return this.#source?.isCancellationRequested ?? false;
  }

  /** True once all callbacks have run. */
  get isCancelled(): boolean {
    return this.#source?.isCancelled ?? false;
  }

  /** Why; `undefined` while active. */
  get reason(): CancellationReason | undefined {
    return this.#source?.reason;
  }

  /** The text that was given with the reason. */
  get message(): string | undefined {
    return this.#source?.message;
  }

  /** Aborts with the source. */
  get signal(): AbortSignal {
    // Each its own, so that nothing piles up on a signal which never aborts.
    return this.#source?.signal ?? new AbortController().signal;
  }

  /** See `CancellationSource.onCancel`. */
  register(callback: CancellationCallback): Disposable {
    if (this.#source !== undefined) return this.#source.onCancel(callback);
    if (typeof callback !== "function") {
      throw new TypeError(
        `Cannot register: the callback is ${typeOf(callback)} (must be a function)`,
      );
    }
    return new Registration(callback, undefined);
  }

  /** Throws `Cancelled` once a cancel was asked for. */
  throwIfCancelled(): void {
    this.#source?.throwIfCancellationRequested();
  }

  /** A future of the reason, ready when a cancel is asked for. Who stops waiting leaves nothing behind. */
  cancelled(): Future<CancellationReason> {
    return this.#source === undefined ? Future.never() : new WhenCancelled(this.#source);
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

/**
 * Cancelled as soon as one of several sources is, with that one's reason and message.
 *
 * It follows sources, tokens and signals; dispose of it when it is not needed any more. The first in
 * the list wins among those that are cancelled already.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { CancellationSource, LinkedCancellation } from "@vais/runtime";
 *
 * const [user, quota] = [new CancellationSource(), new CancellationSource()];
 * using either = new LinkedCancellation([user, quota.token, AbortSignal.timeout(60_000)]);
 * quota.cancelWithReason("resource_exhausted", "disk full");
 * assertEquals([either.reason, either.message], ["resource_exhausted", "disk full"]);
 * ```
 */
export class LinkedCancellation extends CancellationSource {
  /**
   * Follows all of the inputs from here on.
   *
   * @throws {TypeError} If one is no source, token or AbortSignal; then it follows none
   */
  constructor(inputs: Iterable<CancellationInput>) {
    super();
    const action = "create LinkedCancellation";
    if (typeof inputs !== "object" || inputs === null || !(Symbol.iterator in inputs)) {
      throw new TypeError(`Cannot ${action}: inputs is ${typeOf(inputs)} (must be an iterable)`);
    }
    const all = new Set<CancellationSource | AbortSignal>();
    for (const input of inputs) {
      if (input instanceof CancellationToken) {
        const source = sourceOf(input);
        if (source !== undefined) all.add(source);
      } else {
        if (!(input instanceof CancellationSource)) checkSignal(input, action);
        all.add(input);
      }
    }
    follow(this, all);
  }
}

/**
 * Cancelled at the end of its block, however that is left: first the cleanup, then the cancel.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ScopedCancellation } from "@vais/runtime";
 *
 * const log: string[] = [];
 * {
 *   using scoped = new ScopedCancellation(() => log.push("cleanup"));
 *   scoped.onCancel((reason) => log.push(reason));
 * }
 * assertEquals(log, ["cleanup", "user_requested"]);
 * ```
 */
export class ScopedCancellation extends CancellationSource {
  #cleanup: ((source: CancellationSource) => void) | undefined;
  #isLeft = false;

  /** `cleanup` runs once, before the cancel, also when it was cancelled before. */
  constructor(cleanup?: (source: CancellationSource) => void) {
    super();
    if (cleanup !== undefined && typeof cleanup !== "function") {
      throw new TypeError(
        `Cannot create ScopedCancellation: cleanup is ${typeOf(cleanup)} (must be a function)`,
      );
    }
    this.#cleanup = cleanup;
  }

  /**
   * Runs the cleanup, then cancels, also when the cleanup throws. Idempotent.
   *
   * @throws What the cleanup threw; an `AggregateError` when callbacks of the cancel threw too
   */
  override [Symbol.dispose](): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    const cleanup = this.#cleanup;
    this.#cleanup = undefined;
    let failed: { readonly error: unknown } | undefined;
    try {
      cleanup?.(this);
    } catch (error) {
      failed = { error };
    }
    try {
      this.cancel();
    } catch (error) {
      if (failed === undefined) throw error;
      throw new AggregateError(
        [failed.error, error],
        "Cannot leave ScopedCancellation: the cleanup threw, and so did callbacks (see errors)",
        { cause: failed.error },
      );
    }
    if (failed !== undefined) throw failed.error;
  }
}
