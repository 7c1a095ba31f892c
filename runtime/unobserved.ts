/**
 * Failures that, so far, nobody looked at: a task outside any group failed and was not joined.
 *
 * Such a task may still be joined later, so nothing is reported until it is certain: `run()` or
 * `close()` ends, the handle is collected, or the process exits. Never a false alarm, never silence.
 *
 * @module
 */

import { reportToConsole, type Watch } from "./observer.ts";
import type { Failure } from "./failures.ts";

interface HostProcess {
  on?(event: "exit", listener: () => void): void;
  off?(event: "exit", listener: () => void): void;
}

/** Those that have something to tell when the process exits; one listener serves them all. */
const atExit = new Set<Unobserved>();

function tellAtExit(): void {
  for (const unobserved of [...atExit]) unobserved.reportAll();
}

/** Lists or unlists one; the listener is there only while somebody is listed. */
function listAtExit(unobserved: Unobserved, listed: boolean): void {
  const { process } = globalThis as { process?: HostProcess };
  if (listed) {
    if (atExit.size === 0) process?.on?.("exit", tellAtExit);
    atExit.add(unobserved);
  } else if (atExit.delete(unobserved) && atExit.size === 0) process?.off?.("exit", tellAtExit);
}

/** A failure, with what somebody may still look at. */
export interface UnobservedFailure {
  readonly failure: Failure;
  /** Not kept alive: when it is collected, nobody can look any more. */
  readonly holder: WeakRef<object>;
}

/** The failures of one runtime that wait for somebody to look. */
export class Unobserved {
  readonly #failures = new Map<number, UnobservedFailure>();
  /** The keys of a holder's failures. */
  readonly #keys = new WeakMap<object, number[]>();
  readonly #watch: Watch | undefined;
  #registry: FinalizationRegistry<number> | undefined;
  #nextKey = 0;

  constructor(watch: Watch | undefined) {
    this.#watch = watch;
  }

  /** Something failed, and nobody was waiting for it. */
  add(failure: Failure, holder: object): void {
    const key = this.#nextKey++;
    this.#registry ??= new FinalizationRegistry((key) => this.#report(key));
    this.#registry.register(holder, key, holder);
    if (this.#failures.size === 0) listAtExit(this, true);
    this.#failures.set(key, { failure, holder: new WeakRef(holder) });
    const keys = this.#keys.get(holder);
    if (keys === undefined) this.#keys.set(holder, [key]);
    else keys.push(key);
  }

  /** Somebody looked after all. */
  remove(holder: object): void {
    if (this.#failures.size === 0) return;
    const keys = this.#keys.get(holder);
    if (keys === undefined) return;
    this.#keys.delete(holder);
    this.#registry?.unregister(holder);
    for (const key of keys) this.#failures.delete(key);
    if (this.#failures.size === 0) listAtExit(this, false);
  }

  /** Hands over all failures, in the order they happened. */
  takeAll(): UnobservedFailure[] {
    if (this.#failures.size === 0) return [];
    const all = [...this.#failures.values()];
    this.#failures.clear();
    listAtExit(this, false);
    return all;
  }

  /** Reports all failures: nobody can look any more. */
  reportAll(): void {
    for (const { failure } of this.takeAll()) reportUnobserved(this.#watch, failure);
  }

  #report(key: number): void {
    const unobserved = this.#failures.get(key);
    if (unobserved === undefined) return;
    this.#failures.delete(key);
    if (this.#failures.size === 0) listAtExit(this, false);
    reportUnobserved(this.#watch, unobserved.failure);
  }
}

/** Tells the observer, else the console. */
export function reportUnobserved(watch: Watch | undefined, { error, task }: Failure): void {
  if (watch?.tell("onUnobserved", error, task)) return;
  reportToConsole(`${task.name} failed, and nobody joined it:`, error);
}
