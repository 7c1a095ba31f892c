/**
 * Signals as futures: what `ReactorRuntime.signals` answers.
 *
 * Each stream has its own set of what came, so several see each signal.
 *
 * @module
 */

import { ClosedError } from "../runtime/errors.ts";
import { Future } from "../runtime/future.ts";
import { type Host, WAKE_OUTSIDE, type WakeSource } from "../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import type { Signal } from "./host_signals.ts";
import { type SignalOptions, SignalState } from "./signal_state.ts";

/**
 * Signals, as they come: for `for await`, or in a generator task `for (const s of stream)` with
 * `yield* s`. Leaving such a loop closes the stream.
 *
 * Listens from the moment it is made. A signal that comes twice before it is taken is told once. The
 * host calls its listeners between turns: a thread that is blocked, by `blockOn` too, hears none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ReactorRuntime } from "@vais/runtime/reactor";
 *
 * await using runtime = new ReactorRuntime();
 * const reloads = runtime.spawn(function* () {
 *   for (const signal of runtime.signals("SIGHUP", "SIGCONT")) {
 *     const name = yield* signal;
 *     return `reload after ${name}`;
 *   }
 * });
 * runtime.spawn(() => Deno.kill(Deno.pid, "SIGCONT"));
 * assertEquals(await reloads, "reload after SIGCONT");
 * ```
 */
export class SignalStream implements AsyncIterable<Signal>, Iterable<Future<Signal>>, Disposable {
  readonly #host: Host;
  readonly #onClose: () => void;
  readonly #state: SignalState;
  readonly #waits = new Set<NextSignal>();

  /** @internal */
  constructor(
    host: Host,
    names: Iterable<Signal>,
    options: SignalOptions | undefined,
    onClose: (stream: SignalStream) => void,
  ) {
    this.#host = host;
    this.#onClose = () => onClose(this);
    this.#state = new SignalState(names, () => this.#wakeAll(), options);
  }

  /** The signals it listens for. */
  get mask(): readonly Signal[] {
    return this.#state.mask;
  }

  /** Those that came and were not taken, in order of arrival. */
  get pendingSignals(): readonly Signal[] {
    return this.#state.pendingSignals;
  }

  /**
   * The next signal; waits for it. Of several waits, each gets another signal.
   *
   * @throws {ClosedError} If the stream is closed, also meanwhile
   */
  next(): Future<Signal> {
    return new NextSignal(this.#host, this.#state, this.#waits);
  }

  /** Futures of the signals, for generator tasks. */
  *[Symbol.iterator](): Generator<Future<Signal>, void, undefined> {
    try {
      while (!this.#state.isClosed) yield this.next();
    } finally {
      this.close();
    }
  }

  /** The signals, for async code; ends when the stream is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Signal, void, undefined> {
    try {
      while (!this.#state.isClosed) {
        let name: Signal;
        try {
          name = await this.next();
        } catch (error) {
          if (error instanceof ClosedError && this.#state.isClosed) return;
          throw error;
        }
        yield name;
      }
    } finally {
      this.close();
    }
  }

  /** Stops listening; waits end by `ClosedError`. Idempotent. */
  close(): void {
    if (this.#state.isClosed) return;
    this.#state.close();
    this.#onClose();
    this.#wakeAll();
  }

  /** As {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #wakeAll(): void {
    const waits = [...this.#waits];
    this.#waits.clear();
    for (const wait of waits) wait.waker?.wake();
  }
}

/** One wait for a signal. */
class NextSignal extends Future<Signal> {
  waker: Waker | undefined;
  readonly #host: Host;
  readonly #state: SignalState;
  readonly #waits: Set<NextSignal>;

  constructor(host: Host, state: SignalState, waits: Set<NextSignal>) {
    super();
    this.#host = host;
    this.#state = state;
    this.#waits = waits;
  }

  poll(waker: Waker): Poll<Signal> {
    const name = this.#state.take();
    if (name === undefined && !this.#state.isClosed) {
      this.waker = waker;
      this.#waits.add(this);
      return PENDING;
    }
    this.cancel();
    if (name !== undefined) return name;
    throw new ClosedError("Cannot wait for a signal: the stream is closed");
  }

  override cancel(): void {
    this.#waits.delete(this);
    this.waker = undefined;
  }

  override describe(): string {
    return `signal ${this.#state.mask.join(" or ")}`;
  }

  override get source(): WakeSource {
    return WAKE_OUTSIDE;
  }

  /** @internal */
  override get home(): Host {
    return this.#host;
  }
}
