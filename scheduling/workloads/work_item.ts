/**
 * Work items: a value and the table of functions that runs it, on the processor or on a GPU.
 *
 * @module
 */

import { checkInteger, typeOf } from "../../runtime/clock.ts";

/** What a work item is told about where it runs. */
export interface ExecutionContext<Device = unknown> {
  /** The worker it runs in; -1 outside workers. */
  readonly workerIndex: number;
  /** When it began, in ms of `performance.now()`. */
  readonly startedAtMs: number;
  /** Aborts when the work is no longer wanted. */
  readonly signal?: AbortSignal;
  /** The GPU, where there is one. */
  readonly gpu?: Device;
}

/**
 * How to run a kind of work on the processor.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { matMul, runWorkItem, type WorkloadVTable } from "@vais/runtime";
 *
 * interface Square { readonly matrix: Float32Array; readonly size: number }
 * const squaring: WorkloadVTable<Square, Float32Array> = {
 *   execute: (_context, { matrix, size }) => matMul(matrix, matrix, size, size, size),
 * };
 * const user = { matrix: Float32Array.of(1, 1, 0, 1), size: 2 };
 * const answer = await runWorkItem({ id: 1, user, vtable: squaring });
 * assertEquals([...answer], [1, 2, 0, 1]);
 * ```
 */
export interface WorkloadVTable<User, Result> {
  /** Does the work; may answer a promise. */
  execute(context: ExecutionContext, user: User): Result | PromiseLike<Result>;
}

/** How to run a kind of work on a GPU; `context.gpu` is there. */
export interface GPUWorkloadVTable<User, Result, Device = unknown> {
  /** Does the work; may answer a promise. */
  execute(
    context: ExecutionContext<Device> & { readonly gpu: Device },
    user: User,
  ): Result | PromiseLike<Result>;
}

/** Where a work item would like to run. */
export interface WorkloadHints {
  /** On the GPU if there is one. Default false. */
  readonly prefersGpu?: boolean;
  /** On the GPU or not at all. Default false. */
  readonly requiresGpu?: boolean;
}

/** Something to do, with what does it. */
export interface WorkItem<User, Result, Device = unknown> {
  /** Chosen by whoever made it. */
  readonly id: number;
  /** What the functions get. */
  readonly user: User;
  /** For the processor. */
  readonly vtable: WorkloadVTable<User, Result>;
  /** For a GPU. */
  readonly gpuVtable?: GPUWorkloadVTable<User, Result, Device>;
  /** A whole number; higher goes first in {@linkcode runWorkItems}. Default 0. */
  readonly priority?: number;
  /** Default: the processor. */
  readonly hints?: WorkloadHints;
}

/**
 * A work item requires a GPU, and there is none, or it has no functions for one.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { GpuUnavailableError, runWorkItem } from "@vais/runtime";
 *
 * const item = { id: 1, user: 0, vtable: { execute: () => 1 }, hints: { requiresGpu: true } };
 * await assertRejects(() => runWorkItem(item), GpuUnavailableError, "work item 1");
 * ```
 */
export class GpuUnavailableError extends Error {
  /** Class name. */
  override readonly name = "GpuUnavailableError";
  /** Stable code of this class. */
  readonly code = "ERR_GPU_UNAVAILABLE";
}

const ACTION = "run a work item";

/**
 * Runs a work item: on the GPU when it prefers or requires that, `context.gpu` is there and it has
 * functions for one; else on the processor.
 *
 * @param context Default: outside workers, without a GPU.
 * @returns What its functions answer; rejects with what they throw
 * @throws {GpuUnavailableError} If it requires a GPU and cannot have one; it rejects
 * @throws {TypeError} If it is no work item; it rejects
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { runWorkItem, type WorkItem } from "@vais/runtime";
 *
 * const item: WorkItem<number, string> = {
 *   id: 7,
 *   user: 21,
 *   vtable: { execute: (_context, n) => `processor ${2 * n}` },
 *   gpuVtable: { execute: ({ gpu }, n) => `${gpu} ${2 * n}` },
 *   hints: { prefersGpu: true },
 * };
 * assertEquals(await runWorkItem(item), "processor 42");
 * const context = { workerIndex: -1, startedAtMs: 0, gpu: "GPU" };
 * assertEquals(await runWorkItem(item, context), "GPU 42");
 * ```
 */
export async function runWorkItem<User, Result, Device = unknown>(
  item: WorkItem<User, Result, Device>,
  context: ExecutionContext<Device> = { workerIndex: -1, startedAtMs: performance.now() },
): Promise<Result> {
  if (typeof item?.vtable?.execute !== "function") {
    throw new TypeError(
      `Cannot ${ACTION}: ${typeOf(item)} has no vtable with an execute function (must have one)`,
    );
  }
  const { id, user, vtable, gpuVtable, hints } = item;
  context.signal?.throwIfAborted();
  if (hints?.prefersGpu || hints?.requiresGpu) {
    if (gpuVtable !== undefined && hasGpu(context)) return await gpuVtable.execute(context, user);
    if (hints.requiresGpu) {
      const missing = gpuVtable === undefined ? "it has no gpuVtable" : "there is no GPU";
      throw new GpuUnavailableError(
        `Cannot ${ACTION}: work item ${id} requires a GPU, and ${missing} ` +
          `(must have a gpuVtable, and a gpu in its context)`,
      );
    }
  }
  return await vtable.execute(context, user);
}

/**
 * Runs work items one after the other, the highest priority first, those of the same priority in
 * their order.
 *
 * @returns Their answers, in the order of `items`. Rejects with the first failure; the items after
 * it are not run then, nor those after an abort of `context.signal`
 * @throws {TypeError | RangeError} If a priority is not a whole number; it rejects
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { runWorkItems } from "@vais/runtime";
 *
 * const order: string[] = [];
 * const vtable = { execute: (_: unknown, name: string) => order.push(name) };
 * const items = [
 *   { id: 1, user: "usual", vtable },
 *   { id: 2, user: "urgent", vtable, priority: 10 },
 * ];
 * assertEquals(await runWorkItems(items), [2, 1]);
 * assertEquals(order, ["urgent", "usual"]);
 * ```
 */
export async function runWorkItems<User, Result, Device = unknown>(
  items: readonly WorkItem<User, Result, Device>[],
  context?: ExecutionContext<Device>,
): Promise<Result[]> {
  for (const { priority = 0 } of items) {
    checkInteger(priority, -Number.MAX_SAFE_INTEGER, ACTION, "its priority");
  }
  const answers = new Array<Result>(items.length);
  const order = [...items.keys()].sort((x, y) =>
    (items[y]!.priority ?? 0) - (items[x]!.priority ?? 0)
  );
  for (const i of order) answers[i] = await runWorkItem(items[i]!, context);
  return answers;
}

function hasGpu<Device>(
  context: ExecutionContext<Device>,
): context is ExecutionContext<Device> & { readonly gpu: Device } {
  return context.gpu !== undefined;
}
