/**
 * A program to explore: what its module exports.
 *
 * @module
 */
import type { RecordedCall, SequentialModel } from "../linearizability.ts";

/**
 * Runs `run` and records it as the call `name(input)` with its answer: `run`'s value, or what its promise
 * resolves to. The call begins with the first step it takes and ends with its last one.
 */
export type Recorder = <T>(name: string, input: unknown, run: () => T) => T;

/** One thread of a program: a function of its own worker, sync or async. */
export type ProgramThread<S = unknown> = (state: S, call: Recorder) => unknown;

/**
 * What the module of a program exports.
 *
 * `S` is what `setup` answers: SharedArrayBuffers, views of them, and structured-clonable data around
 * them, such as the handles of this library's structures.
 */
export interface ExploredProgram<S = unknown> {
  /** Makes the shared memory; called once. Every schedule begins with the bytes it left there. */
  setup(): S | Promise<S>;
  /** The threads, 1 to 8. The state's objects are frozen for them: only memory is shared. */
  readonly threads: readonly ProgramThread<S>[];
  /**
   * Called after every schedule that ends differently, with what the threads answered; throws when
   * something is wrong. It may change memory.
   */
  check?(state: S, results: unknown[], history: RecordedCall[]): void | Promise<void>;
  /** What the recorded calls must be linearizable to. */
  readonly model?: SequentialModel<unknown>;
}

/** Imports a program's module. Throws `TypeError` when it lacks something. */
export async function loadProgram(url: string): Promise<ExploredProgram> {
  const program = await import(url) as ExploredProgram;
  const refuse = (what: string) => {
    throw new TypeError(`Cannot explore: ${what}`);
  };
  if (typeof program.setup !== "function") {
    refuse(`the module's setup is ${typeof program.setup} (a function is required)`);
  }
  const { threads } = program;
  if (
    !Array.isArray(threads) || threads.length < 1 || threads.length > 8 ||
    !threads.every((thread) => typeof thread === "function")
  ) refuse("the module's threads are not 1 to 8 functions (an array of them is required)");
  if (program.check !== undefined && typeof program.check !== "function") {
    refuse(`the module's check is ${typeof program.check} (a function, or none, is required)`);
  }
  if (program.model !== undefined && typeof program.model?.step !== "function") {
    refuse("the module's model has no step (a SequentialModel, or none, is required)");
  }
  return program;
}

/** The shared memory in a value. Throws `RangeError` where a buffer is not of whole words. */
export function buffersOf(value: unknown): SharedArrayBuffer[] {
  const seen = new Set<unknown>();
  const buffers: SharedArrayBuffer[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    if (value instanceof SharedArrayBuffer) {
      if (value.byteLength % 4 !== 0) {
        throw new RangeError(
          `Cannot explore: a SharedArrayBuffer has ${value.byteLength} bytes (a multiple of 4 is required)`,
        );
      }
      buffers.push(value);
    } else if (ArrayBuffer.isView(value)) visit(value.buffer);
    else if (value instanceof Map) value.forEach((item, key) => (visit(key), visit(item)));
    else if (value instanceof Set) value.forEach(visit);
    else Object.values(value).forEach(visit);
  };
  visit(value);
  return buffers;
}

/** A state as a thread gets it: frozen, its views made by `wrap`. */
export function stateFor<S>(value: S, wrap: <V>(view: V) => V): S {
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return wrap(value);
  const copy = (value: unknown) => stateFor(value, wrap);
  if (Array.isArray(value)) return Object.freeze(value.map(copy)) as S;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.freeze(
    Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item)])),
  ) as S;
}
