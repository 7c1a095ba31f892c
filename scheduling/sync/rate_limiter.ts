/**
 * So many per time: a token bucket.
 *
 * Turner, "New Directions in Communications (or Which Way to the Information Age?)", 1986. Tokens are
 * not added one by one: from when the bucket was last full, and how many were taken since, follows how
 * many there are and when the next one comes, without rounding errors that add up.
 *
 * @module
 */

import { checkDuration, checkInteger, typeOf } from "../../runtime/clock.ts";
import type { Future } from "../../runtime/future.ts";
import { context, currentHost, type Host } from "../../runtime/host.ts";
import { PENDING, type Poll } from "../../runtime/poll.ts";
import { coreOf } from "../../runtime/runtime.ts";
import type { RuntimeApi } from "../../runtime/task_body.ts";
import type { TimerEntry } from "../../runtime/timer_wheel.ts";
import { ClosedError } from "../../runtime/errors.ts";
import { type NameOptions, titleOf } from "./title.ts";
import { limited, type WaitOptions } from "./wait_options.ts";
import { QueuedWait, WaitQueue } from "./wait_queue.ts";

/** How to make a {@linkcode RateLimiter}. */
export interface RateLimiterOptions extends NameOptions {
  /** Tokens that come in `perMs`, evenly spread. */
  readonly tokens: number;
  /** In ms, more than 0. */
  readonly perMs: number;
  /** Tokens that may be saved up, and taken at once. Default: `tokens`. */
  readonly burst?: number;
  /** Whose clock is meant. Default: that of the runtime in which it is first used. */
  readonly runtime?: RuntimeApi;
}

/**
 * Lets so many pass per time; others wait, first come, first served. It starts full.
 *
 * A wait that is given up has taken no token. Tokens that it held for a while, say in a `Future.all`
 * that failed, come back less those that came meanwhile: else both might pass at once.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { RateLimiter } from "@vais/runtime";
 * import { SimulatedRuntime } from "@vais/runtime/testing";
 *
 * await using runtime = new SimulatedRuntime();
 * const limiter = new RateLimiter({ tokens: 10, perMs: 1_000, burst: 2, runtime });
 * const passedMs: number[] = [];
 * await runtime.spawn(function* () {
 *   for (let i = 0; i < 5; i++) {
 *     yield* limiter.acquire();
 *     passedMs.push(runtime.clock.now());
 *   }
 * });
 * assertEquals(passedMs, [0, 0, 100, 200, 300]);
 * ```
 */
export class RateLimiter implements Disposable {
  readonly #bucket: Bucket;

