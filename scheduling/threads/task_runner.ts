/**
 * What a queue of tasks gives slots from, and who fills it.
 *
 * @module
 */

import type { FULL } from "../../memory/answers.ts";
import type { Ref } from "../../memory/ref.ts";
import type { CancelAnswer, Lane, LostTask, NEEDS_MESSAGE, ResultSink } from "./dispatch_types.ts";

/** Where tasks get slots: the dispatcher of a pool, or the calling thread itself. */
export interface TaskRunner {
  submit(
    fn: number,
    args: readonly unknown[],
    sink: ResultSink,
    tag?: number,
    lane?: Lane,
  ): Ref | typeof FULL | typeof NEEDS_MESSAGE;
  submitMessage(
    fn: number,
    args: readonly unknown[],
    transfer: readonly Transferable[],
    sink: ResultSink,
    tag?: number,
    lane?: Lane,
  ): Ref | typeof FULL;
  cancel(ref: Ref): CancelAnswer;
  workerOf(ref: Ref): number;
  live(): LostTask[];
  readonly inFlight: number;
}

/** What begins tasks as long as there is room. */
export interface Feeder {
  /** It begins no more, and has failed. */
  fail(error: Error): void;
}
