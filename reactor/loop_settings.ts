/**
 * Settings of an event loop.
 *
 * @module
 */

import { checkInteger, type Clock, typeOf } from "../runtime/clock.ts";
import { checkCallback } from "./hooks.ts";
import type { Kernel } from "./kernel.ts";
import type { OnLoopError } from "./loop_calls.ts";

/** How an event loop waits. */
export interface LoopSettings {
  /** Which kernel interface; default the one this system has. */
  readonly backend?: "auto" | "epoll" | "kqueue";
  /** Events taken from the kernel at once: a batch, not a limit. Default 64. */
  readonly maxEvents?: number;
  /** Where the time comes from. Default: the host's monotonic clock. */
  readonly clock?: Clock;
  /** Whose descriptors: a simulation. Default: this system's. */
  readonly kernel?: Kernel;
  /** Told what a callback threw; the loop goes on. Default: the console. */
  readonly onError?: OnLoopError;
}

/** Answers the settings; throws `TypeError` or `RangeError`. */
export function checkSettings<S extends LoopSettings>(settings: S, action: string): S {
  checkOptions(settings, action);
  const { backend = "auto", maxEvents, onError } = settings;
  if (backend !== "auto" && backend !== "epoll" && backend !== "kqueue") {
    throw new RangeError(
      `Cannot ${action}: backend is ${backend} (must be auto, epoll or kqueue)`,
    );
  }
  if (maxEvents !== undefined) checkInteger(maxEvents, 1, action, "maxEvents");
  if (onError !== undefined) checkCallback(onError, action, "onError");
  return settings;
}

/** Checks that options are an object. */
export function checkOptions(options: unknown, action: string, what = "options"): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${action}: ${what} is ${typeOf(options)} (must be an object)`);
  }
}
