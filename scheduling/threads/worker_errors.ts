/**
 * What callers catch when a thread does not start, or ends before its work is done.
 *
 * @module
 */

/**
 * Why a thread did not start: a permission is missing; its module did not load, or threw while it
 * started; it said nothing in time; it ended before it was ready; this host has no threads.
 */
export type WorkerStartReason = "permission" | "module" | "timeout" | "exited" | "host";

/**
 * A thread did not start. `cause` has the error of the thread or of the host, when there is one.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { createEngine, WorkerStartError } from "@vais/runtime";
 *
 * const error = await assertRejects(
 *   () => createEngine({ workerCount: 1, module: "data:text/javascript,throw new Error('not today')" }),
 *   WorkerStartError,
 * );
 * console.log(error.reason, (error.cause as Error).message); // module not today
 * ```
 */
export class WorkerStartError extends Error {
  /** Class name. */
  override readonly name = "WorkerStartError";
  /** Stable code of this class. */
  readonly code = "ERR_WORKER_START";
  /** The thread's name. */
  readonly worker: string;
  /** What went wrong. */
  readonly reason: WorkerStartReason;

  /** Which thread, what went wrong, and in words what to do about it. */
  constructor(worker: string, reason: WorkerStartReason, what: string, options?: ErrorOptions) {
    super(`Cannot start worker ${worker}: ${what}`, options);
    this.worker = worker;
    this.reason = reason;
  }
}

/**
 * How a thread ended: something was thrown and not caught; it ended itself; it was ended from
 * outside; its heap was full.
 */
export type WorkerEndKind = "threw" | "exited" | "terminated" | "out-of-memory";

/**
 * The thread that ran a task ended, so that the task has no outcome. What it had done by then is done.
 *
 * `cause` has what ended the thread, when that is known.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { WorkerLostError } from "@vais/runtime";
 *
 * const error = new WorkerLostError("pool-1", "exited", { task: "resize", exitCode: 3 });
 * assertEquals(error.message, "Cannot finish resize: worker pool-1 ended itself with exit code 3");
 * assertEquals([error.code, error.how], ["ERR_WORKER_LOST", "exited"]);
 * ```
 */
export class WorkerLostError extends Error {
  /** Class name. */
  override readonly name = "WorkerLostError";
  /** Stable code of this class. */
  readonly code = "ERR_WORKER_LOST";
  /** The thread's name. */
  readonly worker: string;
  /** How the thread ended. */
  readonly how: WorkerEndKind;
  /** The thread's exit code, when the host tells it. */
  readonly exitCode: number | undefined;

  /** Which thread, how it ended, the name of the task it was running, and what ended it. */
  constructor(
    worker: string,
    how: WorkerEndKind,
    details: { task?: string; exitCode?: number; cause?: unknown } = {},
  ) {
    const { task = "task", exitCode, cause } = details;
    super(
      `Cannot finish ${task}: worker ${worker} ${describeEnd(how, exitCode)}`,
      cause === undefined ? undefined : { cause },
    );
    this.worker = worker;
    this.how = how;
    this.exitCode = exitCode;
  }
}

function describeEnd(how: WorkerEndKind, exitCode: number | undefined): string {
  switch (how) {
    case "threw":
      return "ended by an error that nobody caught";
    case "exited":
      return `ended itself${exitCode === undefined ? "" : ` with exit code ${exitCode}`}`;
    case "terminated":
      return "was terminated";
    case "out-of-memory":
      return "ran out of memory";
  }
}
