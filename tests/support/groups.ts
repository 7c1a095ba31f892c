/**
 * Helpers of the tests of groups and scopes.
 *
 * @module
 */
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { RefusalReport, TaskScope } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";

/** A simulated runtime and what it reported. */
export interface Watched {
  runtime: SimulatedRuntime;
  /** What nobody could observe. */
  unobserved: unknown[];
  /** Tasks that refused to end. */
  refusals: RefusalReport[];
  /** Names of tasks that caught their cancellation and returned a value. */
  swallowed: string[];
}

/** A simulated runtime whose reports are collected. */
export function watched(options: { seed?: number; spawnSites?: boolean } = {}): Watched {
  const unobserved: unknown[] = [];
  const refusals: RefusalReport[] = [];
  const swallowed: string[] = [];
  const { spawnSites = false, ...rest } = options;
  const runtime = new SimulatedRuntime({
    ...rest,
    observer: {
      spawnSites,
      onUnobserved: (error) => void unobserved.push(error),
      onRefusal: (report) => void refusals.push(report),
      onSwallowedCancel: (task) => void swallowed.push(task.name),
    },
  });
  return { runtime, unobserved, refusals, swallowed };
}

/** What `run` throws or rejects with; fails if it does neither. */
export async function caught(run: PromiseLike<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof run === "function" ? run() : run);
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** What `fn` throws at once; fails if it does not. */
export function thrownBy(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** A body that sleeps, then logs, also when it is cancelled; its cleanup takes `cleanupMs`. */
export function logged(
  log: string[],
  name: string,
  ms: number,
  cleanupMs = 0,
): (task: TaskScope) => Generator<unknown, void> {
  return function* (task) {
    try {
      yield* task.sleep(ms);
      log.push(`${name} done`);
    } catch (error) {
      if (cleanupMs > 0) yield* task.sleep(cleanupMs);
      log.push(`${name} cancelled`);
      throw error;
    }
  };
}

/** A body that sleeps and answers `value`. */
export function after<T>(ms: number, value: T): (task: TaskScope) => Generator<unknown, T> {
  return function* (task) {
    yield* task.sleep(ms);
    return value;
  };
}

/** A body that sleeps and throws `error`. */
export function failing(
  ms: number,
  error: unknown,
): (task: TaskScope) => Generator<unknown, never> {
  return function* (task) {
    if (ms > 0) yield* task.sleep(ms);
    throw error;
  };
}

/** A body that sleeps `ms`, and throws `error` in its cleanup when it is cancelled. */
export function dirty(ms: number, error: unknown): (task: TaskScope) => Generator<unknown, void> {
  return function* (task) {
    let done = false;
    try {
      yield* task.sleep(ms);
      done = true;
    } finally {
      // deno-lint-ignore no-unsafe-finally -- failing in the cleanup is what is tested
      if (!done) throw error;
    }
  };
}

/** A signal that counts the listeners on it. */
export function countedSignal(): {
  controller: AbortController;
  signal: AbortSignal;
  now(): number;
  most(): number;
} {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  let most = 0;
  const { addEventListener: add, removeEventListener: remove } = signal;
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners.add(args[1]);
    most = Math.max(most, listeners.size);
    add.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners.delete(args[1]);
    remove.apply(signal, args);
  };
  return { controller, signal, now: () => listeners.size, most: () => most };
}

/** The engine's garbage collector; both hosts give it when asked like this. */
export function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

/** Collects garbage and lets finalization callbacks run. */
export async function collect(gc: () => void, rounds = 4): Promise<void> {
  const host = globalThis as unknown as { setTimeout(f: () => void, ms: number): number };
  for (let i = 0; i < rounds; i++) {
    await new Promise<void>((resolve) => void host.setTimeout(resolve, 1));
    gc();
  }
}

/** Bytes of live heap, after a collection. */
export function heapUsed(gc: () => void): number {
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}
