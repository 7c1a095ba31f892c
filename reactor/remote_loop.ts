/**
 * An event loop, seen from another thread: it can be woken and sent commands.
 *
 * Descriptors belong to the process, so the other thread makes the system calls itself, through a C
 * library of its own. Nothing is lost: a wake ends the current or else the next wait of the loop,
 * whose `onWake` runs at least once after the last wake; commands are ordered by the pipe.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import { ClosedError } from "../runtime/errors.ts";
import { type Libc, openLibc } from "./libc.ts";
import { RemoteState } from "./remote_state.ts";
import { byteOfCommand, CommandWriter, type LoopCommand } from "./self_pipe.ts";

/** What another thread needs to reach an event loop; can be posted to workers. */
export interface RemoteHandle {
  /** Descriptor by which the loop is woken: an eventfd, or the kqueue itself. */
  readonly wakeFd: number;
  /** Descriptor to which commands are written. */
  readonly commandFd: number;
  /** Shared with the loop: whether it is open. */
  readonly state: SharedArrayBuffer;
}

/** How often a full pipe is tried again, in ms. */
const RETRY_MS = 5;

/**
 * Reaches the event loop of another thread.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventLoop, RemoteLoop } from "@vais/runtime/reactor";
 *
 * using loop = new EventLoop();
 * let wakes = 0;
 * loop.onWake(() => wakes++);
 * const handle = loop.remote(); // worker.postMessage(handle)
 *
 * const remote = RemoteLoop.attach(handle); // in the worker
 * remote.wake();
 * loop.pollEvents(1_000);
 * assertEquals(wakes, 1);
 * ```
 */
export class RemoteLoop {
  readonly #libc: Libc;
  readonly #state: RemoteState;
  readonly #wakeFd: number;
  readonly #writer: CommandWriter;
  #isRetrying = false;

  private constructor(libc: Libc, handle: RemoteHandle) {
    this.#libc = libc;
    this.#state = new RemoteState(handle.state);
    this.#wakeFd = handle.wakeFd;
    this.#writer = new CommandWriter(libc, handle.commandFd);
  }

  /**
   * The loop of a handle, which `EventLoop.remote()` answered in this process.
   *
   * @throws {TypeError | RangeError} If it is no such handle
   * @throws {ReactorUnavailableError} Where this thread may not call the C library
   */
  static attach(handle: RemoteHandle): RemoteLoop {
    const { wakeFd, commandFd, state } = checkHandle(handle);
    return new RemoteLoop(openLibc(), { wakeFd, commandFd, state });
  }

  /** True once the loop is closed. */
  get isClosed(): boolean {
    return this.#state.isClosed;
  }

  /** Commands that wait for room in the loop's pipe. */
  get queued(): number {
    return this.isClosed ? 0 : this.#writer.queued;
  }

  /** Ends the loop's current wait, or else its next one. Does nothing when the loop is closed. */
  wake(): void {
    this.#state.use(() => this.#libc.wakeQueue(this.#wakeFd));
  }

  /**
   * Sends a command. Where the pipe is full it waits in the memory of this thread, which tries again
   * every 5 ms, and at each further call.
   *
   * @throws {TypeError | RangeError} If there is no such command
   * @throws {ClosedError} If the loop is closed
   */
  postpone(command: LoopCommand): void {
    const byte = byteOfCommand(command, "postpone command");
    if (!this.#state.use(() => this.#writer.post(byte))) {
      throw new ClosedError("Cannot postpone command: the event loop is closed");
    }
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#isRetrying || this.queued === 0) return;
    this.#isRetrying = true;
    setTimeout(() => {
      this.#isRetrying = false;
      this.#state.use(() => this.#writer.flush());
      this.#retryLater();
    }, RETRY_MS);
  }
}

function checkHandle(handle: RemoteHandle): RemoteHandle {
  const action = "attach remote loop";
  if (typeof handle !== "object" || handle === null) {
    throw new TypeError(
      `Cannot ${action}: handle is ${typeOf(handle)} (must be what EventLoop.remote answered)`,
    );
  }
  for (const name of ["wakeFd", "commandFd"] as const) {
    if (!Number.isSafeInteger(handle[name]) || handle[name] < 0) {
      throw new RangeError(
        `Cannot ${action}: ${name} is ${typeOf(handle[name])} (must be a descriptor)`,
      );
    }
  }
  if (!RemoteState.fits(handle.state)) {
    throw new TypeError(
      `Cannot ${action}: state is ${typeOf(handle.state)} (must be that of an event loop)`,
    );
  }
  return handle;
}
