/**
 * A mutex in one word, for the structures that must see several words at one moment.
 *
 * Invariant: 0 is free; otherwise the word is twice the holder's number, and one more when somebody
 * may be asleep. Who slept takes it as awaited, since others may sleep still; who frees an awaited
 * one notifies. What the lock guards is touched only by its holder, without `Atomics`: the lock's
 * own operations order it.
 *
 * Since the word names its holder, the lock of a worker that has ended can be taken over by one that knows
 * of it. Others wait on, and none that waits may hold it against them: a sleeper that was woken
 * and ended before it took the lock is made good by waking the others.
 *
 * Ulrich Drepper, "Futexes Are Tricky" (2004), mutex 3; holders that die: the robust mutexes of
 * POSIX.1-2008, `pthread_mutexattr_setrobust`.
 *
 * @module
 */

import { checkInteger, checkOptions } from "./check.ts";
import { LockHeldError } from "./lock_held_error.ts";

const FREE = 0;
const AWAITED = 1;
/** A holder that runs is done in less than these take; one that does not run is slept for. */
const SPINS = 64;
/** Numbers below are given by callers, those from here on are drawn. */
const DRAWN = 2 ** 29;
/** The largest number of a worker. */
export const MOST_WORKER: number = 2 * DRAWN - 2;

/** How a view takes the lock of its structure. */
export interface LockedViewOptions {
  /**
   * The number of the worker that this view is for, 0 to 2 ** 29 - 2: `recover` is told it. Views of one
   * worker may share it; no two workers may. Default: one is drawn that no other view has.
   */
  readonly worker?: number;
  /**
   * After so many ms of waiting for a lock that one worker keeps, a call throws {@linkcode LockHeldError}
   * instead of waiting on. A lock is held for microseconds. Default: it waits for ever.
   */
  readonly patienceMs?: number;
}

/** Internal: what {@linkcode LockedViewOptions} come to. */
export interface LockUser {
  readonly kind: string;
  readonly worker: number;
  readonly patienceMs: number;
}

/** Internal: checks the options of a view. Numbers are drawn from the word at `drawn`, which begins at 0. */
export function lockUser(
  kind: string,
  words: Int32Array,
  drawn: number,
  options: LockedViewOptions | undefined,
): LockUser {
  const action = `attach a ${kind}`;
  const { worker, patienceMs = Infinity } = checkOptions(action, options);
  if (worker !== undefined) checkInteger(action, "the worker", worker, 0, DRAWN - 2);
  if (patienceMs !== Infinity) checkInteger(action, "patienceMs", patienceMs, 1, 2 ** 31 - 1);
  const number = worker ?? DRAWN - 1 + (Atomics.add(words, drawn, 1) & (DRAWN - 1));
  return { kind, worker: number, patienceMs };
}

/** Internal: a lock in a word that belongs to a structure. Blocking; held for some dozens of instructions. */
export class LockWord {
  readonly #words: Int32Array;
  readonly #index: number;
  readonly #mine: number;
  readonly #user: LockUser;

  /** The word at `index` begins at 0. */
  constructor(words: Int32Array, index: number, user: LockUser) {
    this.#words = words;
    this.#index = index;
    this.#mine = wordOf(user.worker);
    this.#user = user;
  }

  /** Waits for it. */
  lock(): void {
    const words = this.#words;
    const index = this.#index;
    let was = Atomics.compareExchange(words, index, FREE, this.#mine);
    if (was === FREE) return;
    for (let i = 0; i < SPINS && (was & AWAITED) === 0; i++) {
      was = Atomics.load(words, index);
      if (was !== FREE) continue;
      was = Atomics.compareExchange(words, index, FREE, this.#mine);
      if (was === FREE) return;
    }
    this.#wait(was);
  }

  /** By its holder. */
  unlock(): void {
    if ((Atomics.exchange(this.#words, this.#index, FREE) & AWAITED) !== 0) {
      Atomics.notify(this.#words, this.#index, 1);
    }
  }

  /**
   * Takes it from a worker that has ended: true, and the caller holds it. False when that one did not hold
   * it; then those that sleep look again, as it may have been the one that was woken.
   */
  takeOver(worker: number): boolean {
    const words = this.#words;
    const index = this.#index;
    const theirs = wordOf(worker);
    let was = Atomics.load(words, index);
    while ((was & ~AWAITED) === theirs) {
      const is = Atomics.compareExchange(words, index, was, this.#mine | (was & AWAITED));
      if (is === was) return true;
      was = is;
    }
    Atomics.notify(words, index);
    return false;
  }

  /** The number of the worker that holds it now. */
  get holder(): number | undefined {
    return workerOf(Atomics.load(this.#words, this.#index));
  }

  /** `was` is what was seen last. */
  #wait(was: number): void {
    const words = this.#words;
    const index = this.#index;
    const { kind, patienceMs } = this.#user;
    for (;;) {
      const next = was === FREE ? this.#mine | AWAITED : was | AWAITED;
      if (was !== next) {
        const is = Atomics.compareExchange(words, index, was, next);
        if (is !== was) {
          was = is;
          continue;
        }
        if (was === FREE) return;
      }
      const isKept = sleep(words, index, next, patienceMs);
      was = Atomics.load(words, index);
      if (isKept && was === next) throw new LockHeldError(kind, workerOf(was)!, patienceMs);
    }
  }
}

function wordOf(worker: number): number {
  return (worker + 1) << 1;
}

function workerOf(word: number): number | undefined {
  return word === FREE ? undefined : (word >>> 1) - 1;
}

/** Whether the time was over. A browser's main thread may not sleep: it tries again. */
function sleep(words: Int32Array, index: number, value: number, timeoutMs: number): boolean {
  try {
    return Atomics.wait(words, index, value, timeoutMs) === "timed-out";
  } catch {
    return false;
  }
}
