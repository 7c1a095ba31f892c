/**
 * An operation that something outside settles, once: a worker, a timer, a closed engine.
 *
 * Invariant: settled once; whoever waits, by `then` or by polling, hears of it once. Nobody's failure is lost: one that
 * nobody has looked at is handed to the runtime, which reports it unless somebody looks later.
 *
 * Where host code awaits it, no promise and no turn of a runtime is needed: see `LazyPromise`.
 *
 * @module
 */

import { type Host, WAKE_INSIDE, WAKE_OUTSIDE, type WakeSource } from "../../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../../runtime/poll.ts";
import { addWaker, removeWaker, wakeAll, type WakerSlot } from "../../runtime/wakers.ts";
import { LazyPromise } from "../../runtime/lazy_promise.ts";
import { Operation } from "../operation.ts";

/** Not settled. */
export const WAITING = 0;
/** Has a value. */
export const OK = 1;
/** Has an error, which somebody should hear of. */
export const ERROR = 2;
/** Has an error that its caller has asked for. */
export const CANCELLED = 3;
/** Where a {@linkcode Settling} is. */
export type SettlingPhase = 0 | 1 | 2 | 3;

const resolved: Promise<void> = Promise.resolve();

/** The waiting half. */
export abstract class Settling<T> extends Operation<T> {
  #phase: SettlingPhase = WAITING;
  #result: unknown = undefined;
  #isObserved = false;
  #wakers: WakerSlot = undefined;
  #reactions: LazyPromise | LazyPromise[] | undefined = undefined;

  /** Where failures that nobody looked at are told, and whose. */
  protected abstract get reporter(): { readonly host: Host; readonly id: number };

  /** Its name, for reports. */
  abstract readonly name: string;

  /** Where it is. */
  get phase(): SettlingPhase {
    return this.#phase;
  }

  /** True once it has its outcome. */
  get isSettled(): boolean {
    return this.#phase !== WAITING;
  }

  /** Settles it; false when it was. */
  protected settle(phase: SettlingPhase, result: unknown): boolean {
    if (this.#phase !== WAITING) return false;
    this.#phase = phase;
    this.#result = result;
    const wakers = this.#wakers;
    this.#wakers = undefined;
    wakeAll(wakers);
    const reactions = this.#reactions;
    this.#reactions = undefined;
    if (reactions instanceof LazyPromise) reactions.settle(phase === OK, result);
    else if (reactions !== undefined) {
      for (const reaction of reactions) reaction.settle(phase === OK, result);
    }
    if (phase === ERROR && !this.#isObserved) {
      const { host, id } = this.reporter;
      host.unobserved({ error: result, task: { id, name: this.name }, during: "body" }, this);
    }
    return true;
  }

  /** Somebody looks: its failure is not reported. */
  observe(): void {
    if (this.#isObserved) return;
    this.#isObserved = true;
    if (this.#phase === ERROR) this.reporter.host.observed(this);
  }

  poll(waker: Waker): Poll<T> {
    this.observe();
    if (this.#phase === WAITING) {
      this.#wakers = addWaker(this.#wakers, waker);
      return PENDING;
    }
    if (this.#phase === OK) return this.#result as T;
    throw this.#result;
  }

  override abandon(waker: Waker, reason: unknown): boolean {
    if (this.#phase !== WAITING) return false; // its outcome is still to be told
    const others = removeWaker(this.#wakers, waker);
    const isWanted = this.#reactions !== undefined ||
      (others instanceof Set ? others.size > 0 : others !== undefined);
    if (!isWanted && !this.leave(reason)) return false;
    this.#wakers = others;
    if (!isWanted) this.left();
    return true;
  }

  /** The last one who waits is cancelled: whether the wait is over now, or when it settles. */
  protected leave(_reason: unknown): boolean {
    return true;
  }

  /** The last one who waits has left. */
  protected left(): void {}

  override get then(): Promise<T>["then"] {
    return this.waiter === undefined ? thenOnHost as Promise<T>["then"] : super.then;
  }

  /** For `thenOnHost`. */
  react(reaction: LazyPromise): LazyPromise {
    this.observe();
    const phase = this.#phase;
    if (phase !== WAITING) resolved.then(() => reaction.settle(phase === OK, this.#result));
    else if (this.#reactions === undefined) this.#reactions = reaction;
    else if (this.#reactions instanceof LazyPromise) this.#reactions = [this.#reactions, reaction];
    else this.#reactions.push(reaction);
    return reaction;
  }

  override describe(): string {
    return this.name;
  }

  override get source(): WakeSource {
    return this.#phase === WAITING ? WAKE_OUTSIDE : WAKE_INSIDE;
  }
}

type Callback = ((value: unknown) => unknown) | null | undefined;

/** `then` for host code; `this` is the operation. */
function thenOnHost(
  this: Settling<unknown>,
  onValue: Callback,
  onError: Callback,
): Promise<unknown> {
  return this.react(new LazyPromise(onValue, onError));
}
