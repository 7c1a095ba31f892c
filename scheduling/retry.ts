/**
 * Trying again, with pauses that grow; and the pause itself.
 *
 * The pauses are those of Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog,
 * 2015): what failed together must not come back together, so by default a pause is anything between
 * nothing and the limit ("full jitter").
 *
 * @module
 */

import { checkDuration, checkInteger, checkTimeout, typeOf } from "../runtime/clock.ts";
import { Cancelled } from "../runtime/errors.ts";
import { type Failure, failuresOf, rememberFailures } from "../runtime/failures.ts";
import { Future } from "../runtime/future.ts";
import { currentHost, type Host, WAKE_INSIDE, type WakeSource } from "../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import type { RuntimeApi } from "../runtime/task_body.ts";
import type { TimerEntry } from "../runtime/timer_wheel.ts";
import { currentTask } from "./current_task.ts";
import type { GroupOptions } from "./group_options.ts";
import type { Operation } from "./operation.ts";
import { type Scope, scope } from "./scope.ts";
import { checkSignal, listenOnce } from "./signals.ts";

/** How the pause of a retry is chosen below its limit: anywhere, not at all, or in the upper half. */
export type Jitter = "full" | "none" | "equal";

const JITTERS: readonly string[] = ["full", "none", "equal"];

/** How to {@linkcode retry}. */
export interface RetryOptions {
  /** Tries in all, 1 or more; `Infinity` for no limit. Default 3. */
  readonly attempts?: number;
  /** Limit of the first pause, in ms. Default 100. */
  readonly baseMs?: number;
  /** What the limit is multiplied by after each pause, 1 or more. Default 2. */
  readonly factor?: number;
  /** The limit never grows beyond this, in ms. Default 30 000. */
  readonly maxMs?: number;
  /** Default `"full"`. */
  readonly jitter?: Jitter;
  /** A number from 0 to 1 for the jitter. Default `Math.random`. */
  readonly random?: () => number;
  /**
   * Whether to go on after this error, of attempt 1, 2, … Default: unless it is a cancellation. Not
   * asked when the surrounding is cancelled, nor after the last attempt.
   */
  readonly when?: (error: unknown, attempt: number) => boolean;
  /** Limit of each attempt, in ms; it then fails with `TimeoutError`, and is tried again. */
  readonly timeoutMs?: number | null;
  /** For errors and dumps. Default: the body's name. */
  readonly name?: string;
  /** Cancels the whole when it aborts. */
  readonly signal?: AbortSignal;
  /** The runtime. Default: that of the current task, else the default one. */
  readonly runtime?: RuntimeApi;
}

/** What is tried: a function, async function or generator function. Attempts count from 1. */
export type RetryBody<T> = (
  task: Scope,
  attempt: number,
) => Generator<unknown, T> | PromiseLike<T> | T;

/** Failures of earlier attempts that are kept, the latest ones. */
const KEPT_FAILURES = 64;

/**
 * Runs the body until it succeeds, each time in a scope of its own, with growing pauses between.
 *
 * When the attempts are used up, or `when` says no, it rejects with the last error itself;
 * `failuresOf(error)` has those of the attempts before it too (of the latest 64, and only if the
 * error is an object). A cancellation of the surrounding is never retried. It begins at once; `await`
 * it, or `yield*` it in a generator task.
 *
 * @throws {TypeError | RangeError} If the body or an option has the wrong type or is out of range
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { retry } from "@vais/runtime";
 *
 * const value = await retry(async (task, attempt) => {
 *   await task.sleep(1);
 *   if (attempt < 3) throw new Error("busy");
 *   return `done at attempt ${attempt}`;
 * }, { baseMs: 1 });
 * assertEquals(value, "done at attempt 3");
 * ```
 */
