/**
 * What the ends of a group's children add up to.
 *
 * Decided from what happened, never from timing or count: the first failure, a deadline being one;
 * else the cancellation, if somebody asked for it or something here ended by it; else success.
 *
 * @module
 */

import { type Cancelled, TimeoutError } from "../runtime/errors.ts";
import { type Failure, rememberFailures } from "../runtime/failures.ts";
import { TaskGroupError } from "./group_errors.ts";

const NONE: readonly Failure[] = [];

/** The case of one group. */
export class Verdict {
  readonly #label: string;
  readonly #aggregate: boolean;
  #failures: Failure[] | undefined;
  /** Why the group is being cancelled, if it is. */
  cancelled: Cancelled | undefined;
  /** Somebody asked for it, rather than a failure or a deadline inside. */
  isExplicit = false;
  /** Something here ended by it. */
  isCaught = false;
  #deadline: Failure | undefined;
  /** Failures told with the error thrown last. */
  #told = 0;
  #aggregated: TaskGroupError | undefined;

  constructor(label: string, aggregate: boolean) {
    this.#label = label;
    this.#aggregate = aggregate;
  }

  /** What went wrong, in order; without a deadline. */
  get failures(): readonly Failure[] {
    return this.#failures ?? NONE;
  }

  /** The list to add to. */
  get list(): Failure[] {
    return this.#failures ??= [];
  }

  /** The time limit passed, before anything else went wrong. */
  expire(timeoutMs: number, id: number): void {
    const task = { id, name: this.#label };
    this.#deadline = { error: new TimeoutError(this.#label, timeoutMs), task, during: "body" };
  }

  /** True when the time limit ended something here. */
  get timedOut(): boolean {
    return this.#deadline !== undefined && this.isCaught;
  }

  /** Everything that went wrong, the first first; a deadline is one of these. */
  all(): readonly Failure[] {
    return this.timedOut ? [this.#deadline!, ...this.failures] : this.failures;
  }

  /**
   * The error to throw, if there is one. Failures behind a primitive, which cannot be remembered
   * with it, go to `report`.
   *
   * @param carrier The task the error is thrown into
   */
  error(
    carrier: object | undefined,
    report: (failure: Failure) => void,
  ): { readonly error: unknown } | undefined {
    const failures = this.all();
    const primary = failures[0];
    if (primary === undefined) {
      return this.cancelled !== undefined && (this.isExplicit || this.isCaught)
        ? { error: this.cancelled }
        : undefined;
    }
    const isNew = this.#told !== failures.length;
    this.#told = failures.length;
    if (this.#aggregate) {
      if (isNew) {
        this.#aggregated = new TaskGroupError(this.#label, failures);
        rememberFailures(this.#aggregated, failures, carrier);
      }
      return { error: this.#aggregated };
    }
    if (isNew) {
      for (const lost of rememberFailures(primary.error, failures, carrier)) {
        report(lost);
      }
    }
    return { error: primary.error };
  }
}
