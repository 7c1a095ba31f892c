/**
 * The agenda: tasklets in three lanes, run one after the other by worker threads (RefPerSys).
 *
 * It is a face of the same pool as the engine's, with other rules: lanes are strict, a worker takes one tasklet at a time, nobody
 * steals, and what a tasklet throws ends that tasklet only.
 *
 * @module
 */

import { checkTimeout, typeOf } from "../../runtime/clock.ts";
import { TimeoutError } from "../../runtime/errors.ts";
import { reportToConsole } from "../../runtime/observer.ts";
import type { EventLoop } from "../../reactor/event_loop.ts";
import { AgendaCore } from "./agenda_core.ts";
import { type AgendaJson, readAgendaJson, writeTasklets } from "./agenda_json.ts";
import {
  type AgendaOptions,
  type AgendaStats,
  checkAgendaOptions,
  type WorkerState,
} from "./agenda_options.ts";
import { EngineClosedError } from "./engine_errors.ts";
import { Tasklet, type TaskletOptions } from "./tasklet.ts";

export type { AgendaJson };

/** A quiet moment must come within this time, in ms. */
const QUIET_MS = 10_000;

/**
 * Three strict lanes of tasklets over worker threads: while a high one waits, no normal one is begun, and no low one
 * before both; first in, first out in each.
 *
 * A tasklet that throws, or whose worker is lost, is told to `onError`, and the others go on. One that is obsolete
 * when a worker would begin it is dropped. Threads start when the agenda is made. It must be stopped.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Agenda } from "@vais/runtime";
 *
 * const module = "data:text/javascript,export const check = (n) => { if (n > 2) throw new RangeError(`${n}`) }";
 * const errors: string[] = [];
 * const agenda = new Agenda({ jobs: 2, module, onError: (error) => errors.push(String(error)) });
 * for (const n of [1, 2, 3]) agenda.add({ closure: "check", args: [n], priority: "low" });
 * await agenda.stop({ drain: true });
 * assertEquals([agenda.stats().done, agenda.stats().failed, errors], [2, 1, ["RangeError: 3"]]);
 * ```
 */
export class Agenda implements AsyncDisposable {
  readonly #core: AgendaCore;
  #pauses = 0;
  #stopped: Promise<void> | undefined;
  #onCut: () => void = () => {};
  #graceMs = Infinity;

  /**
   * Starts the workers. What keeps them from starting is thrown by {@linkcode ready}, and told to `onError` for each
   * tasklet that waits.
   *
   * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
   */
  constructor(options: AgendaOptions = {}) {
    const checked = checkAgendaOptions(options);
    this.#core = new AgendaCore(checked);
    if (checked.timeoutMs < Infinity) {
      this.#core.pool.timers.start(checked.timeoutMs, () => void this.stop({ drain: false }));
    }
  }

  /** An agenda with the tasklets of {@linkcode toJSON}, in their lanes and order. */
  static fromJSON(json: AgendaJson, options: AgendaOptions = {}): Agenda {
    const tasklets = readAgendaJson(json);
    const agenda = new Agenda({ name: json.name, ...options });
    for (const tasklet of tasklets) agenda.add(tasklet);
    return agenda;
  }

  /** Its name. */
  get name(): string {
    return this.#core.options.name;
  }

  /** Resolves when the workers are ready; rejects with `WorkerStartError` when they do not start. */
  get ready(): Promise<void> {
    return this.#core.pool.ready;
  }

  /** Tasklets that have not ended. */
  get size(): number {
    return this.#core.entries.size;
  }

  /** True once `stop` was called, or the agenda's time is over. */
  get isStopped(): boolean {
    return this.#stopped !== undefined;
  }

  /** True between `pause` and `resume`, and while a callback of `quiesce` runs. */
  get isPaused(): boolean {
    return this.#pauses > 0;
  }

  /**
   * Puts a tasklet at the end of its lane.
   *
   * @returns The tasklet
   * @throws {TypeError | RangeError} If it is none, is in an agenda and has not ended, or there is no such function
   * @throws {EngineClosedError} If the agenda was stopped
   */
  add(tasklet: Tasklet | TaskletOptions): Tasklet {
    if (this.#stopped !== undefined) {
      throw new EngineClosedError(`Cannot add a tasklet: ${this.name} is stopped`);
    }
    const made = tasklet instanceof Tasklet ? tasklet : new Tasklet(tasklet);
    this.#core.add(made);
    return made;
  }

  // ---- holding still ------------------------------------------------------------------------------

