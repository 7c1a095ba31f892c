/**
 * Who waits until an agenda has nothing left to do.
 *
 * @module
 */

import { EngineClosedError } from "./engine_errors.ts";

interface Waiter {
  resolve(): void;
  reject(error: EngineClosedError): void;
}

/** Those who wait; all are told, also when what is left will never be run. */
export class AgendaIdle {
  #waiters: Waiter[] = [];
  #error: EngineClosedError | undefined;

  /** Waits. Rejects with `EngineClosedError` at the agenda's end, if tasklets are left then. */
  wait(): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Nothing is left. */
  tell(): void {
    for (const { resolve } of this.#waiters.splice(0)) resolve();
  }

  /** The agenda `name` has ended, and so many tasklets are left. */
  end(name: string, left: number): void {
    const error = this.#error = new EngineClosedError(
      `Cannot wait for tasklets: ${name} was stopped with ${left} left`,
    );
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }
}
