/**
 * Functions and their numbers, where they run: a worker, or an engine without any.
 *
 * @module
 */

import type { TaskBody } from "../../runtime/task_body.ts";
import type { TaskFunction } from "./dispatch_types.ts";
import type { FunctionSource } from "./function_source.ts";
import { compileInline } from "./module_functions.ts";
import { currentThreadTask, stepsAs, whenAborted } from "./worker_context.ts";
import type { WorkerStreams } from "./worker_streams.ts";

type Spawn = typeof import("../../runtime/globals.ts").spawn;

/** What an imported module exports. */
type Exports = Readonly<Record<string, unknown>>;

/** A function that was asked for before it was defined. */
interface Awaited {
  readonly found: Promise<TaskFunction>;
  readonly resolve: (fn: TaskFunction) => void;
}

/** The functions of one thread. */
export class TaskFunctions {
  /** By number; grows. */
  readonly functions: TaskFunction[] = [];
  readonly #streams: WorkerStreams;
  #module = "";
  #exports: Exports = {};
  /** While the module is on its way. */
  #loading: Promise<void> | undefined;
  #spawn: Spawn | undefined;
  /** Numbers that were asked for before they were defined. */
  readonly #awaited = new Map<number, Awaited>();

  constructor(streams: WorkerStreams) {
    this.#streams = streams;
  }

  /** Imports the module, if there is one; rejects with what it throws. */
  async load(module: string | undefined): Promise<void> {
    if (module === undefined) return;
    this.#module = module;
    await (this.#loading = this.#import(module));
    this.#loading = undefined;
  }

  async #import(module: string): Promise<void> {
    this.#exports = await import(module) as Exports;
    if (Object.values(this.#exports).some(isGenerating)) await this.#loadRuntime();
  }

  /** Names of the functions that the module exports. */
  get exports(): string[] {
    return Object.keys(this.#exports).filter((name) => typeof this.#exports[name] === "function");
  }

  /** Makes a function known. One that cannot be had throws when it is called. */
  async define(source: FunctionSource): Promise<void> {
    let made: TaskFunction;
    try {
      if (this.#loading !== undefined) await this.#loading;
      const plain = this.#find(source);
      if (source.kind === "stream") made = this.#streams.wrap(plain);
      else if (!isGenerating(plain)) made = plain;
      else {
        await this.#loadRuntime();
        made = this.#asTask(plain, source.name);
      }
    } catch (error) {
      made = () => {
        throw error;
      };
    }
    this.functions[source.fn] = made;
    this.#awaited.get(source.fn)?.resolve(made);
    this.#awaited.delete(source.fn);
  }

  /** A function that will be defined. */
  awaited(fn: number): Promise<TaskFunction> {
    let awaited = this.#awaited.get(fn);
    if (awaited === undefined) {
      let resolve!: (fn: TaskFunction) => void;
      const found = new Promise<TaskFunction>((settle) => resolve = settle);
      this.#awaited.set(fn, awaited = { found, resolve });
    }
    return awaited.found;
  }

  #find({ name, code }: FunctionSource): TaskFunction {
    if (code !== undefined) return compileInline(code, name);
    const found = Object.hasOwn(this.#exports, name) ? this.#exports[name] : undefined;
    if (typeof found === "function") return found as TaskFunction;
    const names = this.exports.join(", ") || "none";
    const module = this.#module;
    return () => {
      throw new TypeError(
        `Cannot run ${
          JSON.stringify(name)
        }: ${module} exports no such function (it exports ${names})`,
      );
    };
  }

  async #loadRuntime(): Promise<void> {
    this.#spawn ??= (await import("../../runtime/globals.ts")).spawn;
  }

  /** A generator function as a task of this thread's own runtime: its yields are futures. */
  #asTask(fn: TaskFunction, name: string): TaskFunction {
    const spawn = this.#spawn!;
    return (...args: unknown[]) => {
      const task = currentThreadTask();
      const body = () => stepsAs(task, fn(...args) as Generator<unknown, unknown>);
      const handle = spawn(body as TaskBody<unknown>, { name });
      whenAborted(task?.signal, () => handle.cancel(task!.signal.reason));
      return handle;
    };
  }
}

const generatorFunctionPrototype = Object.getPrototypeOf(function* () {});

/** True for a native `function*`. Not taken from `bodies.ts`, which would load the runtime. */
function isGenerating(value: unknown): boolean {
  return typeof value === "function" &&
    Object.getPrototypeOf(value) === generatorFunctionPrototype;
}
