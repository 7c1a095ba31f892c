/**
 * A function as threads are told of it.
 *
 * @module
 */

/** How a function is called: its answer is the result, or what it yields is a stream. */
export type CallKind = "call" | "stream";

/** A function, by its number; structured-clonable. */
export interface FunctionSource {
  /** What tasks name it by. */
  readonly fn: number;
  readonly kind: CallKind;
  /** Of an export, or for errors. */
  readonly name: string;
  /** The text of a self-contained function; without it, the function is an export of the module. */
  readonly code?: string;
}
