/**
 * One value, once, from one to one.
 *
 * @module
 */

import { ClosedError } from "../../runtime/errors.ts";
import { Future } from "../../runtime/future.ts";
import { context, WAKE_MAYBE, type WakeSource } from "../../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../../runtime/poll.ts";
import { ousted } from "../sync/wait_queue.ts";
import { Waiters } from "../waiters.ts";
import { checkValue } from "./channel.ts";
import { Look } from "./look.ts";

const OPEN = 0;
const SENT = 1;
const TAKEN = 2;
const DROPPED = 3;
const REFUSED = 4;

/** What both ends share. */
class OneshotState<T> {
  phase = OPEN;
  value: T | undefined = undefined;
  waker: Waker | undefined = undefined;
  /** Whose wait was taken over. */
  ousted: Waker | undefined = undefined;
  readonly whenRefused: Waiters = new Waiters();
}

/**
 * Makes the two ends of a channel for one value: an answer, a result, a handshake.
 *
 * Neither end can be left hanging: a sender that is disposed of without sending wakes the receiver
 * with `ClosedError`, and a receiver that is closed lets the sender know. For a value that many may
 * wait for use `Deferred`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { oneshot, scope } from "@vais/runtime";
 *
 * const answer = await scope(async (s) => {
 *   const [sender, receiver] = oneshot<number>();
 *   s.spawn(() => void sender.send(42));
 *   return await receiver;
 * });
 * assertEquals(answer, 42);
 * ```
 */
export function oneshot<T>(): [OneshotSender<T>, OneshotReceiver<T>] {
  const state = new OneshotState<T>();
  return [new OneshotSender(state), new OneshotReceiver(state)];
}

/** The end that sends; made by {@linkcode oneshot}. */
export class OneshotSender<T> implements Disposable {
  readonly #state: OneshotState<T>;

  /** @internal */
  constructor(state: OneshotState<T>) {
    this.#state = state;
  }

  /** True once sending is useless: a value was sent, or the receiver was closed. */
  get isClosed(): boolean {
    return this.#state.phase !== OPEN;
  }

  /**
   * Sends the value. It never waits.
   *
   * @returns False when the receiver was closed, so nobody will have it
   * @throws {ClosedError} If it sent before, or was disposed of
   * @throws {TypeError} If the value is a promise or a future
   */
  send(value: T): boolean {
    checkValue(value, "send");
    const state = this.#state;
    if (state.phase === REFUSED) return false;
    if (state.phase !== OPEN) {
      throw new ClosedError(
        `Cannot send: this oneshot ${
          state.phase === DROPPED ? "was disposed of" : "has sent its value"
        } (one value, once)`,
      );
    }
    state.value = value;
    state.phase = SENT;
    state.waker?.wake();
    return true;
  }

  /** Waits until the receiver is closed: a reason to stop working on the value. */
  whenClosed(): Future<void> {
    const state = this.#state;
    return new Look(
      state.whenRefused,
      "oneshot closed",
      () => state.phase === REFUSED ? undefined : PENDING,
    );
  }

  /** Ends it; a receiver that has no value yet throws `ClosedError`. Does nothing after `send`. */
  [Symbol.dispose](): void {
    const state = this.#state;
    if (state.phase !== OPEN) return;
    state.phase = DROPPED;
    state.waker?.wake();
  }
}

/**
 * The end that receives; made by {@linkcode oneshot}. A future: `yield*` it, or `await` it, once.
 *
 * Giving up the wait gives up nothing else: it can be awaited again.
 */
export class OneshotReceiver<T> extends Future<T> implements Disposable {
  readonly #state: OneshotState<T>;

  /** @internal */
  constructor(state: OneshotState<T>) {
    super();
    this.#state = state;
  }

  /** The value once it is sent; throws `ClosedError` when it never will be, or was taken. */
  poll(waker: Waker): Poll<T> {
    const state = this.#state;
    if (state.phase === OPEN) {
      if (waker !== state.waker) this.#takeOver(waker);
      return PENDING;
    }
    state.waker = state.ousted = undefined;
    if (state.phase !== SENT) throw this.#closedError();
    return this.#take();
  }

  #takeOver(waker: Waker): void {
    const state = this.#state;
    if (waker === state.ousted) throw ousted(this);
    state.ousted = state.waker;
    state.waker = waker;
    state.ousted?.wake();
  }

  #take(): T {
    const state = this.#state;
    const value = state.value as T;
    state.value = undefined;
    state.phase = TAKEN;
    return value;
  }

  /** It can be taken again. */
  override putBack(value: T): void {
    const state = this.#state;
    state.value = value;
    state.phase = SENT;
    state.waker?.wake();
  }

  #closedError(): ClosedError {
    return new ClosedError(
      `Cannot receive from oneshot: ${
        {
          [TAKEN]: "its value was taken",
          [DROPPED]: "its sender was disposed of without sending",
          [REFUSED]: "this receiver was closed",
        }[this.#state.phase]
      }`,
    );
  }

  /**
   * Takes the value if it was sent.
   *
   * @returns The value in an object; `undefined` when it was not sent yet
   * @throws {ClosedError} If it never will be, or was taken
   */
  tryReceive(): { value: T } | undefined {
    const { phase } = this.#state;
    if (phase === OPEN) return undefined;
    if (phase !== SENT) throw this.#closedError();
    return { value: this.#take() };
  }

  /** Wants no value any more: `send` answers false from now on. A value that was sent stays. */
  close(): void {
    const state = this.#state;
    if (state.phase !== OPEN) return;
    state.phase = REFUSED;
    state.waker?.wake();
    state.whenRefused.wakeAll();
  }

  /** Who gives up waiting may wait again. */
  override abandon(waker: Waker): boolean {
    const state = this.#state;
    if (state.waker === waker) state.waker = state.ousted = undefined;
    return true;
  }

  /** `"oneshot"`. */
  override describe(): string {
    return "oneshot";
  }

  /** Host code may send. */
  override get source(): WakeSource {
    return context.host?.bodySource ?? WAKE_MAYBE;
  }

  /** As {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
