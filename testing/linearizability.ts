/**
 * Whether a recorded history of concurrent calls could be one of a sequential object.
 *
 * A history is linearizable when its calls can be put in an order that a sequential object could have
 * answered so, and in which no call comes before one that had returned when it was invoked.
 *
 * The search places one call after the other, of those that nobody left must precede. Each thread makes one
 * call at a time, so what is placed is a number of calls for each thread; with the state of the object
 * that is all that matters for what follows, and no such pair is tried twice.
 *
 * Sources: Herlihy & Wing, "Linearizability" (TOPLAS 1990); Wing & Gong, "Testing and Verifying Concurrent
 * Objects" (1993); the memo: Lowe, "Testing for Linearizability" (2017); parts: Horn & Kroening,
 * "Faster Linearizability Checking via P-Compositionality" (2015).
 *
 * @module
 */

const MOST_TRIED = 5_000_000;

/** A call of a history. */
export interface RecordedCall {
  /** Who made it; a thread makes one call at a time. */
  readonly thread: number;
  /** What was called. */
  readonly name: string;
  /** With what. */
  readonly input: unknown;
  /** What it answered. */
  readonly output: unknown;
  /** When it began: any clock or ticket that all threads share. */
  readonly invoked: number;
  /** When it answered; not before `invoked`. */
  readonly returned: number;
}

/** A sequential object: what it answers to one call after the other. */
export interface SequentialModel<S> {
  /** The state it begins in. */
  readonly initial: S;
  /**
   * The state after `call`, or undefined when an object in `state` could not have answered
   * `call.output`. Must not change `state`.
   */
  step(state: S, call: RecordedCall): S | undefined;
  /** A text that tells states apart. Default: their JSON. */
  key?(state: S): string;
  /** Calls that do not concern each other, such as those on different keys, have different parts. */
  part?(call: RecordedCall): unknown;
}

/** What {@linkcode checkLinearizable} found. */
export interface LinearizabilityResult {
  /** Whether there is an order. */
  readonly linearizable: boolean;
  /** Such an order; else the longest beginning of one. With parts, part by part. */
  readonly order: readonly RecordedCall[];
  /** How many (calls placed, state) pairs were tried. */
  readonly tried: number;
}

/**
 * Looks for an order of `history` that `model` could have answered.
 *
 * Exact, with exponential cost in the number of *threads* at worst: at most the product of their calls,
 * times the states possible, of which a long queue filled by overlapping calls has many. Histories of
 * thousands of calls on short queues take milliseconds. Throws `RangeError` after five million
 * (calls placed, state) pairs, `TypeError` for a history that is none: a call that returns before it
 * begins, or a thread with two calls at once.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { checkLinearizable, queueModel } from "@vais/runtime/testing";
 *
 * const history = [
 *   { thread: 0, name: "push", input: 1, output: true, invoked: 0, returned: 1 },
 *   { thread: 0, name: "push", input: 2, output: true, invoked: 2, returned: 5 },
 *   { thread: 1, name: "pop", input: undefined, output: 1, invoked: 3, returned: 4 },
 * ];
 * assert(checkLinearizable(history, queueModel()).linearizable);
 * ```
 */
export function checkLinearizable<S>(
  history: readonly RecordedCall[],
  model: SequentialModel<S>,
): LinearizabilityResult {
  const parts = new Map<unknown, RecordedCall[]>();
  for (const call of history) {
    const part = model.part?.(call);
    const calls = parts.get(part);
    if (calls === undefined) parts.set(part, [call]);
    else calls.push(call);
  }
  const order: RecordedCall[] = [];
  let tried = 0;
  for (const calls of parts.values()) {
    const result = search(byThread(calls), calls.length, model);
    tried += result.tried;
    if (!result.linearizable) return { ...result, tried };
    for (const call of result.order) order.push(call);
  }
  return { linearizable: true, order, tried };
}

/** A history as text: a line per call, in the order of invocation. */
export function showHistory(history: readonly RecordedCall[]): string {
  return [...history].sort((a, b) => a.invoked - b.invoked).map((call) => {
    const input = call.input === undefined ? "" : show(call.input);
    return `  thread ${call.thread}: ${call.name}(${input}) -> ${show(call.output)}` +
      `  [${call.invoked}, ${call.returned}]`;
  }).join("\n");
}

function show(value: unknown): string {
  return typeof value === "symbol" || typeof value === "bigint"
    ? String(value)
    : JSON.stringify(value) ?? String(value);
}

function byThread(calls: readonly RecordedCall[]): RecordedCall[][] {
  const threads = new Map<number, RecordedCall[]>();
  for (const call of [...calls].sort((a, b) => a.invoked - b.invoked)) {
    if (!(call.returned >= call.invoked)) {
      throw new TypeError(
        `Cannot check a history: ${call.name} returned at ${call.returned}, invoked at ` +
          `${call.invoked} (a call returns after it was invoked)`,
      );
    }
    const before = threads.get(call.thread);
    if (before === undefined) threads.set(call.thread, [call]);
    else if (before.at(-1)!.returned > call.invoked) {
      throw new TypeError(
        `Cannot check a history: thread ${call.thread} has two calls at ${call.invoked} ` +
          "(a thread makes one call at a time)",
      );
    } else before.push(call);
  }
  return [...threads.values()];
}

function search<S>(
  threads: readonly RecordedCall[][],
  calls: number,
  model: SequentialModel<S>,
): LinearizabilityResult {
  const key = model.key?.bind(model) ?? JSON.stringify as (state: S) => string;
  const placed = threads.map(() => 0);
  const seen = new Set<string>();
  // What was placed, by whom, and the state before it.
  const order: { call: RecordedCall; thread: number; state: S }[] = [];
  let longest: RecordedCall[] = [];
  let state = model.initial;
  let thread = 0; // the first one to try
  while (order.length < calls) {
    let next: S | undefined;
    const end = earliestReturn(threads, placed);
    for (; thread < threads.length; thread++) {
      const call = threads[thread]![placed[thread]!];
      if (call === undefined || call.invoked > end) continue;
      next = model.step(state, call);
      if (next === undefined) continue;
      placed[thread]!++;
      const name = `${placed.join()}|${key(next)}`;
      if (!seen.has(name)) {
        if (seen.size >= MOST_TRIED) {
          throw new RangeError(
            `Cannot check a history: ${MOST_TRIED} orders of ${calls} calls were tried (give it ` +
              "fewer calls, cut where nothing was going on, or calls that overlap less)",
          );
        }
        seen.add(name);
        order.push({ call, thread, state });
        break;
      }
      placed[thread]!--;
    }
    if (thread < threads.length) {
      state = next!;
      thread = 0;
      continue;
    }
    if (order.length > longest.length) longest = order.map(({ call }) => call);
    const last = order.pop();
    if (last === undefined) return { linearizable: false, order: longest, tried: seen.size };
    placed[last.thread]!--;
    state = last.state;
    thread = last.thread + 1;
  }
  return { linearizable: true, order: order.map(({ call }) => call), tried: seen.size };
}

/** No call that was invoked later can be next. */
function earliestReturn(threads: readonly RecordedCall[][], placed: readonly number[]): number {
  let end = Infinity;
  for (let t = 0; t < threads.length; t++) {
    const call = threads[t]![placed[t]!];
    if (call !== undefined && call.returned < end) end = call.returned;
  }
  return end;
}
