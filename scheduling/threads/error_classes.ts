/**
 * The error classes that keep their identity between threads.
 *
 * An error that crosses is made again on the other side. For `instanceof` to hold there, both sides
 * must know its class by the same key; a class is looked up by identity, never by its name alone, so
 * that somebody else's `TimeoutError` does not become ours.
 *
 * @module
 */

import {
  DoubleFreeError,
  ForeignBlockError,
  OutOfMemoryError,
  StaleBlockError,
  StaleMarkError,
} from "../../memory/allocators/errors.ts";
import { LockHeldError } from "../../memory/lock_held_error.ts";
import {
  BusyError,
  IoError,
  ReactorUnavailableError,
  UnsupportedError,
} from "../../reactor/errors.ts";
import { typeOf } from "../../runtime/clock.ts";
import {
  Cancelled,
  ClosedError,
  DeadlockError,
  TimeoutError,
  TooManyTasksError,
} from "../../runtime/errors.ts";
import { WebSocketError } from "../adapters/web_socket_error.ts";
import { LaggedError } from "../channels/lagged_error.ts";
import { GroupClosedError, GroupFullError, TaskGroupError } from "../group_errors.ts";
import { GpuUnavailableError } from "../workloads/work_item.ts";
import { EngineClosedError, QueueFullError, ResultNotFoundError } from "./engine_errors.ts";
import { WorkerLostError, WorkerStartError } from "./worker_errors.ts";

/** A class of errors, whatever its constructor takes. */
export type ErrorClass = abstract new (...args: never[]) => Error;

/** How {@linkcode registerErrorClass} names a class. */
export interface ErrorClassOptions {
  /** What both threads know the class by. Default: its name. */
  readonly key?: string;
}

const LIBRARY: readonly ErrorClass[] = [
  Cancelled,
  ClosedError,
  DeadlockError,
  TimeoutError,
  TooManyTasksError,
  GroupClosedError,
  GroupFullError,
  TaskGroupError,
  LaggedError,
  WebSocketError,
  WorkerLostError,
  WorkerStartError,
  EngineClosedError,
  QueueFullError,
  ResultNotFoundError,
  GpuUnavailableError,
  BusyError,
  IoError,
  ReactorUnavailableError,
  UnsupportedError,
  DoubleFreeError,
  ForeignBlockError,
  LockHeldError,
  OutOfMemoryError,
  StaleBlockError,
  StaleMarkError,
];

/** Of the language and the platform; `SuppressedError` is not everywhere. */
const STANDARD: readonly string[] = [
  "Error",
  "TypeError",
  "RangeError",
  "SyntaxError",
  "ReferenceError",
  "EvalError",
  "URIError",
  "AggregateError",
  "SuppressedError",
  "DOMException",
];

interface Classes {
  readonly byKey: Map<string, ErrorClass>;
  readonly keys: Map<unknown, string>;
}

let classes: Classes | undefined;

/** Made when first needed: importing does nothing. */
function known(): Classes {
  if (classes !== undefined) return classes;
  classes = { byKey: new Map(), keys: new Map() };
  for (const name of STANDARD) {
    const found = (globalThis as unknown as Record<string, ErrorClass | undefined>)[name];
    if (found !== undefined) add(classes, name, found);
  }
  for (const errorClass of LIBRARY) add(classes, `@vais/runtime/${errorClass.name}`, errorClass);
  return classes;
}

function add({ byKey, keys }: Classes, key: string, errorClass: ErrorClass): void {
  byKey.set(key, errorClass);
  keys.set(errorClass, key);
}

/**
 * Makes errors of your class keep it when they are thrown in a worker: `instanceof` holds on the
 * other side. Call it in the module that defines the class, so that both threads have.
 *
 * The error is made again from what it owns: message, stack, cause and its other own properties. The
 * constructor does not run, so private fields (`#x`) are not there, and the class must not need
 * them. Without it, an error of your class arrives as the nearest class that is known, under its own
 * class name.
 *
 * @throws {TypeError} If `errorClass` is no class of errors, or another class has its key
 *
 * @example
 * ```ts
 * import { assertEquals, assertInstanceOf } from "@std/assert";
 * import { registerErrorClass } from "@vais/runtime";
 *
 * class HttpError extends Error {
 *   constructor(readonly status: number) {
 *     super(`Cannot fetch: status ${status}`);
 *   }
 * }
 * registerErrorClass(HttpError);
 * ```
 */
export function registerErrorClass(errorClass: ErrorClass, options: ErrorClassOptions = {}): void {
  const prototype: unknown = (errorClass as { prototype?: unknown } | undefined)?.prototype;
  if (typeof errorClass !== "function" || !(prototype instanceof Error)) {
    throw new TypeError(
      `Cannot register error class: ${
        typeOf(errorClass)
      } is none (must be a class that extends Error)`,
    );
  }
  const { key = errorClass.name } = options;
  if (typeof key !== "string" || key === "") {
    throw new TypeError(
      `Cannot register error class ${errorClass.name}: key is ${
        typeOf(key)
      } (must be a string that is not empty; a class without a name needs one)`,
    );
  }
  // Users' keys have a space of their own.
  const full = `user:${key}`;
  const { byKey, keys } = known();
  const owner = byKey.get(full);
  if (owner === errorClass) return;
  if (owner !== undefined || keys.has(errorClass)) {
    throw new TypeError(
      `Cannot register error class ${errorClass.name}: ${
        owner !== undefined
          ? `another class has the key ${JSON.stringify(key)} (must have a key of its own)`
          : "it is registered (must be once, with one key)"
      }`,
    );
  }
  add(known(), full, errorClass);
}

/** The key of a class; of one that comes from another realm, where the standard ones differ, its name. */
export function keyOfClass(errorClass: unknown): string | undefined {
  const key = known().keys.get(errorClass);
  if (key !== undefined || typeof errorClass !== "function") return key;
  const isNative = /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(errorClass));
  return isNative && STANDARD.includes(errorClass.name) ? errorClass.name : undefined;
}

/** The class of a key, if this thread knows it. */
export function classOfKey(key: string): ErrorClass | undefined {
  return known().byKey.get(key);
}

/** As many names of unknown classes are remembered; others are made each time. */
const MAX_STAND_INS = 256;
const standIns = new Map<ErrorClass, Map<string, ErrorClass>>();
let standInCount = 0;

/** A class named `name` that extends `base`: what an error of an unknown class is an instance of. */
export function standInClass(name: string, base: ErrorClass): ErrorClass {
  const found = standIns.get(base)?.get(name);
  if (found !== undefined) return found;
  const made = { [name]: class extends (base as new () => Error) {} }[name]!;
  if (standInCount < MAX_STAND_INS) {
    standInCount++;
    let ofBase = standIns.get(base);
    if (ofBase === undefined) standIns.set(base, ofBase = new Map());
    ofBase.set(name, made);
  }
  return made;
}
