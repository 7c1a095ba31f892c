/**
 * The only place where the program waits.
 *
 * A runtime asks its parker to sleep for at most so long; the parker may return early for any
 * reason. `Runtime` differs from its siblings (reactor, worker, simulation) only in this object.
 *
 * @module
 */

/** Where a runtime waits. */
export interface Parker {
  /**
   * Time is virtual: turns are not cut into slices of real time, so that the order of everything is
   * the same in each run.
   */
  readonly isVirtual?: boolean;
  /**
   * Waits until `unpark`, for at most `ms` (0: just gives the host's event loop a turn; `Infinity`:
   * no limit). May return early. Keeps the process alive meanwhile. `onWake` may be called right
   * before it ends, on an empty stack: it runs what is runnable now, which is sooner than the
   * promise is heard.
   */
  park(ms: number, onWake?: () => void): Promise<void>;
  /** Ends the current or, when there is none, the next `park` at once. */
  unpark(): void;
  /** Blocks the thread for at most `ms`; for `blockOn`. `Infinity` only where `canWait`. */
  parkSync(ms: number): void;
  /**
   * Takes what is ready outside (descriptors), without waiting; answers true when it was something.
   * Called between turns.
   */
  poll?(): boolean;
  /** True while something outside can end `parkSync`. */
  readonly canWait?: boolean;
  /** Nobody waits for the runtime now: nothing of the parker may keep the process alive. */
  rest?(): void;
  /** Releases what the parker holds; the runtime is closed once that is done. */
  close?(): void | Promise<void>;
}

/** The longest timer hosts take; longer waits are made of several. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface HostTimers {
  setImmediate?: (callback: () => void) => unknown;
  setTimeout(callback: () => void, ms: number): number;
  clearTimeout(timer: number): void;
}

const timers = globalThis as unknown as HostTimers;

/** On Deno one turn of so many lets it rest. */
const REST_TURNS_MASK = 15;
const isDeno = "Deno" in globalThis;
let turns = 0;

/**
 * One turn of the host's event loop, without the delay of `setTimeout(0)`.
 *
 * With an immediate pending Deno's loop never rests, and it looks at sockets and the like only every
 * 61 turns then (measured: a `fetch` beside a busy loop took 0.1 to 0.4 s). A rest of a ms now and
 * then costs 6 % and makes that some 10 ms.
 */
function hostTurn(): Promise<void> {
  if (isDeno && (++turns & REST_TURNS_MASK) === 0) {
    return new Promise((resolve) => timers.setTimeout(resolve, 0));
  }
  return new Promise((resolve) => {
    if (timers.setImmediate !== undefined) timers.setImmediate(resolve);
    else {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(0);
    }
  });
}

/** Waits on the host's event loop: timers, promises, `fetch` and signals go on meanwhile. */
export class HostParker implements Parker {
  #end: (() => void) | undefined;
  #timer: number | undefined;
  #notified = false;
  #cell: Int32Array | undefined;

  /** See {@linkcode Parker}. */
  park(ms: number): Promise<void> {
    return this.sleep(ms, false);
  }

  /**
   * As {@linkcode park}; `isHeld`: something else keeps the process alive meanwhile.
   *
   * @internal
   */
  sleep(ms: number, isHeld: boolean): Promise<void> {
    if (this.#notified || ms === 0) {
      this.#notified = false;
      return ms === 0 ? hostTurn() : Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#end = resolve;
      if (isHeld && ms === Infinity) return;
      // Held even without a deadline: a parked runtime keeps the process alive.
      this.#timer = timers.setTimeout(
        () => this.unpark(),
        Math.min(Math.ceil(ms), LONGEST_TIMER_MS),
      );
    });
  }

  /**
   * True during a park that nothing has ended yet.
   *
   * @internal
   */
  get isParked(): boolean {
    return this.#end !== undefined;
  }

  /** See {@linkcode Parker}. */
  unpark(): void {
    const end = this.#end;
    if (end === undefined) {
      this.#notified = true;
      return;
    }
    this.#end = undefined;
    if (this.#timer !== undefined) {
      timers.clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    end();
  }

  /** See {@linkcode Parker}. */
  parkSync(ms: number): void {
    this.#cell ??= new Int32Array(new SharedArrayBuffer(4));
    Atomics.wait(this.#cell, 0, 0, ms);
  }
}
