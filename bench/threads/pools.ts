/**
 * Pools of two threads, ours and the peers', with the tasks of `tasks.ts`.
 *
 * A peer that stops answering, as some do on Deno, must not stop the benches: what takes too long fails
 * its cell, and only that.
 *
 * @module
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Engine, type EngineConfig } from "@vais/runtime";
import { time } from "../bench.ts";
import { piscina, poolifier, tinypool } from "../peers.ts";
import type * as tasks from "./tasks.ts";

/** The module with the tasks. */
export type Tasks = typeof tasks;

/** Calls a task by its name; with a promise, as every pool has it. */
export type Call = (name: keyof Tasks, argument: unknown) => PromiseLike<unknown>;

/** Threads in every pool. */
export const THREADS = 2;
/** Tasks that a tuned peer posts to a thread ahead. */
const AHEAD = 64;
const PATIENCE_MS = 30_000;

// Benches are bundled: the address is that of a bench, `threads*.mjs`.
const MODULE = new URL("./threads/tasks.mjs", import.meta.url);
const WORKER_URL = new URL("./threads/poolifier_worker.mjs", import.meta.url);
/** poolifier takes a path, its package for Web Workers a URL. */
const WORKER = "Deno" in globalThis ? WORKER_URL : fileURLToPath(WORKER_URL);
const SIZE = { minThreads: THREADS, maxThreads: THREADS };

/** Our engine. */
export function engineOf(config: EngineConfig = {}): Promise<Engine<Tasks>> {
  return Engine.create<Tasks>({ module: MODULE, workerCount: THREADS, ...config });
}

/** Ours as one of the pools. */
export async function ours(config: EngineConfig = {}): Promise<Call> {
  const engine = await engineOf(config);
  return (name, argument) => engine.run(name, [argument as never]);
}

/** The peers: as they come, and told to keep their threads busy. */
export const peers = {
  "piscina": async () => {
    const Piscina = await piscina();
    const pool = new Piscina({ filename: MODULE.href, ...SIZE });
    return (name, argument) => pool.run(argument, { name });
  },
  "piscina tuned": async () => {
    const Piscina = await piscina();
    const pool = new Piscina({
      filename: MODULE.href,
      ...SIZE,
      concurrentTasksPerWorker: AHEAD,
      recordTiming: false,
    });
    return (name, argument) => pool.run(argument, { name });
  },
  "tinypool": async () => {
    const Tinypool = await tinypool();
    const pool = new Tinypool({ filename: MODULE.href, ...SIZE, concurrentTasksPerWorker: AHEAD });
    return (name, argument) => pool.run(argument, { name });
  },
  "poolifier": async () => {
    const { FixedThreadPool } = await poolifier();
    const pool = new FixedThreadPool(THREADS, WORKER);
    return (name, argument) => pool.execute(argument, name);
  },
} as const satisfies Record<string, () => Promise<Call>>;

/** Fails when `work` does not come to an end. */
export async function watched<T>(work: () => PromiseLike<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`no end after ${PATIENCE_MS / 1_000} s`);
    timer = setTimeout(() => reject(error), PATIENCE_MS);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Figures of `count` tasks, in µs a task: how long they take, and the CPU time of all threads as `cpu`. */
export async function perTask(
  count: number,
  work: () => PromiseLike<unknown>,
): Promise<{ readonly "": number; readonly cpu: number }> {
  const before = process.cpuUsage();
  const ms = await time(() => watched(work));
  const { user, system } = process.cpuUsage(before);
  return { "": ms * 1e3 / count, cpu: (user + system) / count };
}

/** Does `count` jobs, `window` at once, the next when one has ended; `lane` is which of the window's places it has. */
export async function pipeline(
  count: number,
  window: number,
  job: (index: number, lane: number) => PromiseLike<unknown>,
): Promise<void> {
  let next = 0;
  const lanes = Array.from({ length: window }, async (_, lane) => {
    while (next < count) await job(next++, lane);
  });
  await Promise.all(lanes);
}
