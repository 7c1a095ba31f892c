/**
 * Keeps the program alive while tasks are in flight: nothing else does, since `Atomics.waitAsync` does not.
 *
 * @module
 */

const LONG_MS = 2 ** 30;

interface DenoTimers {
  refTimer(id: number): void;
  unrefTimer(id: number): void;
}

interface HostTimer {
  ref(): void;
  unref(): void;
}

/** Says whether the program is to go on. */
export interface KeepAlive {
  (busy: boolean): void;
  /** Nothing will ever be in flight again: what it holds is gone. */
  end?(): void;
}

/** One timer that counts, or does not, as the host's reason to go on. Made at the first call. */
export function keepAlive(): KeepAlive {
  let timer: unknown;
  const { Deno } = globalThis as { Deno?: Partial<DenoTimers> };
  const end = (): void => {
    clearInterval(timer as number);
    timer = undefined;
  };
  const hold = (busy: boolean): void => {
    if (timer === undefined) {
      if (busy) timer = setInterval(() => {}, LONG_MS);
    } else if (typeof timer === "object") {
      if (busy) (timer as HostTimer).ref();
      else (timer as HostTimer).unref();
    } else if (Deno?.refTimer !== undefined && Deno.unrefTimer !== undefined) {
      if (busy) Deno.refTimer(timer as number);
      else Deno.unrefTimer(timer as number);
    } else if (!busy) end();
  };
  return Object.assign(hold, { end });
}
