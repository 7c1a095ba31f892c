/**
 * Sources with a rule of their own for when they are cancelled: with others, or at the end of a block.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import { CancellationSource, follow } from "./cancellation_source.ts";
import { CancellationToken, sourceOf } from "./cancellation_token.ts";
import { checkSignal } from "./signals.ts";

/** What a {@linkcode LinkedCancellation} can follow. */
export type CancellationInput = CancellationSource | CancellationToken | AbortSignal;

/**
 * Cancelled as soon as one of several sources is, with that one's reason and message.
 *
 * It follows sources, tokens and signals; dispose of it when it is not needed any more. The first in
 * the list wins among those that are cancelled already.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { CancellationSource, LinkedCancellation } from "@vais/runtime";
 *
 * const [user, quota] = [new CancellationSource(), new CancellationSource()];
 * using either = new LinkedCancellation([user, quota.token, AbortSignal.timeout(60_000)]);
 * quota.cancelWithReason("resource_exhausted", "disk full");
 * assertEquals([either.reason, either.message], ["resource_exhausted", "disk full"]);
 * ```
 */
export class LinkedCancellation extends CancellationSource {
  /**
   * Follows all of the inputs from here on.
   *
   * @throws {TypeError} If one is no source, token or AbortSignal; then it follows none
   */
  constructor(inputs: Iterable<CancellationInput>) {
    super();
    const action = "create LinkedCancellation";
    if (typeof inputs !== "object" || inputs === null || !(Symbol.iterator in inputs)) {
      throw new TypeError(`Cannot ${action}: inputs is ${typeOf(inputs)} (must be an iterable)`);
    }
    const all = new Set<CancellationSource | AbortSignal>();
    for (const input of inputs) {
      if (input instanceof CancellationToken) {
        const source = sourceOf(input);
        if (source instanceof CancellationSource) all.add(source);
      } else {
        all.add(input instanceof CancellationSource ? input : checkSignal(input, action));
      }
    }
    follow(this, all);
  }
}

/**
 * Cancelled at the end of its block, however that is left: first the cleanup, then the cancel.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ScopedCancellation } from "@vais/runtime";
 *
 * const log: string[] = [];
 * {
 *   using scoped = new ScopedCancellation(() => log.push("cleanup"));
 *   scoped.onCancel((reason) => log.push(reason));
 * }
 * assertEquals(log, ["cleanup", "user_requested"]);
 * ```
 */
export class ScopedCancellation extends CancellationSource {
  #cleanup: ((source: CancellationSource) => void) | undefined;
  #isLeft = false;

  /** `cleanup` runs once, before the cancel, also when it was cancelled before. */
  constructor(cleanup?: (source: CancellationSource) => void) {
    super();
    if (cleanup !== undefined && typeof cleanup !== "function") {
      throw new TypeError(
        `Cannot create ScopedCancellation: cleanup is ${typeOf(cleanup)} (must be a function)`,
      );
    }
    this.#cleanup = cleanup;
  }

  /**
   * Runs the cleanup, then cancels, also when the cleanup throws. Idempotent.
   *
   * @throws What the cleanup threw; an `AggregateError` when callbacks of the cancel threw too
   */
  override [Symbol.dispose](): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    const cleanup = this.#cleanup;
    this.#cleanup = undefined;
    let failed: { readonly error: unknown } | undefined;
    try {
      cleanup?.(this);
    } catch (error) {
      failed = { error };
    }
    try {
      this.cancel();
    } catch (error) {
      if (failed === undefined) throw error;
      throw new AggregateError(
        [failed.error, error],
        "Cannot leave ScopedCancellation: the cleanup threw, and so did callbacks (see errors)",
        { cause: failed.error },
      );
    }
    if (failed !== undefined) throw failed.error;
  }
}
