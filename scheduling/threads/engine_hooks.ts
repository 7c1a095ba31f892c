/**
 * What an engine tells those who watch it.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { reportToConsole } from "../../runtime/observer.ts";
import type { ThreadTask } from "./thread_task.ts";

/** A worker, as hooks see it. */
export interface WorkerInfo {
  /** Its number; the numbers of ended workers are used again. */
  readonly worker: number;
  /** Its thread's name. */
  readonly name: string;
}

/** How a worker's thread ended, as hooks see it. */
export interface WorkerEndInfo extends WorkerInfo {
  /** `stopped` by the engine, `abandoned` because this host cannot end it, else what killed it. */
  readonly how:
    | "stopped"
    | "abandoned"
    | "threw"
    | "exited"
    | "terminated"
    | "out-of-memory";
  /** What it threw, where that is known. */
  readonly error: unknown;
  /** Tasks that were lost with it. */
  readonly lostTasks: number;
}

/**
 * Hooks of an engine; all optional. They run on the engine's thread: keep them short, and only read.
 *
 * A hook that throws is removed, and its error is reported on the console.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createEngine } from "@vais/runtime";
 *
 * const log: string[] = [];
 * const engine = await createEngine({
 *   workerCount: 1,
 *   hooks: {
 *     onWorkerStart: ({ worker }) => log.push(`worker ${worker} started`),
 *     onWorkerEnd: ({ worker, how }) => log.push(`worker ${worker} ${how}`),
 *   },
 * });
 * await engine.close();
 * assertEquals(log, ["worker 0 started", "worker 0 stopped"]);
 * ```
 */
export interface EngineHooks {
  /** A worker is ready. */
  onWorkerStart?(worker: WorkerInfo): void;
  /** A worker's thread ended, or was given up. */
  onWorkerEnd?(worker: WorkerEndInfo): void;
  /** A task was submitted. */
  onTaskStart?(task: ThreadTask<unknown>): void;
  /** A task has its outcome. */
  onTaskEnd?(task: ThreadTask<unknown>): void;
  /** As many tasks as `maxTasks` are in flight. */
  onFull?(): void;
  /** There is room again, after `onFull`. */
  onRoom?(): void;
}

const HOOKS: readonly (keyof EngineHooks)[] = [
  "onWorkerStart",
  "onWorkerEnd",
  "onTaskStart",
  "onTaskEnd",
  "onFull",
  "onRoom",
];

/** Calls hooks so that none can hurt the engine. */
export class EngineWatch {
  readonly #hooks: Record<string, ((info: unknown) => void) | undefined> = {};
  /** Somebody watches tasks. */
  readonly seesTasks: boolean;

  /**
   * Copies the hooks, bound to their object.
   *
   * @throws {TypeError} If it is no object, or a hook is no function
   */
  constructor(hooks: EngineHooks | undefined) {
    if (hooks !== undefined && (typeof hooks !== "object" || hooks === null)) {
      throw new TypeError(`Cannot create Engine: hooks is ${typeOf(hooks)} (must be an object)`);
    }
    for (const name of HOOKS) {
      const hook = hooks?.[name] as unknown;
      if (hook === undefined) continue;
      if (typeof hook !== "function") {
        throw new TypeError(
          `Cannot create Engine: hooks.${name} is ${typeOf(hook)} (must be a function)`,
        );
      }
      this.#hooks[name] = hook.bind(hooks);
    }
    this.seesTasks = this.#hooks.onTaskStart !== undefined || this.#hooks.onTaskEnd !== undefined;
  }

  /** Calls a hook if there is one. */
  tell<H extends keyof EngineHooks>(
    hook: H,
    ...[info]: Parameters<NonNullable<EngineHooks[H]>>
  ): void {
    const call = this.#hooks[hook];
    if (call === undefined) return;
    try {
      call(info);
    } catch (error) {
      this.#hooks[hook] = undefined;
      reportToConsole(`hooks.${hook} threw and was removed:`, error);
    }
  }
}