  /**
   * A full bucket.
   *
   * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
   */
  constructor(options: RateLimiterOptions) {
    const action = "create RateLimiter";
    if (typeof options !== "object" || options === null) {
      throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
    }
    const { tokens, perMs, burst = tokens, runtime } = options;
    checkInteger(tokens, 1, action, "tokens");
    checkInteger(burst, 1, action, "burst");
    if (checkDuration(perMs, action, "perMs") === 0) {
      throw new RangeError(`Cannot ${action}: perMs is 0 (must be more than 0)`);
    }
    const host = runtime === undefined ? undefined : coreOf(runtime, action);
    this.#bucket = new Bucket(
      titleOf("rate limiter", options, action),
      tokens,
      perMs,
      burst,
      host,
    );
  }

  /** Tokens that are there now. */
  get available(): number {
    return this.#bucket.available();
  }

  /** How many wait. */
  get waiting(): number {
    return this.#bucket.queue.size;
  }

  /** True after {@linkcode close}. */
  get isClosed(): boolean {
    return this.#bucket.isClosed;
  }

  /**
   * A future that is ready when it has `count` tokens. It stands in the line from its first poll on.
   *
   * @throws {RangeError} If `count` is no whole number, 1 or more, or more than `burst`
   * @throws {TimeoutError} When `options.timeoutMs` passes first
   * @throws {ClosedError} When the limiter is closed first
   * @throws {TypeError} If it is awaited in a runtime with another clock than the limiter's
   */
  acquire(count = 1, options?: WaitOptions): Future<void> {
    this.#bucket.checkCount(count);
    return limited(new TokenWait(this.#bucket, count), options, "acquire");
  }

  /**
   * Takes `count` tokens, if they are there and nobody waits.
   *
   * @returns Whether it did
   * @throws {RangeError} As {@linkcode acquire}
   * @throws {ClosedError} If the limiter is closed
   */
  tryAcquire(count = 1): boolean {
    this.#bucket.checkCount(count);
    this.#bucket.checkOpen();
    return this.#bucket.queue.size === 0 && this.#bucket.take(count);
  }

  /** Ends every wait by `ClosedError`, those to come too. */
  close(): void {
    this.#bucket.close();
  }

  /** See {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** The inside: the tokens, the line, and the timer of the first in it. */
class Bucket implements TimerEntry {
  whenMs = 0;
  timerSlot = -1;
  timerTick = 0;
  timerPrev: TimerEntry | undefined = undefined;
  timerNext: TimerEntry | undefined = undefined;
  readonly title: string;
  readonly queue: WaitQueue<TokenWait> = new WaitQueue();
  readonly #tokens: number;
  readonly #perMs: number;
  readonly #burst: number;
  /** Whose clock. */
  #host: Host | undefined;
  /** When it was last full, and the tokens taken since. */
  #fullMs = 0;
  #taken = 0;
  /** Where the timer is filed. */
  #armedIn: Host | undefined = undefined;
  #closed = false;

  constructor(
    title: string,
    tokens: number,
    perMs: number,
    burst: number,
    host: Host | undefined,
  ) {
    this.title = title;
    this.#tokens = tokens;
    this.#perMs = perMs;
    this.#burst = burst;
    this.#host = host;
    if (host !== undefined) this.#fullMs = host.clock.now();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  checkCount(count: number): void {
    checkInteger(count, 1, "acquire", "count");
    if (count > this.#burst) {
      throw new RangeError(
        `Cannot acquire: count is ${count} (${this.title} never has more than ${this.#burst})`,
      );
    }
  }

  checkOpen(): void {
    if (this.#closed) throw this.#closedError();
  }

  #closedError(): ClosedError {
    return new ClosedError(`Cannot wait for ${this.title}: it is closed`);
  }

  /** The runtime whose clock it is; `undefined` before its first use. */
  get host(): Host | undefined {
    return this.#host;
  }

  /** Checks that a wait in `host` can be told when its time has come. */
  checkClock(host: Host): void {
    const { title } = this;
    this.now();
    const own = this.#host!;
    if (own.clock === host.clock) return;
    throw new TypeError(
      `Cannot acquire: ${title} goes by the clock of ${own.name}, which is not that of ${host.name} (must be the same clock)`,
    );
  }

  now(): number {
    if (this.#host === undefined) {
      this.#host = currentHost();
      this.#fullMs = this.#host.clock.now();
    }
    return this.#host.clock.now();
  }

  /** When the `n`th token after the last full moment came, or will. Exact where it is a whole number. */
  #arrival(n: number): number {
    return this.#fullMs + n * this.#perMs / this.#tokens;
  }

  available(): number {
    const now = this.now();
    let came = Math.floor((now - this.#fullMs) * this.#tokens / this.#perMs);
    // By the same sum as the timer's, so that what it waited for is there when it is due.
    if (this.#arrival(came + 1) <= now) came++;
    else if (came > 0 && this.#arrival(came) > now) came--;
    const available = this.#burst - this.#taken + came;
    if (available < this.#burst) return available;
    this.#fullMs = now;
    this.#taken = 0;
    return this.#burst;
  }

  take(count: number): boolean {
    if (this.available() < count) return false;
    this.#taken += count;
    return true;
  }

  /**
   * Gives back `count` tokens taken at `takenMs`.
   *
   * Had they not been taken, the bucket might have been full meanwhile, and dropped what came. How
   * much, it does not know, but it is no more than came since: so much is not given back.
   */
  giveBack(count: number, takenMs: number): void {
    this.available();
    const heldMs = this.now() - takenMs;
    // Where fewer are out, it has been full since.
    if (this.#taken >= count && heldMs * this.#tokens < count * this.#perMs) {
      this.#taken -= count;
      this.#fullMs += heldMs;
    }
    this.serve();
  }

  /** Lets in those at the front for whom there are tokens; a timer waits for the rest. */
  serve(): void {
    let { first } = this.queue;
    while (first !== undefined && this.take(first.count)) {
      first.takenMs = this.now();
      first.grant(undefined);
      first = this.queue.first;
    }
    this.#disarm();
    if (first === undefined) return;
    const now = this.now();
    const atMs = this.#arrival(first.count - this.#burst + this.#taken);
    const host = this.#armedIn = first.host!;
    this.whenMs = host.clock.now() + Math.max(0, atMs - now);
    host.timers.insert(this);
    host.kick();
  }

  onTimer(): void {
    this.serve();
  }

  #disarm(): void {
    this.#armedIn?.timers.cancel(this);
    this.#armedIn = undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#disarm();
    this.queue.refuseAll(this.#closedError());
  }
}

class TokenWait extends QueuedWait<void> {
  readonly #bucket: Bucket;
  readonly count: number;
  /** Whose timers wake it. */
  host: Host | undefined = undefined;
  /** When it got its tokens, by the clock of the bucket. */
  takenMs = 0;

  constructor(bucket: Bucket, count: number) {
    super();
    this.#bucket = bucket;
    this.count = count;
  }

  protected start(): Poll<void> {
    const bucket = this.#bucket;
    bucket.checkOpen();
    this.host = context.host ?? bucket.host ?? currentHost();
    bucket.checkClock(this.host);
    if (bucket.queue.size === 0 && bucket.take(this.count)) {
      this.takenMs = bucket.now();
      return undefined;
    }
    bucket.queue.push(this);
    if (bucket.queue.first === this) bucket.serve();
    return PENDING;
  }

  protected giveBack(): void {
    this.#bucket.giveBack(this.count, this.takenMs);
  }

  override putBack(): void {
    this.giveBack();
  }

  protected override leftQueue(): void {
    this.#bucket.serve();
  }

  /**
   * Host code that awaits it drives the runtime whose clock it goes by.
   *
   * @internal
   */
  override get home(): Host | undefined {
    return this.#bucket.host;
  }

  override describe(): string {
    const { title, queue } = this.#bucket;
    return `${title} (${queue.size} in the line)`;
  }
}
