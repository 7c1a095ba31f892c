/**
 * What the two ends send as messages: what does not fit the shared area.
 *
 * @module
 */

import type { Ref } from "../../memory/ref.ts";

/** From the owner: arguments of a task that the worker has asked for. */
export interface ArgsMessage {
  /** What it is. */
  readonly dispatch: "args";
  /** Which task. */
  readonly ref: Ref;
  /** Its arguments. */
  readonly args: unknown[];
}

/** From the owner: arguments that the worker has asked for could not be sent. */
export interface UnsentMessage {
  /** What it is. */
  readonly dispatch: "unsent";
  /** Which task. */
  readonly ref: Ref;
  /** Why. */
  readonly why: string;
}

/** From the owner: a buffer all threads share from now on. */
export interface ShareMessage {
  /** What it is. */
  readonly dispatch: "share";
  /** The buffer. */
  readonly buffer: SharedArrayBuffer;
}

/** From a worker: how a task ended. */
export interface ResultMessage {
  /** What it is. */
  readonly dispatch: "result";
  /** Which task. */
  readonly ref: Ref;
  /** Whether `value` was thrown. */
  readonly threw: boolean;
  /** What was returned, or the encoded error. */
  readonly value: unknown;
}

/** Whether a message is one of these. */
export function isDispatchMessage(
  message: unknown,
): message is ArgsMessage | UnsentMessage | ShareMessage | ResultMessage {
  return typeof message === "object" && message !== null && "dispatch" in message;
}