export function retry<T>(body: RetryBody<T>, options: RetryOptions = {}): Operation<T> {
  if (typeof body !== "function") {
    throw new TypeError(`Cannot retry: body is ${typeOf(body)} (must be a function)`);
  }
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot retry: options is ${typeOf(options)} (must be an object)`);
  }
  const { attempts, pauseMs, when, timeoutMs, name, outer } = readOptions(
    options,
    body.name === "" ? "retry" : body.name,
  );
  return scope<T>(function* (s): Generator<unknown, T> {
    const earlier: Failure[] = [];
    for (let attempt = 1;; attempt++) {
      const attemptName = `${name} attempt ${attempt}`;
      try {
        return yield* scope<T>((inner) => body(inner, attempt), { name: attemptName, timeoutMs });
      } catch (error) {
        if (s.isCancelled) throw error;
        let goOn = false;
        try {
          goOn = attempt < attempts && when(error, attempt);
        } catch (thrown) {
          keep(earlier, error, s.id, attemptName);
          throw withEarlier(thrown, earlier, s.id, name);
        }
        if (!goOn) throw withEarlier(error, earlier, s.id, attemptName);
        keep(earlier, error, s.id, attemptName);
      }
      yield* s.sleep(pauseMs(attempt));
    }
  }, { ...outer, name });
}

interface Plan {
  readonly attempts: number;
  readonly pauseMs: (attempt: number) => number;
  readonly when: (error: unknown, attempt: number) => boolean;
  readonly timeoutMs: number;
  readonly name: string;
  readonly outer: GroupOptions;
}

function readOptions(options: RetryOptions, defaultName: string): Plan {
  const action = "retry";
  const { name = defaultName, jitter = "full", factor = 2, random = Math.random, when } = options;
  if (typeof name !== "string") {
    throw new TypeError(`Cannot retry: name is ${typeOf(name)} (must be a string)`);
  }
  const attempts = options.attempts === Infinity
    ? Infinity
    : checkInteger(options.attempts ?? 3, 1, action, "attempts");
  const baseMs = checkDuration(options.baseMs ?? 100, action, "baseMs");
  const maxMs = checkDuration(options.maxMs ?? 30_000, action, "maxMs");
  if (typeof factor !== "number") {
    throw new TypeError(`Cannot retry: factor is ${typeOf(factor)} (must be a number)`);
  }
  if (!(factor >= 1 && factor < Infinity)) {
    throw new RangeError(`Cannot retry: factor is ${factor} (must be 1 or more, and finite)`);
  }
  if (typeof jitter !== "string") {
    throw new TypeError(`Cannot retry: jitter is ${typeOf(jitter)} (must be a string)`);
  }
  if (!JITTERS.includes(jitter)) {
    throw new RangeError(
      `Cannot retry: jitter is ${JSON.stringify(jitter)} (must be one of ${JITTERS.join(", ")})`,
    );
  }
  if (typeof random !== "function") {
    throw new TypeError(`Cannot retry: random is ${typeOf(random)} (must be a function)`);
  }
  if (when !== undefined && typeof when !== "function") {
    throw new TypeError(`Cannot retry: when is ${typeOf(when)} (must be a function)`);
  }
  const { signal, runtime } = options;
  if (signal !== undefined) checkSignal(signal, action);
  return {
    attempts,
    pauseMs: (attempt) => {
      const limitMs = Math.min(maxMs, baseMs === 0 ? 0 : baseMs * factor ** (attempt - 1));
      if (jitter === "none") return limitMs;
      const part = checkFraction(random());
      return jitter === "full" ? limitMs * part : limitMs / 2 + limitMs / 2 * part;
    },
    when: when === undefined ? isNoCancellation : (error, attempt) => {
      const answer: unknown = when(error, attempt);
      if (typeof answer === "boolean") return answer;
      throw new TypeError(`Cannot retry: when() answered ${typeOf(answer)} (must be a boolean)`);
    },
    timeoutMs: checkTimeout(options.timeoutMs, action),
    name,
    outer: {
      ...(signal === undefined ? {} : { signal }),
      ...(runtime === undefined ? {} : { runtime }),
    },
  };
}

function checkFraction(n: unknown): number {
  if (typeof n === "number" && n >= 0 && n <= 1) return n;
  throw new RangeError(`Cannot retry: random() answered ${n} (must be a number from 0 to 1)`);
}

function isNoCancellation(error: unknown): boolean {
  return !(error instanceof Cancelled) &&
    !(typeof error === "object" && error !== null && (error as Error).name === "AbortError");
}

/** The failures behind the error of one attempt. */
function behind(error: unknown, id: number, name: string): readonly Failure[] {
  const list = failuresOf(error);
  return list.length > 0 ? list : [{ error, task: { id, name }, during: "body" }];
}

function keep(earlier: Failure[], error: unknown, id: number, name: string): void {
  // The same error may come again and again.
  for (const failure of behind(error, id, name)) {
    if (!earlier.includes(failure)) earlier.push(failure);
  }
  if (earlier.length > KEPT_FAILURES) earlier.splice(0, earlier.length - KEPT_FAILURES);
}

/** Answers the error, with those of the earlier attempts behind it. */
function withEarlier(
  error: unknown,
  earlier: readonly Failure[],
  id: number,
  name: string,
): unknown {
  if (earlier.length > 0) {
    const own = behind(error, id, name);
    const all = [...own, ...earlier.filter((failure) => !own.includes(failure))];
    rememberFailures(error, all, currentTask());
  }
  return error;
}

/** How to {@linkcode delay}. */
export interface DelayOptions {
  /** Ends the wait with a throw of the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * A future of nothing, ready `ms` after this call, whenever it is waited for; 0 is the next turn.
 *
 * On the runtime of the current task, else the default one. It may be waited for any number of
 * times, by any number of tasks, and costs a timer only meanwhile; `sleep` counts from its first
 * wait. When the time is over it is ready, even if the signal aborted since and nobody waited.
 *
 * @throws {TypeError} If `ms` is no number, or the signal no AbortSignal
 * @throws {RangeError} If `ms` is negative, NaN or infinite
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { delay } from "@vais/runtime";
 *
 * await delay(1);
 * const controller = new AbortController();
 * const nap = delay(60_000, { signal: controller.signal });
 * controller.abort(new Error("get up"));
 * await assertRejects(async () => await nap, Error, "get up");
 * ```
 */
export function delay(ms: number, options: DelayOptions = {}): Future<void> {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot delay: options is ${typeOf(options)} (must be an object)`);
  }
  checkDuration(ms, "delay", "ms");
  const { signal } = options;
  if (signal !== undefined) checkSignal(signal, "delay");
  return new Delay(ms, signal, currentHost());
}

const WAITING = 0;
const OVER = 1;
const ABORTED = 2;

class Delay extends Future<void> implements TimerEntry {
  readonly whenMs: number;
  timerSlot = -1;
  timerTick = 0;
  timerPrev: TimerEntry | undefined = undefined;
  timerNext: TimerEntry | undefined = undefined;
  readonly #ms: number;
  readonly #host: Host;
  readonly #signal: AbortSignal | undefined;
  readonly #waiters = new Set<Waker>();
  #stopListening: (() => void) | undefined = undefined;
  #state = WAITING;
  #reason: unknown = undefined;

  constructor(ms: number, signal: AbortSignal | undefined, host: Host) {
    super();
    this.#ms = ms;
    this.#host = host;
    this.#signal = signal;
    this.whenMs = host.clock.now() + ms;
    if (signal?.aborted) this.#abort(signal.reason);
  }

  poll(waker: Waker): Poll<void> {
    if (this.#state === WAITING) this.#look();
    if (this.#state === OVER) return undefined;
    if (this.#state === ABORTED) throw this.#reason;
    this.#waiters.add(waker);
    if (this.#ms === 0) this.#end(OVER);
    return PENDING;
  }

  /** Ends the wait, or arms what will. */
  #look(): void {
    const { timers, clock } = this.#host;
    if (this.#ms > 0 && clock.now() >= this.whenMs) return this.#end(OVER);
    const signal = this.#signal;
    if (signal !== undefined && this.#stopListening === undefined) {
      this.#stopListening = listenOnce(signal, (reason) => this.#abort(reason));
    }
    if (this.#state === WAITING && this.#ms > 0 && this.timerSlot < 0) timers.insert(this);
  }

  onTimer(): void {
    this.#end(OVER);
  }

  #abort(reason: unknown): void {
    this.#reason = reason;
    this.#end(ABORTED);
  }

  #end(state: number): void {
    this.#state = state;
    this.#disarm();
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waker of waiters) waker.wake();
  }

  #disarm(): void {
    this.#host.timers.cancel(this);
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  override abandon(waker: Waker): boolean {
    this.#waiters.delete(waker);
    if (this.#waiters.size === 0) this.#disarm();
    return true;
  }

  override describe(): string {
    return `delay ${this.#ms} ms`;
  }

  override get source(): WakeSource {
    return WAKE_INSIDE;
  }

  /** @internal */
  override get home(): Host {
    return this.#host;
  }
}
