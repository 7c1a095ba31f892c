/**
 * Takes a thrown value apart; see error_codec.ts.
 *
 * @module
 */

import { keyOfClass } from "./error_classes.ts";
import type {
  ErrorGraph,
  ErrorNode,
  Field,
  ListNode,
  Node,
  ObjectNode,
  Slot,
} from "./error_nodes.ts";
import { asLeaf, describeUnclonable, inWords, isError, readProperty } from "./error_values.ts";

/** No more nodes than this; an error may hang on half of a program. */
const MAX_NODES = 10_000;
/** Nor more items of one container or properties of one object than this. */
const MAX_ITEMS = 10_000;
/** Containers in containers below an error. Causes and `errors` may go as deep as they like. */
const MAX_DEPTH = 8;

/** Takes one thrown value apart. */
export class ErrorEncoder {
  readonly #nodes: Node[] = [];
  readonly #numbers = new Map<object, number>();
  /** Nodes whose properties have not been looked at yet; no recursion, chains may be long. */
  readonly #open: { readonly of: object; readonly node: Node; readonly depth: number }[] = [];

  /** Never throws. */
  encode(thrown: unknown): ErrorGraph {
    const root = this.#slot(thrown, 0);
    for (let next, i = 0; (next = this.#open[i]) !== undefined; i++) {
      try {
        this.#lookInto(next.of, next.node, next.depth);
      } catch {
        // A proxy that refuses: what has been read stays.
      }
    }
    return { thrown: root, nodes: this.#nodes };
  }

  #slot(value: unknown, depth: number): Slot {
    if (typeof value === "symbol" || typeof value === "function") {
      return { is: describeUnclonable(value) };
    }
    if (typeof value !== "object" || value === null) return { is: value };
    const known = this.#numbers.get(value);
    if (known !== undefined) return { at: known };
    try {
      return this.#newSlot(value, depth);
    } catch {
      return { is: describeUnclonable(value) };
    }
  }

  #newSlot(value: object, depth: number): Slot {
    const isErr = isError(value);
    if (!isErr) {
      const leaf = asLeaf(value);
      if (leaf !== undefined) return { is: leaf };
    }
    if (this.#nodes.length === MAX_NODES || (!isErr && depth > MAX_DEPTH)) {
      return { is: describeUnclonable(value, "left out, too much hangs on it") };
    }
    const node = isErr ? errorNode(value as Error) : containerNode(value);
    const at = this.#nodes.push(node) - 1;
    this.#numbers.set(value, at);
    this.#open.push({ of: value, node, depth: isErr ? 0 : depth });
    return { at };
  }

  #lookInto(of: object, node: Node, depth: number): void {
    switch (node.kind) {
      case "array":
      case "set":
        return this.#addItems(of as Iterable<unknown>, node.items, depth + 1);
      case "map":
        return this.#addItems(flat(of as Map<unknown, unknown>), node.items, depth + 1);
      default:
        this.#addFields(of, node.fields, node.kind === "error", depth + 1);
    }
  }

  #addItems(from: Iterable<unknown>, items: Slot[], depth: number): void {
    for (const item of from) {
      if (items.length === MAX_ITEMS) {
        items.push({ is: LEFT_OUT }, { is: LEFT_OUT });
        return;
      }
      items.push(this.#slot(item, depth));
    }
  }

  #addFields(of: object, fields: Field[], ofError: boolean, depth: number): void {
    for (const key of Reflect.ownKeys(of)) {
      if (key === "stack" && ofError) continue;
      const registered = typeof key === "symbol" ? Symbol.keyFor(key) : undefined;
      if (typeof key === "symbol" && registered === undefined) continue;
      const isEnumerable = Object.prototype.propertyIsEnumerable.call(of, key);
      if (!isEnumerable && (typeof key === "symbol" || !ofError)) continue;
      if (fields.length === MAX_ITEMS) {
        fields.push({ key: "…", value: { is: LEFT_OUT } });
        return;
      }
      let value: Slot;
      try {
        value = this.#slot((of as Record<PropertyKey, unknown>)[key], depth);
      } catch (error) {
        value = { is: `[getter: threw ${inWords(error)}]` };
      }
      fields.push({
        key: registered ?? String(key),
        ...(registered === undefined ? undefined : { isSymbol: true }),
        ...(isEnumerable ? undefined : { isHidden: true }),
        value,
      });
    }
  }
}

const LEFT_OUT = `[what comes after ${MAX_ITEMS}: left out]`;

function* flat(map: Map<unknown, unknown>): Generator<unknown> {
  for (const entry of map) yield* entry;
}

function containerNode(value: object): ListNode | ObjectNode {
  if (Array.isArray(value)) return { kind: "array", items: [] };
  if (value instanceof Map) return { kind: "map", items: [] };
  if (value instanceof Set) return { kind: "set", items: [] };
  const kind = Object.getPrototypeOf(value) === null ? "null-object" : "object";
  return { kind, fields: [] };
}

function errorNode(error: Error): ErrorNode {
  const keys: string[] = [];
  let className: string | undefined;
  let isExact = false;
  for (let at = Object.getPrototypeOf(error); at !== null; at = Object.getPrototypeOf(at)) {
    const { value: constructor } = Object.getOwnPropertyDescriptor(at, "constructor") ?? {};
    const key = keyOfClass(constructor);
    if (className === undefined) {
      className = text(constructor?.name);
      isExact = key !== undefined;
    }
    if (key !== undefined) keys.push(key);
  }
  const code = readProperty(error, "code");
  return {
    kind: "error",
    className: className || "Error",
    keys,
    isExact,
    name: text(readProperty(error, "name")),
    message: text(readProperty(error, "message")),
    code: typeof code === "string" || typeof code === "number" ? code : undefined,
    stack: text(readProperty(error, "stack")),
    fields: [],
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
