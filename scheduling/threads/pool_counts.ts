/**
 * What a pool counts.
 *
 * @module
 */

/** Counters of a pool. */
export interface PoolCounts {
  /** Workers that are ready. */
  readonly running: number;
  /** Workers on their way. */
  readonly starting: number;
  /** Threads that could not be ended, and were given up. */
  readonly abandoned: number;
  /** Threads that ended, or were given up, without having been told to stop. */
  readonly died: number;
  /** Workers that run on the CPU they should. */
  readonly pinned: number;
}

/** Those of a pool that is not there. */
export const NO_WORKERS: PoolCounts = {
  running: 0,
  starting: 0,
  abandoned: 0,
  died: 0,
  pinned: 0,
};
