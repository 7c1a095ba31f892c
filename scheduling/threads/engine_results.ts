/**
 * Results by the number of their task, until they are read: what `submit` and `waitForResult` share.
 *
 * Invariant: as many results that nobody has read are kept as `maxUnread`; the oldest go first.
 *
 * @module
 */

import { checkInteger, checkTimeout } from "../../runtime/clock.ts";
import { Cancelled, TimeoutError } from "../../runtime/errors.ts";
import type { Host } from "../../runtime/host.ts";
import { LazyPromise } from "../../runtime/lazy_promise.ts";
import type { EngineCore } from "./engine_core.ts";
import { ResultNotFoundError } from "./engine_errors.ts";
import type { EngineTask } from "./engine_task.ts";
import type { Alarm } from "./engine_timers.ts";
import { CANCELLED, ERROR, OK, Settling, type SettlingPhase } from "./settling.ts";

/** Tasks whose results are still to be read. */
export class EngineResults {
  readonly #core: EngineCore;
  /** All, by number. */
  readonly #tasks = new Map<number, EngineTask<unknown>>();
  /** Those that have their outcome, the oldest first. */
  readonly #settled = new Set<number>();

  constructor(core: EngineCore) {
    this.#core = core;
  }

  /** Results that nobody has read. */
  get unread(): number {
    return this.#settled.size;
  }

  /** A task to keep the result of. */
  add(task: EngineTask<unknown>): void {
    this.#tasks.set(task.id, task);
    if (task.isSettled) this.#over(task.id);
    else (task.extras ??= {}).whenSettled = () => this.#over(task.id);
  }

  /** It has its outcome. */
  #over(id: number): void {
    if (!this.#tasks.has(id)) return;
    this.#settled.add(id);
    if (this.#settled.size <= this.#core.config.maxUnread) return;
    const [oldest] = this.#settled;
    this.remove(oldest!);
    this.#core.counters.dropped++;
  }

  /** Its result was read, or nobody wants it. */
  remove(id: number): void {
    this.#tasks.delete(id);
    this.#settled.delete(id);
  }

  /** The task of a number that was given out. */
  get(id: number, action: string): EngineTask<unknown> | undefined {
    return this.#tasks.get(checkInteger(id, 1, action, "id"));
  }

  /** Waits for a result; once somebody has it, it is gone. */
  wait<T>(id: number, timeoutMs: number | null | undefined): ResultWait<T> {
    const action = "wait for result";
    const ms = checkTimeout(timeoutMs, action);
    return new ResultWait<T>(this.#core, this, id, this.get(id, action), ms);
  }
}

/** One wait for a result. */
export class ResultWait<T> extends Settling<T> {
  readonly #core: EngineCore;
  readonly #limit: Alarm | undefined;
  readonly name: string;
  readonly #id: number;

  constructor(
    core: EngineCore,
    results: EngineResults,
    id: number,
    task: EngineTask<unknown> | undefined,
    timeoutMs: number,
  ) {
    super();
    this.#core = core;
    this.#id = id;
    this.name = task?.name ?? `task ${id}`;
    if (task === undefined) {
      const error = new ResultNotFoundError(
        id,
        "it was never submitted here, or detached, read before, or dropped unread",
      );
      this.settle(ERROR, error);
      return;
    }
    if (!task.isSettled) core.work.drain();
    if (!task.isSettled && timeoutMs < Infinity) {
      if (timeoutMs === 0) {
        this.settle(ERROR, new TimeoutError(this.name, 0));
        return;
      }
      this.#limit = core.timers.start(
        timeoutMs,
        () => this.settle(ERROR, new TimeoutError(this.name, timeoutMs)),
      );
    }
    const over = (phase: SettlingPhase, result: unknown) => {
      if (this.#limit !== undefined) core.timers.stop(this.#limit);
      if (this.settle(phase, result)) results.remove(id);
    };
    task.react(
      new LazyPromise(
        (value) => over(OK, value),
        (error) => over(error instanceof Cancelled ? CANCELLED : ERROR, error),
      ),
    );
  }

  override cancel(reason?: unknown): void {
    this.settle(CANCELLED, reason instanceof Cancelled ? reason : new Cancelled(reason));
  }

  protected get reporter(): { readonly host: Host; readonly id: number } {
    return { host: this.#core.host, id: this.#id };
  }

  override describe(): string {
    return `the result of ${this.name} #${this.#id}`;
  }
}
