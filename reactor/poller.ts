/**
 * What waits for descriptors: the kernel's queue, one per event loop.
 *
 * Interest is edge-triggered and stays: a descriptor is told once when it becomes ready, and again
 * whenever its interest is changed while it is ready. Each descriptor carries a generation, so that
 * what was queued for a closed one is never taken for the next that has its number.
 *
 * @module
 */

/** Data, or the end of it, can be read; or a connection accepted. */
export const READABLE = 1;
/** Can be written, or is connected. */
export const WRITABLE = 2;
/** The other side is gone, wholly or for reading. */
export const HANGUP = 4;
/** Failed; the next call tells how. */
export const FAILED = 8;
/** Urgent data: a short read does not mean that all was read. */
export const URGENT = 16;

/** A queue of one kernel. */
export interface Poller {
  /** Descriptor of the queue itself: it can be waited for in turn. -1 where it has none. */
  readonly fd: number;
  /** The most events one wait answers. */
  readonly maxEvents: number;
  /**
   * Changes what is waited for: `interest` (of READABLE and WRITABLE, 0: nothing) replaces
   * `previous`. Also looks again at what is ready already. Takes effect at the next `flush`.
   */
  change(fd: number, generation: number, interest: number, previous: number): void;
  /** Hands the changes to the kernel. Answers the refused ones: fd, errno, fd, errno, … */
  flush(): readonly number[];
  /**
   * Waits at most `timeoutMs` (0: not at all; -1: for ever; fractions are rounded up); answers the
   * number of events, 0 also when a signal interrupted. Throws `IoError`.
   */
  wait(timeoutMs: number): number;
  /**
   * Settles, by a wait beside the thread, when `wait` has something, or early. Takes nothing: what
   * it took would be lost to a thread that blocks before the promise is heard. Undefined where the
   * host cannot; one at a time.
   */
  readonly whenReady: (() => Promise<unknown>) | undefined;
  /** Settles the promise of `whenReady`, soon and without fail; nothing else comes of it. */
  recall(): void;
  /** Descriptor of event `i`; {@linkcode WAKER_TOKEN} for a wake. */
  fdAt(i: number): number;
  /** Its generation. */
  generationAt(i: number): number;
  /** What is ready: bits of the constants above. */
  readyAt(i: number): number;
  /** Ends the current, or else the next wait. */
  wake(): void;
  /** What another thread needs to do the same: see `remote_loop.ts`. */
  readonly wakeFd: number;
  /** Frees the queue; nothing may wait in it. */
  close(): void;
}

/** The descriptor number that a wake is told under. */
export const WAKER_TOKEN: number = -999;
