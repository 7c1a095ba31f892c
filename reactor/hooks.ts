/**
 * Functions to be called at a point of an event loop, in the order of their registration.
 *
 * A round calls those that were registered when it began and still are when their turn comes, so
 * they may come and go at any time.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import type { LoopCalls } from "./loop_calls.ts";
import { Registration } from "./registration.ts";

/** A function and its registration. */
export interface Hook {
  readonly call: () => unknown;
  readonly registration: Registration;
}

/** The functions of one point. */
export class Hooks {
  readonly #hooks = new Set<Hook>();

  /** How many there are. */
  get size(): number {
    return this.#hooks.size;
  }

  /** Adds one; see {@linkcode Registration} for `onRef`. */
  add(call: () => unknown, onRef?: (change: 1 | -1) => void): Registration {
    const registration = new Registration(
      () => this.#hooks.delete(hook),
      onRef,
      onRef !== undefined,
    );
    const hook: Hook = { call, registration };
    this.#hooks.add(hook);
    return registration;
  }

  /** Calls them. */
  call(calls: LoopCalls, what: string): void {
    for (const { call, registration } of [...this.#hooks]) {
      if (registration.active) calls.start(what, call);
    }
  }

  /** Takes them all out, first to last. */
  takeAll(): (() => unknown)[] {
    const hooks = [...this.#hooks];
    this.#hooks.clear();
    for (const { registration } of hooks) registration.settle();
    return hooks.map(({ call }) => call);
  }
}

/** Checks a function that is to be called. */
export function checkCallback(fn: unknown, action: string, what = "fn"): void {
  if (typeof fn !== "function") {
    throw new TypeError(`Cannot ${action}: ${what} is ${typeOf(fn)} (must be a function)`);
  }
}
