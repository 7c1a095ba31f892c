/**
 * What callers of this package catch, each with a stable `code`.
 *
 * Bad input is none of these: it is a `TypeError` or `RangeError` at the door.
 *
 * @module
 */

/** Why something was cancelled. `parent` carries the reason one level up: a chain to the root. */
export type CancelReason =
  | {
    readonly kind: "requested";
    readonly by?: string;
    readonly note?: unknown;
  }
  | {
    readonly kind: "deadline";
    readonly timeoutMs: number;
    readonly by?: string;
  }
  | {
    readonly kind: "sibling-failed";
    readonly task: string;
    readonly error: unknown;
  }
  | {
    readonly kind: "parent";
    readonly by: string;
    readonly cause: CancelReason;
  }
  | { readonly kind: "signal"; readonly reason: unknown }
  | { readonly kind: "shutdown"; readonly signal?: string };

const KINDS = new Set([
  "requested",
  "deadline",
  "sibling-failed",
  "parent",
  "signal",
  "shutdown",
]);

/** Turns what a caller passed to `cancel()` into a {@linkcode CancelReason}. */
export function toCancelReason(reason: unknown): CancelReason {
  if (reason instanceof Cancelled) return reason.reason;
  if (reason === undefined) return { kind: "requested" };
  if (
    typeof reason === "object" && reason !== null &&
    KINDS.has((reason as CancelReason).kind)
  ) {
    return reason as CancelReason;
  }
  return { kind: "requested", note: reason };
}

function mustBeReason(reason: unknown, action: string): void {
  if (typeof reason !== "object" || reason === null || !KINDS.has((reason as CancelReason).kind)) {
    throw new TypeError(
      `Cannot ${action}: ${brief(reason)} is no CancelReason (must have a known kind)`,
    );
  }
}

function brief(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** One link of a reason chain, as text. */
function describeLink(reason: CancelReason): string {
  const by = "by" in reason && reason.by !== undefined ? ` by ${reason.by}` : "";
  switch (reason.kind) {
    case "requested":
      return `requested${by}` +
        (reason.note === undefined ? "" : ` (${brief(reason.note)})`);
    case "deadline":
      return `deadline of ${reason.timeoutMs} ms passed` +
        by.replace(" by", " in");
    case "sibling-failed":
      return `sibling ${reason.task} failed (${brief(reason.error)})`;
    case "signal":
      return `signal aborted (${brief(reason.reason)})`;
    case "shutdown":
      return "shutdown" +
        (reason.signal === undefined ? "" : ` on ${reason.signal}`);
    case "parent":
      return `${reason.by} was cancelled`;
  }
}

/** Links shown at each end of a chain too long to print whole. */
const SHOWN_LINKS = 8;

/**
 * The reason chain as one line, from the nearest cause to the root.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { describeReason } from "@vais/runtime";
 *
 * const root = { kind: "deadline", timeoutMs: 50 } as const;
 * assertEquals(
 *   describeReason({ kind: "parent", by: "crawl", cause: root }),
 *   "crawl was cancelled <- deadline of 50 ms passed",
 * );
 * ```
 */
export function describeReason(reason: CancelReason): string {
  mustBeReason(reason, "describe reason");
  const head: string[] = [];
  const tail: string[] = [];
  let links = 0;
  for (let at: CancelReason | undefined = reason; at !== undefined; links++) {
    (links < SHOWN_LINKS ? head : tail).push(describeLink(at));
    if (tail.length > SHOWN_LINKS) tail.shift();
    at = at.kind === "parent" ? at.cause : undefined;
  }
  const hidden = links - head.length - tail.length;
  if (hidden > 0) head.push(`… ${hidden} more …`);
  return [...head, ...tail].join(" <- ");
}

/** The last reason of the chain: what started the cancellation. */
export function rootReason(reason: CancelReason): CancelReason {
  mustBeReason(reason, "find root reason");
  let at = reason;
  while (at.kind === "parent") at = at.cause;
  return at;
}

/**
 * Thrown at the awaits of a cancelled task.
 *
 * `name` is `"AbortError"`, the string the platform tests for. Tasks cancelled together share one
 * instance; only the first of a cancellation has a stack, the site that asked for it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Cancelled } from "@vais/runtime";
 *
 * const error = new Cancelled({ kind: "requested", note: "user left" });
 * assertEquals(error.name, "AbortError");
 * assertEquals(error.message, 'Cancelled: requested ("user left")');
 * ```
 */
export class Cancelled extends Error {
  /** Why, with the chain to the root. */
  readonly reason: CancelReason;

  /** A cancellation with its reason; anything that is not a {@linkcode CancelReason} becomes the note of a request. */
  constructor(reason?: unknown) {
    super();
    this.reason = toCancelReason(reason);
  }

  /** Always `"AbortError"`. */
  override get name(): string {
    return "AbortError";
  }

  /** Stable code of this class. */
  get code(): "ERR_CANCELLED" {
    return "ERR_CANCELLED";
  }

  /** `Cancelled: ` and the reason chain; built when read. */
  override get message(): string {
    return `Cancelled: ${describeReason(this.reason)}`;
  }

  /** How consoles show one that has no stack. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.stack ?? this.message;
  }

  /** The same, for Deno's console. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.stack ?? this.message;
  }

  /** The cancellation that `cause` becomes one level down in the tree; has no stack of its own. */
  static inherit(cause: CancelReason, by: string): Cancelled {
    return Cancelled.quiet({ kind: "parent", by, cause });
  }

  /**
   * As the constructor, without a stack: cancelling a large tree makes these by the thousand, and
   * the engine takes 2 µs for an `Error`, even when no frame is captured. 10 ns here.
   */
  static quiet(reason: CancelReason): Cancelled {
    const cancelled = Object.create(Cancelled.prototype) as { reason: CancelReason };
    cancelled.reason = reason;
    return cancelled as Cancelled;
  }
}

/**
 * A time limit passed.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { TimeoutError, withTimeout } from "@vais/runtime";
 *
 * await assertRejects(() => withTimeout(1, (task) => task.sleep(1_000)), TimeoutError);
 * ```
 */
export class TimeoutError extends Error {
  /** Class name. */
  override readonly name = "TimeoutError";
  /** Stable code of this class. */
  readonly code = "ERR_TIMEOUT";
  /** The limit that passed, in ms. */
  readonly timeoutMs: number;

  /** What was attempted, and the limit in ms. */
  constructor(what: string, timeoutMs: number) {
    super(`Cannot finish ${what}: not done after ${timeoutMs} ms`);
    this.timeoutMs = timeoutMs;
  }
}

/** Nothing can ever wake the waiting tasks; the message holds the task dump. */
export class DeadlockError extends Error {
  /** Class name. */
  override readonly name = "DeadlockError";
  /** Stable code of this class. */
  readonly code = "ERR_DEADLOCK";
}

/** More live tasks than the runtime's `maxTasks`. */
export class TooManyTasksError extends Error {
  /** Class name. */
  override readonly name = "TooManyTasksError";
  /** Stable code of this class. */
  readonly code = "ERR_TOO_MANY_TASKS";
  /** The runtime's limit. */
  readonly maxTasks: number;

  /** The limit that was reached. */
  constructor(maxTasks: number) {
    super(
      `Cannot spawn: ${maxTasks} tasks are alive (maxTasks is ${maxTasks})`,
    );
    this.maxTasks = maxTasks;
  }
}

/** What was used is closed: a runtime, a group, a channel. */
export class ClosedError extends Error {
  /** Class name. */
  override readonly name: string = "ClosedError";
  /** Stable code of this class. */
  readonly code: string = "ERR_CLOSED";
}
