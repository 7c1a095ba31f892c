/**
 * Calls of the user's functions by an event loop.
 *
 * They are made after the kernel's answer was taken apart, outside of any task, and so that none
 * can hurt the loop: what a function throws, or what its promise rejects with, goes to `onError`.
 * So a callback may do anything, also close the loop or ask it again.
 *
 * @module
 */

import { callAsNobody } from "../runtime/async_context.ts";
import { context } from "../runtime/host.ts";
import { reportToConsole } from "../runtime/observer.ts";
import { isPromiseLike } from "../runtime/poll.ts";

/** Told what a callback of an event loop threw, and which one that was. */
export type OnLoopError = (error: unknown, what: string) => void;

/** A call that is due. */
export interface LoopCall {
  /** Makes it. Must not throw. */
  call(): void;
}

/** The calls of one event loop. */
export class LoopCalls {
  readonly #onError: OnLoopError;
  readonly #due: LoopCall[] = [];
  #next = 0;
  #holds = 0;

  constructor(onError: OnLoopError = reportCallError) {
    this.#onError = onError;
  }

  /** From now on calls wait until the same number of {@linkcode release}. */
  hold(): void {
    this.#holds++;
  }

  /** Makes the calls that are due, in order; answers how many. A call may come back to this. */
  release(): number {
    const due = this.#due;
    let count = 0;
    if (due.length > 0) {
      while (this.#next < due.length) {
        count++;
        due[this.#next++]!.call();
      }
      this.clear();
    }
    this.#holds--;
    return count;
  }

  /** Makes the call: now, or while the kernel's answer is taken apart, after that. */
  later(call: LoopCall): void {
    if (this.#holds === 0) call.call();
    else this.#due.push(call);
  }

  /** Forgets those that are due. */
  clear(): void {
    this.#due.length = this.#next = 0;
  }

  /** Calls `body`, outside of any task; answers what it did, undefined when it threw. */
  safely<R>(what: string, body: () => R): R | undefined {
    try {
      return callOutside(body);
    } catch (error) {
      this.report(error, what);
      return undefined;
    }
  }

  /** As {@linkcode safely}, for what may be async: its rejection is an error as well. */
  start(what: string, body: () => unknown): void {
    const answer = this.safely(what, body);
    if (isPromiseLike(answer)) answer.then(undefined, (error) => this.report(error, what));
  }

  /** Tells an error. */
  report(error: unknown, what: string): void {
    try {
      this.#onError(error, what);
    } catch (second) {
      reportToConsole(`onError threw on what ${what} threw:`, second);
      reportCallError(error, what);
    }
  }
}

/** Calls `body` outside of any task, whoever calls this. */
export function callOutside<R>(body: () => R): R {
  const { host, task } = context;
  context.host = context.task = undefined;
  try {
    return callAsNobody(body);
  } finally {
    context.host = host;
    context.task = task;
  }
}

function reportCallError(error: unknown, what: string): void {
  reportToConsole(`${what} threw:`, error);
}
