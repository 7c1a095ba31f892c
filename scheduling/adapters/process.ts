/**
 * Child processes that do not outlive the task that waits for them.
 *
 * @module
 */

import { checkDuration, typeOf } from "../../runtime/clock.ts";
import { Future } from "../../runtime/future.ts";
import { select } from "../../runtime/globals.ts";
import { shield } from "../limits.ts";
import type { InnerGroupOptions } from "../group_options.ts";
import type { Operation } from "../operation.ts";
import { scope } from "../scope.ts";

/** A child process as Deno's: `new Deno.Command(…).spawn()`. */
export interface StatusProcess {
  /** Settles at its exit. */
  readonly status: PromiseLike<{ readonly code: number; readonly signal: string | null }>;
  /** Sends a signal. */
  kill(signal?: never): unknown;
}

/** A child process as Node's: `spawn(…)` of `node:child_process`. */
export interface EventProcess {
  /** Its exit code once it has exited by itself. */
  readonly exitCode: number | null;
  /** The signal that ended it. */
  readonly signalCode: string | null;
  /** Sends a signal. */
  kill(signal?: never): unknown;
  /** Adds a listener of `exit` and `error`. */
  // deno-lint-ignore no-explicit-any -- as Node has it
  once(name: "exit" | "error", listener: (...args: any[]) => void): unknown;
  /** Removes it. */
  // deno-lint-ignore no-explicit-any -- as Node has it
  off(name: "exit" | "error", listener: (...args: any[]) => void): unknown;
}

/** How a child process ended. */
export interface ProcessEnd {
  /** Its exit code; `null` when a signal ended it. */
  readonly code: number | null;
  /** The signal that ended it. */
  readonly signal: string | null;
}

/** How {@linkcode processEnd} ends a process. */
export interface ProcessEndOptions {
  /** Sent first when the wait is cancelled. Default `"SIGTERM"`. */
  readonly signal?: string;
  /** So long it may take to end, in ms; then it gets `SIGKILL`. Default 1 000. */
  readonly graceMs?: number;
}

/**
 * Waits until a child process has ended. Cancelled, it ends the process first: by a signal, and after a
 * grace by `SIGKILL`; the task goes on when it is gone. It begins at once.
 *
 * Rejects with what the process could not be started for. Read the pipes of the process besides: one
 * that is full holds it up.
 *
 * @throws {TypeError} If it is no process, or an option has the wrong type
 * @throws {RangeError} If the grace is negative or not finite
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { moveOnAfter, processEnd } from "@vais/runtime";
 *
 * const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
 * const end = await moveOnAfter(10, () => processEnd(child));
 * assertEquals(end.timedOut, true);
 * assertEquals((await child.status).signal, "SIGTERM"); // it did not live on
 * ```
 */
export function processEnd(
  child: StatusProcess | EventProcess,
  options: ProcessEndOptions = {},
): Operation<ProcessEnd> {
  const action = "wait for a process";
  const { kill, status, once, off } = Object(child);
  const isStatus = typeof Object(status).then === "function";
  if (
    typeof kill !== "function" ||
    !isStatus && !(typeof once === "function" && typeof off === "function")
  ) {
    throw new TypeError(`Cannot ${action}: child is ${typeOf(child)} (must be a child process)`);
  }
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
  }
  const { signal = "SIGTERM", graceMs = 1_000 } = options;
  if (typeof signal !== "string") {
    throw new TypeError(`Cannot ${action}: signal is ${typeOf(signal)} (must be a string)`);
  }
  checkDuration(graceMs, action, "graceMs");
  const inner: InnerGroupOptions = {
    name: "process",
    graceMs: graceMs + 2 * GONE_MS,
    mustBegin: true, // the process runs already
  };
  return scope(function* (s) {
    const exit = isStatus ? statusOf(child as StatusProcess) : exitOf(child as EventProcess);
    const ended = Future.from(exit.ended);
    let isOver = false;
    try {
      const end = yield* ended;
      isOver = true;
      return end;
    } catch (error) {
      isOver ||= exit.hasFailed();
      throw error;
    } finally {
      if (!isOver) {
        send(child, signal);
        const gone = () => Future.from(exit.ended.then(() => {}, () => {}));
        yield* shield(graceMs + GONE_MS, function* () {
          const first = yield* select(gone(), s.runtime.sleep(graceMs));
          if (first.index === 0) return;
          kill9(child);
          yield* gone();
        });
      }
      exit.stop();
    }
  }, inner);
}

/** A killed process is gone within this time, unless the kernel holds it, in ms. */
const GONE_MS = 2_000;

interface Exit {
  readonly ended: Promise<ProcessEnd>;
  hasFailed(): boolean;
  stop(): void;
}

function statusOf(child: StatusProcess): Exit {
  let failed = false;
  const ended = Promise.resolve(child.status).then(
    ({ code, signal }): ProcessEnd => ({ code: signal === null ? code : null, signal }),
    (error) => {
      failed = true;
      throw error;
    },
  );
  return { ended, hasFailed: () => failed, stop: () => {} };
}

function exitOf(child: EventProcess): Exit {
  let failed = false;
  let stop = (): void => {};
  const ended = new Promise<ProcessEnd>((resolve, reject) => {
    const { exitCode, signalCode } = child;
    if (exitCode !== null || signalCode !== null) {
      return resolve({ code: exitCode, signal: signalCode });
    }
    const onExit = (code: number | null, signal: string | null): void => resolve({ code, signal });
    const onError = (error: unknown): void => {
      failed = true;
      reject(error);
    };
    child.once("exit", onExit);
    child.once("error", onError);
    stop = () => {
      child.off("exit", onExit);
      child.off("error", onError);
    };
  });
  return { ended, hasFailed: () => failed, stop };
}

/**
 * A child of `node:child_process` on Deno takes one signal only, so its number is used. It has not been
 * told to have exited, so the number is still its own.
 */
function kill9(child: StatusProcess | EventProcess): void {
  const { pid } = child as { pid?: number };
  const { process } = globalThis as { process?: { kill?(pid: number, signal: string): unknown } };
  if ("status" in child || pid === undefined || process?.kill === undefined) {
    return send(child, "SIGKILL");
  }
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

function send(child: StatusProcess | EventProcess, signal: string): void {
  try {
    child.kill(signal as never);
  } catch {
    // It has ended meanwhile: its exit tells how.
  }
}
