/**
 * What an encoded error consists of.
 *
 * @module
 */

/** A value: itself, or the number of its node. */
export type Slot = { readonly is: unknown } | { readonly at: number };

/** A property. */
export interface Field {
  readonly key: string;
  /** The key is `Symbol.for(key)`. */
  readonly isSymbol?: true;
  /** It does not show in loops. */
  readonly isHidden?: true;
  readonly value: Slot;
}

export interface ErrorNode {
  readonly kind: "error";
  readonly className: string;
  /** Keys of the known classes it is an instance of, the nearest first. */
  readonly keys: readonly string[];
  /** The first key is that of its own class. */
  readonly isExact: boolean;
  readonly name: string | undefined;
  readonly message: string | undefined;
  readonly code: string | number | undefined;
  readonly stack: string | undefined;
  readonly fields: Field[];
}

/** `Object`, an array or such; for a map, keys and values take turns. */
export interface ListNode {
  readonly kind: "array" | "map" | "set";
  readonly items: Slot[];
}

export interface ObjectNode {
  readonly kind: "object" | "null-object";
  readonly fields: Field[];
}

export type Node = ErrorNode | ListNode | ObjectNode;

/** A thrown value that can be structured-cloned. */
export interface ErrorGraph {
  /** What was thrown. */
  readonly thrown: Slot;
  /** The errors and containers it consists of. */
  readonly nodes: readonly Node[];
}
