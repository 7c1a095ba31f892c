/**
 * The root of a process: one scope, two signals, an exit code.
 *
 * @module
 */

import { checkDuration, typeOf } from "../runtime/clock.ts";
import { Cancelled, rootReason } from "../runtime/errors.ts";
import { failuresOf } from "../runtime/failures.ts";
import { getRuntime } from "../runtime/globals.ts";
import { WAKE_MAYBE } from "../runtime/host.ts";
import { reportToConsole } from "../runtime/observer.ts";
import { coreOf } from "../runtime/runtime.ts";
import { DEFAULT_GRACE_MS } from "../runtime/root_owner.ts";
import type { GroupOptions } from "./group_options.ts";
import { type Scope, scope } from "./scope.ts";

/** Signals that can end a program from outside. */
export type ExitSignal = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGQUIT" | "SIGBREAK";

/** How to run a program. */
export interface MainOptions
  extends Pick<GroupOptions, "name" | "runtime" | "failures" | "maxConcurrency" | "cancelOnError"> {
  /** Which signals end it. Default SIGINT and SIGTERM. */
  readonly signals?: readonly ExitSignal[];
  /** How long cleanup may take after the first signal, in ms. Default 5 000. */
  readonly graceMs?: number;
}

/** The body of a program: a number it answers becomes the exit code. */
export type MainBody = (
  scope: Scope,
) => Generator<unknown, number | void> | PromiseLike<number | void> | number | void;

/** What is used of the host's process, the same in Deno, Node and Bun. */
interface HostProcess {
  exitCode?: number | string | undefined;
  exit(code: number): never;
  on(signal: string, listener: () => void): void;
  off(signal: string, listener: () => void): void;
}

const SIGNAL_NUMBERS: Record<ExitSignal, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGTERM: 15,
  SIGBREAK: 21,
};

/** After the second signal, what still refuses to end is left behind after so long. */
const FORCED_EXIT_MS = 1_000;

/**
 * Runs a program in a scope, as the root of the process.
 *
 * The first SIGINT or SIGTERM cancels the scope and leaves it its grace; the second one cancels
 * hard: every await throws; a third, or a second more, ends the process there. Sets the process's
 * exit code: the body's number, 0, 1 after an error (printed with everything behind it), 128 + n
 * after a signal. The process stays alive while tasks wait, and the listeners are gone afterwards.
 *
 * @returns The exit code; never rejects because of the body
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { main } from "@vais/runtime";
 *
 * const code = await main(async (s) => {
 *   await s.sleep(1);
 *   return 0;
 * });
 * assertEquals(code, 0);
 * ```
 */
export async function main(body: MainBody, options: MainOptions = {}): Promise<number> {
  if (typeof body !== "function") {
    throw new TypeError(`Cannot run main: body is ${typeOf(body)} (must be a function)`);
  }
  const { signals = ["SIGINT", "SIGTERM"], graceMs = DEFAULT_GRACE_MS, ...group } = options;
  checkDuration(graceMs, "run main", "graceMs", true);
  for (const signal of signals) {
    if (!(signal in SIGNAL_NUMBERS)) {
      throw new RangeError(
        `Cannot run main: signal is ${JSON.stringify(signal)} (must be one of ${
          Object.keys(SIGNAL_NUMBERS).join(", ")
        })`,
      );
    }
  }
  const process = (globalThis as unknown as { process: HostProcess }).process;
  let root: Scope | undefined;
  let received: ExitSignal | undefined;
  let count = 0;
  const listeners = signals.map((signal) => {
    const listener = () => {
      received ??= signal;
      const code = 128 + SIGNAL_NUMBERS[received];
      // In a microtask, so that the program's own listeners hear of it first.
      if (++count > 2) return queueMicrotask(() => process.exit(code));
      root?.cancel({ kind: "shutdown", signal }, { graceMs: count === 1 ? graceMs : 0 });
      if (count === 2) {
        const force = setTimeout(() => process.exit(code), FORCED_EXIT_MS);
        (force as unknown as { unref?(): void }).unref?.();
      }
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  let code = 0;
  // A program that only waits for a signal is not deadlocked.
  const { waits } = coreOf(options.runtime ?? getRuntime(), "run main");
  waits[WAKE_MAYBE]!++;
  try {
    const answer = await scope((s) => {
      root = s;
      return body(s);
    }, { ...group, name: options.name ?? (body.name || "main"), graceMs });
    if (typeof answer === "number") code = answer;
  } catch (error) {
    code = isShutdown(error) ? 0 : 1;
    if (code === 1) printFailure(error);
  } finally {
    waits[WAKE_MAYBE]!--;
    for (const stop of listeners) stop();
  }
  if (received !== undefined && code === 0) code = 128 + SIGNAL_NUMBERS[received];
  if (code !== 0 || process.exitCode === undefined) process.exitCode = code;
  return code;
}

/** The program was cancelled, and ended as it was asked to. */
function isShutdown(error: unknown): boolean {
  return error instanceof Cancelled && rootReason(error.reason).kind === "shutdown";
}

function printFailure(error: unknown): void {
  const failures = failuresOf(error);
  const [primary] = failures;
  reportToConsole(primary === undefined ? "main failed:" : `${primary.task.name} failed:`, error);
  for (const failure of failures.slice(1)) {
    const when = failure.during === "cleanup" ? " in its cleanup" : "";
    reportToConsole(`and ${failure.task.name} failed${when}:`, failure.error);
  }
}