  /**
   * No tasklet is begun any more; those that run go on. Counted: as many `resume` end it. One that a worker
   * had taken off its lane, and not begun, is that worker's first then.
   */
  pause(): void {
    if (this.#pauses++ === 0) this.#core.pool.pause();
  }

  /** Ends a {@linkcode pause}. */
  resume(): void {
    if (this.#pauses > 0 && --this.#pauses === 0) this.#core.pool.resume();
  }

  /**
   * Runs `fn` while no tasklet runs: a safepoint, for a snapshot, a dump, a compaction. It waits for those that are
   * running, and begins none until `fn` has settled.
   *
   * @param options `timeoutMs`: so long it waits for those that are running, 10 000 unless said; 0 asks once
   * @returns What `fn` returns
   * @throws {TimeoutError} If they do not end in time; then the agenda goes on, and `fn` was not called
   */
  async quiesce<T>(
    fn: () => T | PromiseLike<T>,
    options: { readonly timeoutMs?: number | null } = {},
  ): Promise<T> {
    const action = "quiesce";
    if (typeof fn !== "function") {
      throw new TypeError(`Cannot ${action}: fn is ${typeOf(fn)} (must be a function)`);
    }
    if (typeof options !== "object" || options === null) {
      throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
    }
    const ms = options.timeoutMs === undefined ? QUIET_MS : checkTimeout(options.timeoutMs, action);
    this.pause();
    try {
      if (!await this.#core.pool.quietWithin(ms)) {
        throw new TimeoutError(`a quiet moment of ${this.name}`, ms);
      }
      return await fn();
    } finally {
      this.resume();
    }
  }

  // ---- the end ------------------------------------------------------------------------------------

  /**
   * Ends the agenda, and its threads. No tasklet can be added any more. Called again without `drain`, it cuts the
   * draining short; otherwise again is the same.
   *
   * @param options `drain: true`: all tasklets are run first (a pause is ended), however long they take; `false`, the
   *   default: those that run are waited for, those that wait stay, to be found in {@linkcode toJSON} and
   *   {@linkcode tasklets}. `graceMs`: how long those that run have without `drain`: then their threads are ended,
   *   or given up where the host cannot end them; 5 000 unless said
   */
  stop(
    options: { readonly drain?: boolean; readonly graceMs?: number } = {},
  ): Promise<void> {
    const action = "stop";
    if (typeof options !== "object" || options === null) {
      throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
    }
    const { drain = false, graceMs } = options;
    if (typeof drain !== "boolean") {
      throw new TypeError(`Cannot ${action}: drain is ${typeOf(drain)} (must be a boolean)`);
    }
    const grace = graceMs === undefined ? 5_000 : checkTimeout(graceMs, action, "graceMs");
    if (!drain) this.#cut(grace);
    return this.#stopped ??= this.#stop(grace);
  }

  #cut(graceMs: number): void {
    if (this.#core.isCut) return;
    this.#graceMs = graceMs;
    this.#core.cut();
    this.#onCut();
  }

  async #stop(graceMs: number): Promise<void> {
    if (!this.#core.isCut) {
      this.#graceMs = graceMs;
      while (this.#pauses > 0) this.resume();
      await Promise.race([this.whenIdle(), new Promise<void>((resolve) => this.#onCut = resolve)]);
    }
    await this.#core.close(this.#graceMs);
  }

  /**
   * Resolves when no tasklet is left.
   *
   * @throws {EngineClosedError} If the agenda has stopped, and tasklets are left
   */
  whenIdle(): Promise<void> {
    return this.#core.entries.size === 0 ? Promise.resolve() : this.#core.idle.wait();
  }

  /** {@linkcode stop} without draining. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  // ---- looking ------------------------------------------------------------------------------------

  /** The tasklets that have not ended, in the order in which they would be begun. */
  tasklets(): Tasklet[] {
    return [...this.#core.lanes.all()].map(({ tasklet }) => tasklet);
  }

  /**
   * The permanent tasklets that have not ended. One that runs is among them: read again, it is run again; ask inside
   * {@linkcode quiesce} for those alone that have not begun.
   */
  toJSON(): AgendaJson {
    return {
      name: this.name,
      high_priority: writeTasklets(this.#core.lanes.all(0)),
      normal_priority: writeTasklets(this.#core.lanes.all(1)),
      low_priority: writeTasklets(this.#core.lanes.all(2)),
    };
  }

  /** Counters. */
  stats(): AgendaStats {
    const [high, normal, low] = [0, 1, 2].map((lane) => this.#core.lanes.size(lane as 0 | 1 | 2));
    return {
      high: high!,
      normal: normal!,
      low: low!,
      ...this.#core.counts,
      workers: this.#core.pool.running,
    };
  }

  /** What each worker is at. */
  workers(): WorkerState[] {
    const byRef = new Map(
      [...this.#core.entries.values()].map((entry) => [entry.ref, entry.tasklet]),
    );
    return this.#core.pool.workers().map(({ ref, ...state }) => ({
      ...state,
      tasklet: byRef.get(ref),
    }));
  }

  // ---- commands -----------------------------------------------------------------------------------

  /**
   * Lets the commands of an event loop drive it: `garbage_collect` quiesces it for `onGarbageCollect`, `process`
   * resumes it, `quit` stops it after all tasklets, `exit` at once, and `dump` tells `onDump` its permanent tasklets.
   *
   * @returns Disposed of, the commands do nothing here any more
   */
  attach(
    loop: EventLoop,
    { onGarbageCollect = () => {}, onDump = () => {} }: {
      readonly onGarbageCollect?: () => unknown;
      readonly onDump?: (json: AgendaJson) => unknown;
    } = {},
  ): Disposable {
    const failed = (error: unknown): void =>
      reportToConsole(`a command to ${this.name} failed:`, error);
    const registrations = [
      loop.onCommand("garbage_collect", () => {
        this.quiesce(onGarbageCollect as () => void).catch(failed);
      }),
      loop.onCommand("process", () => this.resume()),
      loop.onCommand("quit", () => void this.stop({ drain: true }).catch(failed)),
      loop.onCommand("exit", () => void this.stop({ drain: false }).catch(failed)),
      loop.onCommand("dump", () => onDump(this.toJSON())),
    ];
    return {
      [Symbol.dispose]: () => registrations.forEach((one) => one[Symbol.dispose]()),
    };
  }
}
