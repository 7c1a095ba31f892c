/**
 * Starts a thread on the host at hand, and tells in one way why a start failed.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { hostThreads } from "./host_threads.ts";
import type { NativeEvents, NativeStart, NativeWorker } from "./native_worker.ts";
import { startNodeWorker } from "./node_worker_host.ts";
import { startWebWorker } from "./web_worker_host.ts";
import { type WorkerEndKind, WorkerStartError, type WorkerStartReason } from "./worker_errors.ts";

/**
 * Starts a thread.
 *
 * @throws {WorkerStartError} If the host refuses
 * @throws {DOMException} `DataCloneError`, if the setup cannot be cloned
 */
export function startNative(
  start: NativeStart,
  events: NativeEvents,
): NativeWorker {
  if (hostThreads() === undefined) {
    throw new WorkerStartError(
      start.name,
      "host",
      "this host has no node:worker_threads (must be Deno, Node or Bun)",
    );
  }
  try {
    return "Deno" in globalThis ? startWebWorker(start, events) : startNodeWorker(start, events);
  } catch (error) {
    if (error instanceof DOMException && error.name === "DataCloneError") throw error;
    throw startError(start.name, { how: "threw", error }, "host");
  }
}

/** What a start fails with when the thread ended instead. */
export function startError(
  name: string,
  { how, error, exitCode }: { how: WorkerEndKind; error?: unknown; exitCode?: number },
  reason: WorkerStartReason = "module",
): WorkerStartError {
  if (how === "threw") {
    return new WorkerStartError(
      name,
      isPermission(error) ? "permission" : reason,
      describe(error),
      { cause: error },
    );
  }
  const what = how === "out-of-memory"
    ? "it ran out of memory"
    : `it ended itself${exitCode === undefined ? "" : ` with exit code ${exitCode}`}`;
  return new WorkerStartError(
    name,
    "exited",
    `${what} before it was ready`,
    error === undefined ? undefined : { cause: error },
  );
}

/** Deno tells a missing permission of a worker's module only in words. */
function isPermission(error: unknown): boolean {
  const { name, code, message } = (error ?? {}) as Record<string, unknown>;
  return name === "NotCapable" || name === "PermissionDenied" || code === "ERR_ACCESS_DENIED" ||
    (typeof message === "string" && /^Requires \w+ access to /.test(message));
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : `it threw ${typeOf(error)}`;
}
