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

/** A failure, with the task it came from while that is alive. */
export interface UnobservedFailure {
  readonly failure: Failure;
  /** Who may still be looked at; not kept alive. */
  readonly holder: WeakRef<object>;
}

/** The failures of one runtime that wait for somebody to look. */
export class Unobserved {
  readonly #failures = new Map<number, UnobservedFailure>();
  readonly #watch: Watch | undefined;
  #registry: FinalizationRegistry<number> | undefined;

  constructor(watch: Watch | undefined) {
    this.#watch = watch;
  }

  /** A task failed and nobody was waiting for it. */
  add(id: number, handle: object, failure: Failure): void {
    this.#registry ??= new FinalizationRegistry((id) => this.#report(id));
    this.#registry.register(handle, id, handle);
    if (this.#failures.size === 0) listAtExit(this, true);
    this.#failures.set(id, { failure, holder: new WeakRef(handle) });
  }

  /** Somebody looked after all. */
  remove(id: number, handle: object): void {
    if (!this.#failures.delete(id)) return;
    this.#registry?.unregister(handle);
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

  #report(id: number): void {
    const failure = this.#failures.get(id);
    if (failure === undefined) return;
    this.#failures.delete(id);
    if (this.#failures.size === 0) listAtExit(this, false);
    reportUnobserved(this.#watch, failure.failure);
  }
}

/** Tells the observer, else the console. */
export function reportUnobserved(watch: Watch | undefined, { error, task }: Failure): void {
  if (watch?.tell("onUnobserved", error, task)) return;
  reportToConsole(`${task.name} failed, and nobody joined it:`, error);
}
