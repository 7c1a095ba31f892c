/**
 * What an operation answers when it has no value: empty, full, lost race, closed and timed out are
 * different answers, none of them an int32, none of them allocated.
 *
 * @module
 */

/**
 * There was nothing to take. Exact unless an operation says otherwise: at one moment during the
 * call the structure was empty.
 */
export const EMPTY: unique symbol = Symbol("EMPTY");
/**
 * There was no room. Exact unless an operation says otherwise: at one moment during the call the
 * structure was full.
 */
export const FULL: unique symbol = Symbol("FULL");
/** Another thread was in the way: nothing was changed, and a later call may succeed. */
export const RETRY: unique symbol = Symbol("RETRY");
/** It is closed: nothing can be added, or nothing is left to take and nothing will come. */
export const CLOSED: unique symbol = Symbol("CLOSED");
/** The time was over first. */
export const TIMED_OUT: unique symbol = Symbol("TIMED_OUT");
