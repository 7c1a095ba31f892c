/**
 * What broadcasts throw.
 *
 * @module
 */

/** A receiver of a `Broadcast` was too slow; it goes on with the oldest value that is left. */
export class LaggedError extends Error {
  /** Class name. */
  override readonly name: string = "LaggedError";
  /** Stable code of this class. */
  readonly code: string = "ERR_LAGGED";
  /** How many values it missed. */
  readonly missed: number;

  /** So many were missed. */
  constructor(missed: number, name: string, capacity: number) {
    super(
      `Cannot receive from broadcast ${name}: ${missed} value${
        missed === 1 ? " was" : "s were"
      } missed (receive within ${capacity} sends, or make its capacity larger)`,
    );
    this.missed = missed;
  }
}
