/**
 * What the two ends of the dispatch path are made with, and what they answer.
 *
 * @module
 */

import type { Handle } from "../../memory/layout.ts";
import type { Ref } from "../../memory/ref.ts";
import type { KeepAlive } from "./keep_alive.ts";

/** A lane: 0 high, 1 normal, 2 low. First in, first out in each. */
export type Lane = 0 | 1 | 2;
/** The lane that is looked at first. */
export const HIGH_LANE: Lane = 0;
/** The lane of most tasks. */
export const NORMAL_LANE: Lane = 1;
/** The lane that is looked at last. */
export const LOW_LANE: Lane = 2;

/** The arguments do not fit the shared area: submit them with `submitMessage`. */
export const NEEDS_MESSAGE: unique symbol = Symbol("NEEDS_MESSAGE");

/** How a task that was not lost, and not removed, ended without a value. */
export type TaskFailure = "threw" | "obsolete";

/**
 * Who hears how a task ended, once. Called on the owner's thread while completions are drained; what it throws
 * is reported through `DispatcherOptions.onError`. One object may serve many tasks: `tag` tells them apart.
 */
export interface ResultSink {
  /** It returned `value`. */
  taskDone(value: unknown, tag: number): void;
  /** It threw `error` (decoded), or its deadline had passed when a worker fetched it (`error` is undefined). */
  taskFailed(failure: TaskFailure, error: unknown, tag: number): void;
}

/** A task whose worker was lost while it was running. Its sink has not been called and never will be. */
export interface LostTask {
  /** What `submit` answered. */
  readonly ref: Ref;
  /** Who waits for it. */
  readonly sink: ResultSink;
  /** What was passed with it. */
  readonly tag: number;
}

/** What to do with a queued or running task that nobody wants any more. */
export type CancelAnswer =
  /** It was queued. It never runs; its sink is never called. */
  | "removed"
  /** It runs. Its flag is up; it settles as it likes. */
  | "flagged"
  /** It has settled, or never was. */
  | "too-late";

/** How quickly results are looked for. */
export type Latency =
  /** The owner's thread never spins; workers spin for 20 µs at most, while the owner is awake. */
  | "normal"
  /** The owner's thread too spins, for 20 µs at most, after a burst of submits. */
  | "low";

/** What a `Dispatcher` is made with. */
export interface DispatcherOptions {
  /** Places for workers, 1 to 128; abandoned workers keep theirs until they are gone. */
  readonly workers: number;
  /** Tasks in flight, rounded up to a power of two, 16 to 65 536. Default 4096. */
  readonly capacity?: number;
  /** Tasks a worker claims at once: up to 16, or one at a time (strict order). Default "batch". */
  readonly claim?: "batch" | "one";
  /** Whether the low lane waits until the others are empty. Default false: it gets one claim in 16. */
  readonly strictLanes?: boolean;
  /** Whether idle workers take what others have claimed and not begun. Default true. */
  readonly steal?: boolean;
  /** Bytes for arguments and results beside each task, 0 to 65 536. Default 512. */
  readonly inlineBytes?: number;
  /** Bytes of blocks for larger arguments and results, and for leases. Default 4 MiB; 0: none. */
  readonly blockBytes?: number;
  /** Whether plain typed arrays are copied into a block, where the task sees shared memory. Default false. */
  readonly copyBuffers?: boolean;
  /** Default "normal". */
  readonly latency?: Latency;
  /** Sends to a worker what does not fit the shared area. Without it such tasks are refused. */
  readonly post?: (worker: number, message: unknown, transfer: readonly Transferable[]) => void;
  /** Called with true when the first task is in flight, with false when none is. Default: holds a timer. */
  readonly keepAlive?: KeepAlive;
  /** Makes an error of what the worker's `encodeError` made. Default: as it is. */
  readonly decodeError?: (data: unknown) => unknown;
  /** What a sink, or a hook, threw. Default: thrown in a microtask. */
  readonly onError?: (error: unknown) => void;
}

/** Posted to a worker as part of its setup; there, `WorkerLoop.attach` takes it. */
export interface DispatchHandle extends Handle<"Dispatch"> {
  /** Which blocks are leased. */
  readonly blocks: Handle<"SharedBlocks">;
  /** Buffers that views may be over. The first holds what does not fit the records, and the blocks. */
  readonly shared: readonly SharedArrayBuffer[];
}

/** A function that runs in workers. */
// deno-lint-ignore no-explicit-any -- any function: its arguments are checked by nobody
export type TaskFunction = (...args: any[]) => unknown;

/** The worker's end of its message port. */
export interface LoopPort {
  /** Sends a message to the owner. */
  post(message: unknown, transfer?: readonly Transferable[]): void;
  /** The next message that has arrived, without waiting; undefined when there is none. */
  receiveNow(): unknown;
}

/** Whom a worker steals from. */
export interface VictimPolicy {
  /** The worker to try next, or null for none. Called up to twice the number of workers in a row. */
  selectVictim(worker: number): number | null;
  /** One was stolen from `victim`. */
  recordSteal?(thief: number, victim: number): void;
  /** There was nothing to steal. */
  recordFailedSteal?(): void;
}

/** What a `WorkerLoop` is made with. */
export interface WorkerLoopOptions {
  /** By number. A hole is filled by `missing`. May grow while the loop runs. */
  readonly functions: TaskFunction[];
  /** Finds a function whose number has none yet; what it answers is kept in `functions`. */
  readonly missing?: (fn: number) => TaskFunction | Promise<TaskFunction>;
  /** The worker's message port. Without it what does not fit the shared area fails. */
  readonly port?: LoopPort;
  /** What of an error is sent: structured-clonable. Default: name, message and stack. */
  readonly encodeError?: (error: unknown) => unknown;
  /** Buffers to be moved, not copied, with a result that goes by message. Default: none. */
  readonly transferOf?: (value: unknown) => readonly Transferable[];
  /** Asynchronous tasks that one worker has going at once, 1 to 4096. Default 64. */
  readonly concurrency?: number;
  /** Whom to steal from. Default: a random one first, then round. */
  readonly victims?: VictimPolicy;
  /** Where the worker's random numbers begin. Default 1. */
  readonly seed?: number;
  /** Messages that `receiveNow` found and that are not the loop's. */
  readonly onMessage?: (message: unknown) => void;
}

/** What one worker has done so far; exact while it rests. */
export interface WorkerCounters {
  /** Tasks begun. */
  readonly executed: number;
  /** Of those, taken from other workers' batches. */
  readonly stolen: number;
  /** Times it took tasks from a lane. */
  readonly claims: number;
  /** Times it fell asleep. */
  readonly parks: number;
  /** Times it woke another worker. */
  readonly wakes: number;
}

/** What a worker is at. */
export type WorkerActivity = "absent" | "idle" | "running" | "paused" | "lost";
