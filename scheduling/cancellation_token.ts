/**
 * The looking side of a cancellation.
 *
 * The asking side imports this file; here it is known only as {@linkcode WatchedCancellation}.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import { Future } from "../runtime/future.ts";
import { checkCallback, Registration } from "./cancellation_callbacks.ts";
import type {
  CancellationCallback,
  CancellationReason,
  CancellationState,
} from "./cancellation_reason.ts";

/** How a token gets a future from its source; a symbol, so that only the library can call it. */
export const WHEN_CANCELLED: unique symbol = Symbol("whenCancelled");

/** What a token sees of its `CancellationSource`, which alone has it. */
export interface WatchedCancellation {
  readonly state: CancellationState;
  readonly isCancellationRequested: boolean;
  readonly isCancelled: boolean;
  readonly reason: CancellationReason | undefined;
  readonly message: string | undefined;
  readonly signal: AbortSignal;
  onCancel(callback: CancellationCallback): Disposable;
  throwIfCancellationRequested(): void;
  [WHEN_CANCELLED](): Future<CancellationReason>;
}

/** The source behind a token; `undefined` for {@linkcode CancellationToken.none}. */
export let sourceOf: (token: CancellationToken) => WatchedCancellation | undefined;

/**
 * The looking side of a cancellation: it cannot cancel.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { CancellationSource, type CancellationToken, Runtime } from "@vais/runtime";
 *
 * const source = new CancellationSource();
 * function* watch(token: CancellationToken) {
 *   return `stopped: ${yield* token.cancelled()}`;
 * }
 * const runtime = new Runtime();
 * const watcher = runtime.spawn(() => watch(source.token));
 * runtime.runUntilStalled();
 * source.cancel();
 * assertEquals(await watcher, "stopped: user_requested");
 * ```
 */
export class CancellationToken {
  static #none: CancellationToken | undefined;
  readonly #source: WatchedCancellation | undefined;

  /** Made by `CancellationSource.token`. */
  constructor(source?: WatchedCancellation) {
    if (source !== undefined && typeof source?.[WHEN_CANCELLED] !== "function") {
      throw new TypeError(
        `Cannot create CancellationToken: source is ${
          typeOf(source)
        } (must be a CancellationSource)`,
      );
    }
    this.#source = source;
  }

  static {
    sourceOf = (token) => token.#source;
  }

  /** The token that is never cancelled. */
  static none(): CancellationToken {
    return CancellationToken.#none ??= new CancellationToken();
  }

  /** See {@linkcode CancellationState}. */
  get state(): CancellationState {
    return this.#source?.state ?? "active";
  }

  /** True from the first cancel on, in the callbacks too. */
  get isCancellationRequested(): boolean {
    return this.#source?.isCancellationRequested ?? false;
  }

  /** True once all callbacks have run. */
  get isCancelled(): boolean {
    return this.#source?.isCancelled ?? false;
  }

  /** Why; `undefined` while active. */
  get reason(): CancellationReason | undefined {
    return this.#source?.reason;
  }

  /** The text that was given with the reason. */
  get message(): string | undefined {
    return this.#source?.message;
  }

  /** Aborts with the source. */
  get signal(): AbortSignal {
    // Each its own, so that nothing piles up on a signal which never aborts.
    return this.#source?.signal ?? new AbortController().signal;
  }

  /** See `CancellationSource.onCancel`. */
  register(callback: CancellationCallback): Disposable {
    if (this.#source !== undefined) return this.#source.onCancel(callback);
    checkCallback(callback);
    return new Registration(callback, undefined);
  }

  /** Throws `Cancelled` once a cancel was asked for. */
  throwIfCancelled(): void {
    this.#source?.throwIfCancellationRequested();
  }

  /** A future of the reason, ready when a cancel is asked for. Who stops waiting leaves nothing behind. */
  cancelled(): Future<CancellationReason> {
    return this.#source?.[WHEN_CANCELLED]() ?? Future.never();
  }
}
