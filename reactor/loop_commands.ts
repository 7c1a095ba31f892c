/**
 * Commands to an event loop: what is posted, what is read, and who is told.
 *
 * The reading end is waited for while something of this thread is in the pipe, and always once other
 * threads may write to it. So commands nobody can send keep no loop in the kernel.
 *
 * @module
 */

import { ClosedError } from "../runtime/errors.ts";
import { Hooks } from "./hooks.ts";
import type { LoopCall } from "./loop_calls.ts";
import type { LoopCore } from "./loop_core.ts";
import { READABLE } from "./poller.ts";
import type { Registration } from "./registration.ts";
import { commandOfByte, LOOP_COMMANDS, type LoopCommand, SelfPipe } from "./self_pipe.ts";
import type { FdWaiter, Source } from "./sources.ts";

/** The commands of one loop. */
export class LoopCommands implements FdWaiter, LoopCall {
  readonly waker = undefined;
  readonly #core: LoopCore;
  readonly #stop: () => void;
  readonly #hooks: Readonly<Record<LoopCommand, Hooks>>;
  #pipe: SelfPipe | undefined;
  #source: Source | undefined;
  /** Read, not yet handled. */
  #bytes: number[] = [];
  #next = 0;
  /** Written by this thread, not yet read. */
  #inPipe = 0;
  #hasRemotes = false;
  /** Bytes that were no command. */
  unknown = 0;

  /** `stop` is what `quit` and `exit` do in the end. */
  constructor(core: LoopCore, stop: () => void) {
    this.#core = core;
    this.#stop = stop;
    this.#hooks = Object.fromEntries(
      LOOP_COMMANDS.map((command) => [command, new Hooks()]),
    ) as Record<LoopCommand, Hooks>;
    core.closers.add(() => this.#close());
  }

  /** Commands that are known to be on their way. */
  get pending(): number {
    return this.#bytes.length - this.#next + this.#inPipe + (this.#pipe?.queued ?? 0);
  }

  /** The reading end, -1 before it is opened. */
  get readFd(): number {
    return this.#source?.fd ?? -1;
  }

  /** Calls `fn` at each command of that name. */
  on(command: LoopCommand, fn: () => unknown, onRef?: (change: 1 | -1) => void): Registration {
    return this.#hooks[command].add(fn, onRef);
  }

  /** Sends a command; throws what `SelfPipe.post` throws. */
  post(command: LoopCommand): void {
    const pipe = this.#open();
    const queued = pipe.queued;
    pipe.post(command);
    if (pipe.queued === queued) this.#inPipe++;
    this.#listen();
  }

  /** Other threads may write from now on, to the descriptor that this answers. */
  openRemote(): number {
    const { writeFd } = this.#open();
    this.#hasRemotes = true;
    this.#listen();
    return writeFd;
  }

  #open(): SelfPipe {
    if (this.#core.isClosed) throw new ClosedError("Cannot postpone command: the loop is closed");
    if (this.#pipe === undefined) {
      const pipe = new SelfPipe(this.#core.kernel);
      this.#source = this.#core.sources.own(pipe.readFd);
      this.#pipe = pipe;
    }
    return this.#pipe;
  }

  #listen(): void {
    if (this.#source!.reader === this) return;
    // Only here it is read, to the end each time.
    this.#core.watch(this.#source!, READABLE, this, true);
  }

  /** See {@linkcode FdWaiter}. */
  onReady(): void {
    this.#core.calls.later(this);
  }

  /** See {@linkcode FdWaiter}: the loop was closed. */
  onFailed(): void {}

  /** See {@linkcode FdWaiter}. */
  describe(): string {
    return "self-pipe: commands";
  }

  /** See {@linkcode LoopCall}: reads and handles what came, before what its handlers send. */
  call(): void {
    const pipe = this.#pipe;
    if (pipe === undefined) return;
    const { calls } = this.#core;
    calls.safely("self-pipe", () => {
      const { queued } = pipe;
      for (const byte of pipe.take()) this.#bytes.push(byte);
      this.#inPipe = queued - pipe.queued;
      if (this.#hasRemotes || this.#inPipe > 0) this.#listen();
    });
    // A handler may ask the loop again, and so come here.
    while (this.#next < this.#bytes.length) this.#handle(this.#bytes[this.#next++]!);
    this.#bytes = [];
    this.#next = 0;
  }

  #handle(byte: number): void {
    const command = commandOfByte(byte);
    if (command === undefined) {
      this.unknown++;
      const error = new RangeError(
        `Cannot handle command: byte is ${byte} (must be one of D, G, P, Q, X)`,
      );
      return this.#core.calls.report(error, "self-pipe");
    }
    if (command === "exit") this.#tell("dump");
    this.#tell(command);
    if (command === "quit" || command === "exit") this.#stop();
  }

  #tell(command: LoopCommand): void {
    this.#hooks[command].call(this.#core.calls, `handler of command ${command}`);
  }

  #close(): void {
    const { readFd } = this;
    if (readFd >= 0) {
      this.#core.forget(readFd, new ClosedError("Cannot read commands: the loop is closed"));
    }
    this.#source = undefined;
    this.#pipe?.close();
    this.#pipe = undefined;
    this.#bytes = [];
    this.#next = 0;
    this.#inPipe = 0;
    for (const command of LOOP_COMMANDS) this.#hooks[command].takeAll();
  }
}
