/**
 * The host's own `Atomics`, kept before the gated one takes its name.
 *
 * Invariant: what the explorer does for itself goes through `real`, so that it is never a step of the
 * program it explores. This module is loaded before anything is replaced.
 *
 * @module
 */

/** What the explorer uses of the host's `Atomics`. */
export const real: typeof Atomics = Atomics;
