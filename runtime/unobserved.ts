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

/** The failures of one runtime that wait for somebody to look. */
export class Unobserved {
  readonly #failures = new Map<number, Failure>();
  readonly #watch: Watch | undefined;
  #registry: FinalizationRegistry<number> | undefined;
  readonly #onExit = () => this.reportAll();

  constructor(watch: Watch | undefined) {
    this.#watch = watch;
  }

  /** A task failed and nobody was waiting for it. */
  add(id: number, handle: object, failure: Failure): void {
    this.#registry ??= new FinalizationRegistry((id) => this.#report(id));
    this.#registry.register(handle, id, handle);
    if (this.#failures.size === 0) onProcessExit(this.#onExit, true);
    this.#failures.set(id, failure);
  }

  /** Somebody looked after all. */
  remove(id: number, handle: object): void {
    if (!this.#failures.delete(id)) return;
    this.#registry?.unregister(handle);
    if (this.#failures.size === 0) onProcessExit(this.#onExit, false);
  }

  /** Hands over all failures, in the order they happened. */
  takeAll(): Failure[] {
    if (this.#failures.size === 0) return [];
    const all = [...this.#failures.values()];
    this.#failures.clear();
    onProcessExit(this.#onExit, false);
    return all;
  }

  /** Reports all failures: nobody can look any more. */
  reportAll(): void {
    for (const failure of this.takeAll()) reportUnobserved(this.#watch, failure);
  }

  #report(id: number): void {
    const failure = this.#failures.get(id);
    if (failure === undefined) return;
    this.#failures.delete(id);
    if (this.#failures.size === 0) onProcessExit(this.#onExit, false);
    reportUnobserved(this.#watch, failure);
  }
}

/** Tells the observer, else the console. */
export function reportUnobserved(watch: Watch | undefined, { error, task }: Failure): void {
  if (watch?.tell("onUnobserved", error, task)) return;
  reportToConsole(`${task.name} failed, and nobody joined it:`, error);
}

function onProcessExit(listener: () => void, add: boolean): void {
  const host = (globalThis as { process?: HostProcess }).process;
  if (add) host?.on?.("exit", listener);
  else host?.off?.("exit", listener);
}
