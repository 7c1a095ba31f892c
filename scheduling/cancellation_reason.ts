/**
 * Why and how far something is cancelled, as sources and tokens tell it, and what that is as a
 * {@linkcode CancelReason}, in both directions.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import { Cancelled, type CancelReason, describeReason } from "../runtime/errors.ts";

/** Why a `CancellationSource` was cancelled. */
export type CancellationReason =
  | "user_requested"
  | "timeout"
  | "parent_cancelled"
  | "resource_exhausted"
  | "shutdown"
  | "error_occurred";

/** How far a cancellation has come; the middle state is that of the callbacks. */
export type CancellationState = "active" | "cancellation_requested" | "cancelled";

/** Told of a cancellation. What it throws is thrown by the cancel, after all others were told. */
export type CancellationCallback = (
  reason: CancellationReason,
  message: string | undefined,
) => void;

const REASONS: readonly string[] = [
  "user_requested",
  "timeout",
  "parent_cancelled",
  "resource_exhausted",
  "shutdown",
  "error_occurred",
];

/**
 * @throws {TypeError} If `reason` or `message` is not a string
 * @throws {RangeError} If `reason` is not one of {@linkcode CancellationReason}
 */
export function checkReason(reason: unknown, message: unknown): void {
  if (typeof reason !== "string") {
    throw new TypeError(`Cannot cancel: reason is ${typeOf(reason)} (must be a string)`);
  }
  if (!REASONS.includes(reason)) {
    throw new RangeError(
      `Cannot cancel: reason is ${JSON.stringify(reason)} (must be one of ${REASONS.join(", ")})`,
    );
  }
  if (message !== undefined && typeof message !== "string") {
    throw new TypeError(`Cannot cancel: message is ${typeOf(message)} (must be a string)`);
  }
}

/** A cancellation as told here, and as it is thrown. */
export interface Why {
  readonly reason: CancellationReason;
  readonly message: string | undefined;
  readonly cause: CancelReason;
  /** Made when first needed; all who are cancelled for this share it. */
  thrown: Cancelled | undefined;
}

/** How our own reasons are known again when they come back as the reason of a signal. */
const known = new WeakMap<CancelReason, Why>();

/** What is thrown for it: the same instance each time. */
export function thrownFor(why: Why): Cancelled {
  if (why.thrown === undefined) why.thrown = Cancelled.quiet(why.cause);
  known.set(why.cause, why);
  return why.thrown;
}

/** The reason as tasks and scopes tell it. */
export function toCause(
  reason: CancellationReason,
  message: string | undefined,
  timeoutMs: number,
): CancelReason {
  switch (reason) {
    case "user_requested":
      return requested(message);
    case "timeout":
      return message === undefined
        ? { kind: "deadline", timeoutMs }
        : { kind: "deadline", timeoutMs, by: message };
    case "parent_cancelled":
      return { kind: "parent", by: "parent source", cause: requested(message) };
    case "shutdown":
      return message === undefined ? { kind: "shutdown" } : { kind: "shutdown", signal: message };
    case "resource_exhausted":
    case "error_occurred":
      return requested(message === undefined ? reason : `${reason}: ${message}`);
  }
}

function requested(note: string | undefined): CancelReason {
  return note === undefined ? { kind: "requested" } : { kind: "requested", note };
}

/** The reason of a child whose parent is cancelled. */
export function whyOfParent(why: Why): Why {
  return {
    reason: "parent_cancelled",
    message: "Parent was cancelled",
    cause: { kind: "parent", by: "parent source", cause: why.cause },
    thrown: undefined,
  };
}

/** The reason of an aborted signal, whoever aborted it. */
export function whyOfSignal(reason: unknown): Why {
  const thrown = reason instanceof Cancelled ? reason : Cancelled.quiet({ kind: "signal", reason });
  return known.get(thrown.reason) ?? { ...classify(reason), cause: thrown.reason, thrown };
}

function classify(
  reason: unknown,
): { reason: CancellationReason; message: string | undefined } {
  let at = reason;
  while (at instanceof Cancelled && at.reason.kind === "signal") at = at.reason.reason;
  if (at instanceof Cancelled) {
    const own = known.get(at.reason);
    if (own !== undefined) return { reason: own.reason, message: own.message };
    return { reason: REASON_OF_KIND[at.reason.kind], message: describeReason(at.reason) };
  }
  if (typeof at === "string") {
    return REASONS.includes(at)
      ? { reason: at as CancellationReason, message: undefined }
      : { reason: "user_requested", message: at };
  }
  if (typeof at !== "object" || at === null) {
    return { reason: "user_requested", message: undefined };
  }
  const { name, message } = at as { name?: unknown; message?: unknown };
  return {
    reason: name === "TimeoutError"
      ? "timeout"
      : at instanceof Error && name !== "AbortError"
      ? "error_occurred"
      : "user_requested",
    message: typeof message === "string" ? message : undefined,
  };
}

const REASON_OF_KIND: Readonly<Record<CancelReason["kind"], CancellationReason>> = {
  requested: "user_requested",
  deadline: "timeout",
  parent: "parent_cancelled",
  "sibling-failed": "error_occurred",
  signal: "user_requested",
  shutdown: "shutdown",
};
