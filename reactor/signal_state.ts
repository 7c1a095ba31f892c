/**
 * Signals that came and were not taken yet.
 *
 * A signal that comes again before it is taken is one signal: "at least one since you last looked",
 * as the kernel itself has it. The name is that of the RefPerSys plan.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import { checkSignals, listenForSignal, type Signal, type SignalListener } from "./host_signals.ts";
import { checkCallback } from "./hooks.ts";

/** When signals that nobody takes end the process. */
export interface SignalOptions {
  /**
   * So many SIGINT that nobody has taken end the process with exit code 130, so that Ctrl-C, Ctrl-C
   * ends also a program that is stuck. Default 2; `Infinity`: never.
   */
  readonly forceAfter?: number;
}

/**
 * Listens for signals and keeps them until they are taken.
 *
 * Where several listen for a SIGINT, it forces the end only when none of them takes it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { SignalState } from "@vais/runtime/reactor";
 *
 * let wakes = 0;
 * using state = new SignalState(["SIGWINCH", "SIGUSR2"], () => wakes++);
 * assertEquals(state.mask, ["SIGWINCH", "SIGUSR2"]);
 * Deno.kill(Deno.pid, "SIGWINCH");
 * while (wakes === 0) await new Promise((resolve) => setTimeout(resolve, 1));
 * assertEquals(state.pendingSignals, ["SIGWINCH"]);
 * assertEquals(state.take(), "SIGWINCH");
 * assertEquals(state.take(), undefined);
 * ```
 */
export class SignalState implements SignalListener, Disposable {
  /** The signals it listens for. */
  readonly mask: readonly Signal[];
  readonly #wake: (name: Signal) => void;
  readonly #forceAfter: number;
  /** In order of arrival, with how often each came. */
  readonly #pending = new Map<Signal, number>();
  #stops: (() => void)[] = [];

  /**
   * Listens from now on.
   *
   * @param wake Called in the host's listener, whenever a signal came
   * @throws {TypeError} If a name is no string, or `wake` no function
   * @throws {RangeError} If there are no names, or one is not known here or cannot be caught
   * @throws {UnsupportedError} Where the host delivers no signals: in a worker of Node
   */
  constructor(names: Iterable<Signal>, wake: (name: Signal) => void, options: SignalOptions = {}) {
    const action = "listen for signals";
    this.mask = checkSignals(names, action);
    if (this.mask.length === 0) {
      throw new RangeError(`Cannot ${action}: there are no names (must be at least one)`);
    }
    checkCallback(wake, action, "wake");
    this.#wake = wake;
    this.#forceAfter = checkForceAfter(options, action);
    try {
      for (const name of this.mask) this.#stops.push(listenForSignal(name, this));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Those that came and were not taken, in order of arrival. */
  get pendingSignals(): readonly Signal[] {
    return [...this.#pending.keys()];
  }

  /** True after {@linkcode close}. */
  get isClosed(): boolean {
    return this.#stops.length === 0;
  }

  /** Takes the first that came; undefined when there is none. */
  take(): Signal | undefined {
    const [first] = this.#pending.keys();
    if (first !== undefined) this.#pending.delete(first);
    return first;
  }

  /** Stops listening; what came and was not taken is forgotten. Idempotent. */
  close(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#pending.clear();
  }

  /** As {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** For the host's listener. */
  onSignal(name: Signal): void {
    this.#pending.set(name, (this.#pending.get(name) ?? 0) + 1);
    this.#wake(name);
  }

  /** For the host's listener. */
  isStuckOn(name: Signal): boolean {
    return name === "SIGINT" && (this.#pending.get(name) ?? 0) >= this.#forceAfter;
  }
}

/** Reads `forceAfter`. */
function checkForceAfter(options: SignalOptions, action: string): number {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
  }
  const { forceAfter = 2 } = options;
  if (typeof forceAfter !== "number") {
    throw new TypeError(
      `Cannot ${action}: forceAfter is ${typeOf(forceAfter)} (must be a whole number or Infinity)`,
    );
  }
  if (forceAfter !== Infinity && !(Number.isInteger(forceAfter) && forceAfter >= 1)) {
    throw new RangeError(
      `Cannot ${action}: forceAfter is ${forceAfter} (must be a whole number, 1 or more, or Infinity)`,
    );
  }
  return forceAfter;
}
