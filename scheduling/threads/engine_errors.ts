/**
 * What an engine throws, besides `TimeoutError`, `Cancelled`, `WorkerLostError` and what the task threw.
 *
 * @module
 */

import { ClosedError } from "../../runtime/errors.ts";

/**
 * As many tasks as `maxTasks` are in flight, and the engine was made with `whenFull: "reject"`.
 *
 * @example
 * ```ts
 * import { assertInstanceOf } from "@std/assert";
 * import { createEngine, QueueFullError } from "@vais/runtime";
 *
 * await using engine = await createEngine({ workerCount: 1, maxTasks: 1, whenFull: "reject" });
 * const first = engine.run((n: number) => n, [1]);
 * const error = await engine.run((n: number) => n, [2]).catch((error) => error);
 * assertInstanceOf(error, QueueFullError);
 * await first;
 * ```
 */
export class QueueFullError extends Error {
  /** Class name. */
  override readonly name = "QueueFullError";
  /** Stable code of this class. */
  readonly code = "ERR_QUEUE_FULL";
  /** The engine's limit. */
  readonly maxTasks: number;

  /** The engine's name and its limit. */
  constructor(engine: string, maxTasks: number) {
    super(
      `Cannot submit: ${maxTasks} tasks are in flight in ${engine} ` +
        `(await room(), or make it with whenFull: "wait" or a larger maxTasks)`,
    );
    this.maxTasks = maxTasks;
  }
}

/** The engine is closed, or was closed before the task could run. */
export class EngineClosedError extends ClosedError {
  /** Class name. */
  override readonly name = "EngineClosedError";
  /** Stable code of this class. */
  override readonly code = "ERR_ENGINE_CLOSED";
}

/** `waitForResult` with an id that was never given out, or whose result was read, dropped or detached. */
export class ResultNotFoundError extends Error {
  /** Class name. */
  override readonly name = "ResultNotFoundError";
  /** Stable code of this class. */
  readonly code = "ERR_RESULT_NOT_FOUND";
  /** The id. */
  readonly taskId: number;

  /** The id, and why nothing is there. */
  constructor(taskId: number, why: string) {
    super(`Cannot wait for result: there is none for task ${taskId} (${why})`);
    this.taskId = taskId;
  }
}
