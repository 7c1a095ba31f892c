/**
 * Functions for engines under test, as a module that any host loads, and what tests hold threads with.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { createEngine, type Engine, type EngineConfig } from "@vais/runtime";
import { test } from "./test.ts";
import { entry } from "./threads.ts";

/** The functions of {@linkcode tasksModule}. */
export interface Tasks {
  add(a: number, b: number): number;
  echo<T>(value: T): T;
  fail(name: string): never;
  /** Counts itself in `words[0]`, then blocks until `words[1]` is not 0. */
  hold(words: Int32Array, value?: number): number;
  /** As `hold`, without blocking its thread. */
  holdAsync(words: Int32Array, value?: number): Promise<number>;
  /** Counts itself in `words[0]`, then loops until it is cancelled. */
  untilCancelled(words: Int32Array): string;
  /** As `untilCancelled`, by its signal. */
  untilAborted(words: Int32Array): Promise<string>;
  /** Counts itself in `words[0]`, then loops until `words[1]` is not 0, whoever cancels it. */
  loop(words: Int32Array): void;
  /** Writes its number at the next free place of `words`, whose first word counts. */
  note(words: Int32Array, number: number): void;
  /** Adds 1 to `words[index]`, and answers the index. */
  tally(words: Int32Array, index: number): number;
  /** Which worker it runs in. */
  whoami(): number;
  /** Sleeps for an hour, on the worker's runtime. */
  sleepLong(options: unknown): Generator<unknown, void>;
  /** Sums the futures it yields, on the worker's runtime. */
  sumLater(count: number): Generator<unknown, number>;
  /** Yields numbers, counting them in `words[0]`, and its end in `words[1]`. */
  count(words: Int32Array, to: number): Generator<number, void>;
  countAsync(to: number): AsyncGenerator<number, void>;
  readonly limit: 7;
}

/** A module for `Engine.create`. */
export const tasksModule: string = `data:text/javascript,${
  encodeURIComponent(`
import { currentThreadTask, Cancelled, sleep } from "${entry("")}";
const entered = (words) => (Atomics.add(words, 0, 1), Atomics.notify(words, 0));
export const limit = 7;
export const add = (a, b) => a + b;
export const echo = (value) => value;
export function fail(name) {
  const error = new (globalThis[name] ?? Error)("failed as asked", { cause: new Error("the cause") });
  error.code = "E_ASKED";
  throw error;
}
export function hold(words, value = 0) {
  entered(words);
  while (Atomics.load(words, 1) === 0) Atomics.wait(words, 1, 0, 1000);
  return value;
}
export async function holdAsync(words, value = 0) {
  entered(words);
  while (Atomics.load(words, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  return value;
}
export function* sleepLong() {
  yield* sleep(3_600_000);
}
export function untilCancelled(words) {
  const task = currentThreadTask();
  entered(words);
  while (!task.isCancelled);
  Atomics.add(words, 1, 1);
  task.throwIfCancelled();
  return "not thrown";
}
export async function untilAborted(words) {
  const { signal } = currentThreadTask();
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
  entered(words);
  if (!signal.aborted) // it may have been before it was called
  await aborted;
  Atomics.add(words, 1, 1);
  return signal.reason instanceof Cancelled ? "aborted" : "for no reason";
}
export function loop(words) {
  entered(words);
  while (Atomics.load(words, 1) === 0);
}
export function note(words, number) {
  words[1 + Atomics.add(words, 0, 1)] = number;
}
export function tally(words, index) {
  Atomics.add(words, index, 1);
  return index;
}
export const whoami = () => currentThreadTask().worker;
export function* sumLater(count) {
  let sum = 0;
  for (let n = 1; n <= count; n++) {
    yield* sleep(0);
    sum += n + (currentThreadTask() === undefined ? 1000 : 0);
  }
  return sum;
}
export function* count(words, to) {
  try {
    for (let n = 0; n < to; n++) {
      Atomics.add(words, 0, 1);
      yield n;
    }
  } finally {
    Atomics.add(words, 1, 1);
    Atomics.notify(words, 1);
  }
}
export async function* countAsync(to) {
  for (let n = 0; n < to; n++) {
    await undefined;
    yield Promise.resolve(n);
  }
}
`)
}`;

/** The functions of {@linkcode deadlyModule}. */
export interface DeadlyTasks {
  /** Adds 1 to `words[index]`, and answers the index. */
  tally(words: Int32Array, index: number): number;
  /** The same after some turns of its thread. */
  tallyLater(words: Int32Array, index: number): Promise<number>;
  /** Ends its thread, one way or another. */
  die(how: "exit" | "close" | "throw" | "reject"): Promise<never>;
  /** Fills the heap. */
  fill(): never;
  /** Loops until `words[1]` is not 0. */
  loop(words: Int32Array): void;
}

/** Functions that kill their thread; the module imports nothing, so that it is soon there again. */
export const deadlyModule: string = `data:text/javascript,${
  encodeURIComponent(`
export function tally(words, index) {
  Atomics.add(words, index, 1);
  return index;
}
export async function tallyLater(words, index) {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 0));
  return tally(words, index);
}
export function die(how) {
  const exit = () => (globalThis.Deno ?? globalThis.process).exit(3);
  if (how === "exit") exit();
  else if (how === "close") (globalThis.close ?? exit)();
  else if (how === "throw") setTimeout(() => { throw new Error("thrown in a timer"); }, 0);
  else Promise.reject(new Error("rejected by nobody's task"));
  return new Promise(() => {}); // until the thread is gone
}
export function fill() {
  const kept = [];
  for (;;) kept.push(new Array(100_000).fill(kept.length));
}
export function loop(words) {
  Atomics.add(words, 0, 1);
  while (Atomics.load(words, 1) === 0);
}
`)
}`;

/** Words that threads share. */
export function newWords(count = 2): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * count));
}

/** Words that go to the workers of `engine` by reference, the quick way. */
export function sharedWords(
  engine: { share(buffer: SharedArrayBuffer): void },
  count = 2,
): Int32Array {
  const words = newWords(count);
  engine.share(words.buffer as SharedArrayBuffer);
  return words;
}

/** Waits until `words[index]` is at least `value`, in turns of the host's loop. */
export async function reached(words: Int32Array, value: number, index = 0): Promise<void> {
  while (Atomics.load(words, index) < value) await turn();
}

/** Lets `hold` and `holdAsync` go on. */
export function release(words: Int32Array): void {
  Atomics.store(words, 1, 1);
  Atomics.notify(words, 1);
}

/** Waits until a condition holds, in turns of the host's loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** A turn of the host's loop that holds the process. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** Whether this host ends a busy thread. */
export const endsThreads = !("Deno" in globalThis);

/** Runs a test with an engine of its own, with one worker; nothing may be left in it at the end. */
export function withEngine(
  name: string,
  config: EngineConfig,
  body: (engine: Engine<Tasks>) => Promise<void>,
): void {
  test(name, async () => {
    const engine = await createEngine<Tasks>({ module: tasksModule, workerCount: 1, ...config });
    try {
      await body(engine);
      await until(() => engine.stats().inFlight === 0);
      assertEquals(engine.stats().waiting, 0, "something is left in the engine");
    } finally {
      await engine.close({ drain: false });
    }
  });
}
