/**
 * Sequential queue, stack, deque and map, for the linearizability check.
 *
 * They know calls by name and take answers in the forms the structures of `@vais/runtime/memory` give
 * them, symbols as such or as their description: a value, EMPTY, FULL, RETRY (always possible, no
 * effect). A call or answer they do not know is a `TypeError`, not a failure.
 *
 * @module
 */
import type { RecordedCall, SequentialModel } from "./linearizability.ts";

/** How large a model's object is. */
export interface ModelOptions {
  /** Items it holds at most: "FULL" must be answered then, and only then. Default: without bound. */
  readonly capacity?: number;
}

type Items = readonly unknown[];

/**
 * First in, first out: `push(value)` answers true, undefined, "FULL" or "RETRY"; `pop()` the value, "EMPTY" or
 * "RETRY".
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { checkLinearizable, queueModel } from "@vais/runtime/testing";
 *
 * const pop = { thread: 0, name: "pop", input: undefined, output: "EMPTY", invoked: 0, returned: 1 };
 * assert(checkLinearizable([pop], queueModel()).linearizable);
 * ```
 */
export function queueModel(options: ModelOptions = {}): SequentialModel<readonly unknown[]> {
  return itemsModel("queue", options, { push: addLast, pop: takeFirst });
}

/**
 * Last in, first out: as {@linkcode queueModel}, with the other end taken.
 *
 * @example
 * ```ts
 * import { stackModel } from "@vais/runtime/testing";
 *
 * export const model = stackModel({ capacity: 4 }); // in the module of an explored program
 * ```
 */
export function stackModel(options: ModelOptions = {}): SequentialModel<readonly unknown[]> {
  return itemsModel("stack", options, { push: addLast, pop: takeLast });
}

/**
 * Both ends: `push` and `pop` at the bottom, `steal` at the top, `pushTop` too.
 *
 * @example
 * ```ts
 * import { dequeModel } from "@vais/runtime/testing";
 *
 * export const model = dequeModel({ capacity: 4 }); // in the module of an explored program
 * ```
 */
export function dequeModel(options: ModelOptions = {}): SequentialModel<readonly unknown[]> {
  return itemsModel("deque", options, {
    push: addLast,
    pop: takeLast,
    steal: takeFirst,
    pushTop: addFirst,
  });
}

/**
 * Keys and values: `set([key, value])` answers anything but "FULL" and "RETRY", which mean no effect,
 * `get(key)` the value or undefined, `has(key)` and `delete(key)` whether it was there. Each key is a part.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { checkLinearizable, mapModel } from "@vais/runtime/testing";
 *
 * const history = [
 *   { thread: 0, name: "set", input: ["a", 1], output: undefined, invoked: 0, returned: 3 },
 *   { thread: 1, name: "get", input: "a", output: undefined, invoked: 1, returned: 2 },
 * ];
 * assert(checkLinearizable(history, mapModel()).linearizable);
 * ```
 */
export function mapModel(): SequentialModel<readonly unknown[]> {
  return {
    initial: [],
    part: ({ name, input }) => JSON.stringify(name === "set" ? (input as Items)[0] : input),
    step(state, { name, input, output }) {
      const there = state.length > 0;
      switch (name) {
        case "set":
          return isAnswer(output, "FULL", "RETRY") ? state : [(input as Items)[1]];
        case "get":
          return output === state[0] ? state : undefined;
        case "has":
          return output === there ? state : undefined;
        case "delete":
          return output === there ? [] : undefined;
        default:
          throw unknown("map", name);
      }
    },
  };
}

type Change = (items: Items, call: RecordedCall, capacity: number) => Items | undefined;

function itemsModel(
  kind: string,
  { capacity = Infinity }: ModelOptions,
  calls: Readonly<Record<string, Change>>,
): SequentialModel<Items> {
  if (!(capacity >= 1)) {
    throw new RangeError(`Cannot make a ${kind} model: capacity is ${capacity} (at least 1)`);
  }
  return {
    initial: [],
    step(items, call) {
      const change = calls[call.name];
      if (change === undefined) throw unknown(kind, call.name);
      return isAnswer(call.output, "RETRY") ? items : change(items, call, capacity);
    },
  };
}

const addLast: Change = (items, { input, output }, capacity) =>
  refused(output) ? full(items, capacity) : items.length < capacity ? [...items, input] : undefined;

const addFirst: Change = (items, { input, output }, capacity) =>
  refused(output) ? full(items, capacity) : items.length < capacity ? [input, ...items] : undefined;

const takeFirst: Change = (items, { output }) =>
  none(output)
    ? empty(items)
    : items.length > 0 && items[0] === output
    ? items.slice(1)
    : undefined;

const takeLast: Change = (items, { output }) =>
  none(output)
    ? empty(items)
    : items.length > 0 && items.at(-1) === output
    ? items.slice(0, -1)
    : undefined;

const full = (items: Items, capacity: number) => items.length === capacity ? items : undefined;
const empty = (items: Items) => items.length === 0 ? items : undefined;
const refused = (output: unknown) => output === false || isAnswer(output, "FULL");
const none = (output: unknown) => output === undefined || isAnswer(output, "EMPTY");

function isAnswer(output: unknown, ...names: string[]): boolean {
  const name = typeof output === "symbol" ? output.description : output;
  return names.includes(name as string);
}

function unknown(kind: string, name: string): TypeError {
  return new TypeError(`Cannot check a history: the ${kind} model has no ${name} (see its calls)`);
}
