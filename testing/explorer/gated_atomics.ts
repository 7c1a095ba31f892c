/**
 * `Atomics` with a gate before each operation on the program's memory.
 *
 * It has `pause` and `waitAsync` on every host, so that a program explored on one behaves as on another.
 * Operations on other memory, and outside of a schedule, are the host's.
 *
 * @module
 */
import type { Gate } from "./gate.ts";
import { kindOf, rawOf } from "./gated_views.ts";
import { real } from "./real.ts";
import type { Sleepers } from "./sleepers.ts";
import { type StepName, WRITES } from "./steps.ts";

type View = Int32Array;

/** What takes the place of `Atomics`. */
export function gatedAtomics(gate: Gate, sleepers: Sleepers): typeof Atomics {
  /** Runs `run` on the raw view as a step, or just so. */
  const operate = (
    name: StepName,
    view: View,
    index: number,
    writes: boolean,
    run: (view: View) => number,
    a?: number,
    b?: number,
  ): number => {
    const raw = rawOf(view) as View;
    const buffer = gate.open ? gate.memory.numberOf(raw.buffer) : -1;
    if (buffer < 0 || !(index >= 0 && index < raw.length)) return run(raw);
    const bytes = raw.BYTES_PER_ELEMENT;
    return gate.access({
      name,
      buffer,
      byteOffset: raw.byteOffset + Math.trunc(index) * bytes,
      view: kindOf(raw),
      bytes,
      writes,
      seen: name === "wait" || name === "waitAsync" || name === "notify",
      a: a!,
      b: b!,
    }, () => run(raw));
  };

  /** Compares; -1 when there is nobody to explore with, else the word to sleep at, or `null`. */
  const compare = (
    name: "wait" | "waitAsync",
    view: View,
    index: number,
    value: number,
  ): number | null => {
    const raw = rawOf(view) as View;
    const buffer = gate.memory.numberOf(raw.buffer);
    const expected = typeof raw[0] === "bigint" ? value : value | 0;
    const now = operate(name, view, index, false, (raw) => real.load(raw, index), value);
    if (now !== expected) return null;
    return buffer < 0
      ? -1
      : gate.memory.wordAt(buffer, raw.byteOffset + index * raw.BYTES_PER_ELEMENT);
  };

  const gated: Record<string | symbol, unknown> = {
    [Symbol.toStringTag]: "Atomics",
    isLockFree: (size: number) => real.isLockFree(size),
    load: (view: View, index: number) =>
      operate("load", view, index, false, (raw) => real.load(raw, index)),
    pause() {
      if (gate.open) gate.yield("pause", 0);
      else (real as { pause?(): void }).pause?.();
    },
    wait(view: View, index: number, value: number, timeout?: number) {
      if (!gate.open) return real.wait(rawOf(view) as View, index, value, timeout);
      const ms = duration(timeout);
      const word = compare("wait", view, index, value);
      if (word === null) return "not-equal";
      if (ms <= 0) return "timed-out";
      if (word >= 0 || ms === Infinity) return sleepers.sleep(word, ms);
      gate.yield("sleep", ms);
      return "timed-out";
    },
    waitAsync(view: View, index: number, value: number, timeout?: number) {
      if (!gate.open) {
        return (real as typeof real & { waitAsync: typeof Atomics.waitAsync })
          .waitAsync(rawOf(view) as View, index, value, timeout);
      }
      const ms = duration(timeout);
      const word = compare("waitAsync", view, index, value);
      if (word === null) return { async: false, value: "not-equal" };
      if (ms <= 0) return { async: false, value: "timed-out" };
      return { async: true, value: sleepers.sleepAsync(word, ms) };
    },
    notify(view: View, index: number, count = Infinity) {
      const raw = rawOf(view) as View;
      const buffer = gate.open ? gate.memory.numberOf(raw.buffer) : -1;
      if (buffer < 0) return real.notify(raw, index, count);
      const word = gate.memory.wordAt(buffer, raw.byteOffset + index * raw.BYTES_PER_ELEMENT);
      return operate("notify", view, index, false, () => sleepers.notify(word, count), count);
    },
  };
  for (const name of WRITES) {
    const method = real[name] as (view: View, index: number, a: number, b?: number) => number;
    gated[name] = name === "compareExchange"
      ? (view: View, index: number, a: number, b: number) =>
        operate(name, view, index, true, (raw) => method.call(real, raw, index, a, b), a, b)
      : (view: View, index: number, a: number) =>
        operate(name, view, index, true, (raw) => method.call(real, raw, index, a), a);
  }
  return gated as unknown as typeof Atomics;
}

function duration(timeout: number | undefined): number {
  return timeout === undefined || Number.isNaN(Number(timeout)) ? Infinity : Number(timeout);
}
