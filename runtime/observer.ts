/**
 * What a runtime tells those who watch it: hooks, counters, and the last resort for failures.
 *
 * @module
 */

import { typeOf } from "./clock.ts";
import { type CancelReason, describeReason } from "./errors.ts";
import type { Outcome, TaskInfo } from "./outcome.ts";

/** A task that goes on although it was cancelled and its grace is over. */
export interface RefusalReport {
  /** The task. */
  readonly task: TaskInfo;
  /** Why it was cancelled. */
  readonly reason: CancelReason;
  /** How often the cancellation has been thrown into it. */
  readonly deliveries: number;
  /** What it waits for now. */
  readonly waitsFor: string;
  /** Where it was spawned; empty unless the observer asked with `spawnSites`. */
  readonly spawnSite: string;
}

/**
 * Hooks of a runtime; all optional. They run inside the loop: keep them short, and only read.
 *
 * A hook that throws is removed, and its error is reported on the console.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Runtime } from "@vais/runtime";
 *
 * const log: string[] = [];
 * const runtime = new Runtime({
 *   observer: {
 *     onSpawn: (task) => log.push(`+${task.name}`),
 *     onExit: (task, status) => log.push(`-${task.name} ${status}`),
 *   },
 * });
 * runtime.spawn(() => 1, { name: "one" });
 * await runtime.run();
 * assertEquals(log, ["+one", "-one ok"]);
 * ```
 */
export interface Observer {
  /** Capture a stack at each spawn, for reports and dumps. Costs 2-4 µs a spawn. */
  readonly spawnSites?: boolean;
  /** A task was spawned; it has not been polled. */
  onSpawn?(task: TaskInfo): void;
  /** A task is about to be polled. */
  onPoll?(task: TaskInfo): void;
  /** A task ended. */
  onExit?(task: TaskInfo, status: Outcome<unknown>["status"]): void;
  /** The runtime is about to wait, at most `ms`. */
  onPark?(ms: number): void;
  /** The runtime goes on after a wait. */
  onUnpark?(): void;
  /** A task caught its cancellation and returned a value as if nothing had happened. */
  onSwallowedCancel?(task: TaskInfo, reason: CancelReason): void;
  /** A task ignores a hard cancel; once per task. */
  onRefusal?(report: RefusalReport): void;
  /** An error that nobody can observe any more. Without this hook it goes to the console. */
  onUnobserved?(error: unknown, task: TaskInfo | undefined): void;
}

/** Counters of a runtime, since it was made. */
export interface RuntimeMetrics {
  /** Tasks spawned. */
  readonly spawned: number;
  /** Tasks alive now. */
  readonly alive: number;
  /** Polls of tasks. */
  readonly polls: number;
  /** Batches run. */
  readonly turns: number;
  /** Waits, for time or for the host. */
  readonly parks: number;
  /** Tasks that returned. */
  readonly completed: number;
  /** Tasks that threw. */
  readonly failed: number;
  /** Tasks that were cancelled. */
  readonly cancelled: number;
  /** Tasks and host waits queued now. */
  readonly runnable: number;
  /** Timers armed now. */
  readonly timers: number;
}

type Hook = Exclude<keyof Observer, "spawnSites">;

/** Calls hooks so that none can hurt the loop. */
export class Watch {
  readonly #hooks: Observer;

  /** Copies the observer's hooks, bound to it. */
  constructor(observer: Observer) {
    const hooks: Record<string, unknown> = { spawnSites: observer.spawnSites === true };
    for (const name of HOOKS) {
      const hook = observer[name] as unknown;
      if (hook === undefined) continue;
      if (typeof hook !== "function") {
        throw new TypeError(
          `Cannot create Runtime: observer.${name} is ${typeOf(hook)} (must be a function)`,
        );
      }
      hooks[name] = hook.bind(observer);
    }
    this.#hooks = hooks as unknown as Observer;
  }

  /** True when spawns must record where they happen. */
  get spawnSites(): boolean {
    return this.#hooks.spawnSites!;
  }

  /** Calls a hook if there is one; answers whether it was told. */
  tell<H extends Hook>(hook: H, ...args: Parameters<NonNullable<Observer[H]>>): boolean {
    const call = this.#hooks[hook] as ((...args: unknown[]) => void) | undefined;
    if (call === undefined) return false;
    try {
      call(...args);
    } catch (error) {
      delete this.#hooks[hook];
      reportToConsole(`observer.${hook} threw and was removed:`, error);
      return false;
    }
    return true;
  }
}

const HOOKS: readonly Hook[] = [
  "onSpawn",
  "onPoll",
  "onExit",
  "onPark",
  "onUnpark",
  "onSwallowedCancel",
  "onRefusal",
  "onUnobserved",
];

/** The last resort: what nobody can observe is at least printed. */
export function reportToConsole(what: string, error?: unknown): void {
  // deno-lint-ignore no-console -- what this is for
  console.error(`@vais/runtime: ${what}`, ...(error === undefined ? [] : [error]));
}

/** Tells of a task that refuses to end: the observer, or else the console. */
export function reportRefusal(watch: Watch | undefined, report: RefusalReport): void {
  if (watch?.tell("onRefusal", report)) return;
  const { task, reason, waitsFor, spawnSite } = report;
  reportToConsole(
    `${task.name} goes on although it was cancelled (${describeReason(reason)}); it waits for ` +
      waitsFor + (spawnSite === "" ? "" : `; spawned at ${spawnSite}`),
  );
}
