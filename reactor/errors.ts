/**
 * What callers of the reactor catch, each with a stable `code`.
 *
 * @module
 */

import { describeErrno } from "./errno.ts";

/**
 * A system call failed.
 *
 * @example
 * ```ts ignore
 * try {
 *   await connect({ hostname: "127.0.0.1", port: 9 });
 * } catch (error) {
 *   if (error instanceof IoError && error.code === "ECONNREFUSED") retryLater();
 * }
 * ```
 */
export class IoError extends Error {
  /** Class name. */
  override readonly name = "IoError";
  /** Name of the errno: `"ECONNREFUSED"`. */
  readonly code: string;
  /** Its number on this system. */
  readonly errno: number;
  /** The call that failed. */
  readonly syscall: string;
  /** The descriptor it was made on, -1 when there was none. */
  readonly fd: number;

  /** What failed, with which errno, on which descriptor, and what else is worth telling. */
  constructor(syscall: string, errno: number, fd = -1, what = "") {
    const [code, text] = describeErrno(errno);
    const on = fd >= 0 ? ` fd ${fd}` : "";
    super(`Cannot ${syscall}${on}${what && ` ${what}`}: ${code} (${text})`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    this.fd = fd;
  }
}

/** Somebody else waits for this direction of the descriptor already. */
export class BusyError extends Error {
  /** Class name. */
  override readonly name = "BusyError";
  /** Stable code of this class. */
  readonly code = "ERR_BUSY";
  /** The descriptor. */
  readonly fd: number;

  /** Which descriptor and direction. */
  constructor(fd: number, direction: "read" | "write") {
    super(
      `Cannot wait to ${direction} fd ${fd}: another waiter has it (one per descriptor and direction)`,
    );
    this.fd = fd;
  }
}

/** Why a reactor cannot be had here. */
export type UnavailableReason = "permission" | "koffi" | "library" | "platform";

/** File descriptors cannot be waited for here; the message names the fix. */
export class ReactorUnavailableError extends Error {
  /** Class name. */
  override readonly name = "ReactorUnavailableError";
  /** Stable code of this class. */
  readonly code = "ERR_REACTOR_UNAVAILABLE";
  /** What is missing. */
  readonly reason: UnavailableReason;

  /** What is missing, and what to do about it. */
  constructor(reason: UnavailableReason, message: string, options?: ErrorOptions) {
    super(`Cannot use file descriptors: ${message}`, options);
    this.reason = reason;
  }
}

/** This system has no such thing. */
export class UnsupportedError extends Error {
  /** Class name. */
  override readonly name = "UnsupportedError";
  /** Stable code of this class. */
  readonly code = "ERR_UNSUPPORTED";
}
