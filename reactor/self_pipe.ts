/**
 * Commands as bytes in a pipe, from RefPerSys: `D`ump, `G`arbage collect, `P`rocess, `Q`uit, e`X`it.
 *
 * The pipe orders the commands of all threads: first in, first out. A byte is written at once; when
 * the pipe is full it waits in memory, behind those that wait already, for the next `take`, which
 * makes room. So none is dropped, and nobody is blocked.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import { ClosedError } from "../runtime/errors.ts";
import { EINTR } from "./errno.ts";
import { IoError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { openLibc } from "./libc.ts";

/** A command to an event loop. */
export type LoopCommand = "dump" | "garbage_collect" | "process" | "quit" | "exit";

const BYTES: Readonly<Record<LoopCommand, number>> = {
  dump: 0x44,
  garbage_collect: 0x47,
  process: 0x50,
  quit: 0x51,
  exit: 0x58,
};

/** Bytes read at once. */
const READ_BYTES = 128;

/** The commands there are. */
export const LOOP_COMMANDS = Object.keys(BYTES) as readonly LoopCommand[];

/**
 * The byte of a command.
 *
 * @throws {TypeError | RangeError} If it is none
 */
export function byteOfCommand(command: LoopCommand, action: string): number {
  if (typeof command !== "string") {
    throw new TypeError(`Cannot ${action}: command is ${typeOf(command)} (must be a string)`);
  }
  if (!Object.hasOwn(BYTES, command)) {
    throw new RangeError(
      `Cannot ${action}: command is ${JSON.stringify(command)} (must be one of ${
        LOOP_COMMANDS.join(", ")
      })`,
    );
  }
  return BYTES[command];
}

/** The command of a byte; undefined when it is none. */
export function commandOfByte(byte: number): LoopCommand | undefined {
  return LOOP_COMMANDS.find((command) => BYTES[command] === byte);
}

/** The writing side: bytes go to a descriptor at once, or wait for room, in order. */
export class CommandWriter {
  readonly #kernel: Kernel;
  readonly #fd: number;
  readonly #byte = new Uint8Array(1);
  #queue: number[] = [];

  /** Over a non-blocking descriptor. */
  constructor(kernel: Kernel, fd: number) {
    this.#kernel = kernel;
    this.#fd = fd;
  }

  /** Bytes that wait for room. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Writes the byte, or queues it; throws `IoError`. */
  post(byte: number): void {
    this.#queue.push(byte);
    if (this.#queue.length === 1) this.flush();
  }

  /** Writes what there is room for; answers true when nothing is left. */
  flush(): boolean {
    let written = 0;
    try {
      while (written < this.#queue.length && this.#write(this.#queue[written]!)) written++;
    } finally {
      this.#queue = this.#queue.slice(written);
    }
    return this.#queue.length === 0;
  }

  #write(byte: number): boolean {
    this.#byte[0] = byte;
    for (;;) {
      const n = this.#kernel.write(this.#fd, this.#byte);
      if (n === 1) return true;
      if (n === -this.#kernel.platform.EAGAIN) return false;
      if (n !== -EINTR) throw new IoError("write", -n, this.#fd);
    }
  }
}

interface Ends {
  readonly readFd: number;
  readonly writeFd: number;
  readonly writer: CommandWriter;
}

/**
 * A non-blocking pipe of commands, opened when first needed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { SelfPipe } from "@vais/runtime/reactor";
 *
 * using pipe = new SelfPipe();
 * pipe.post("dump");
 * pipe.post("quit");
 * assertEquals(String.fromCharCode(...pipe.take()), "DQ");
 * ```
 */
export class SelfPipe implements Disposable {
  #kernel: Kernel | undefined;
  #ends: Ends | undefined;
  readonly #buffer = new Uint8Array(READ_BYTES);
  #isClosed = false;

  /** Opens nothing yet; default: a pipe of this system. */
  constructor(kernel?: Kernel) {
    this.#kernel = kernel;
  }

  /** True once the pipe was opened, until it is closed. */
  get isOpen(): boolean {
    return this.#ends !== undefined;
  }

  /** Where commands are read; opened here. Throws `ReactorUnavailableError`, `ClosedError`, `IoError`. */
  get readFd(): number {
    return this.#open().readFd;
  }

  /** Where their bytes are written, by any thread; opened here. */
  get writeFd(): number {
    return this.#open().writeFd;
  }

  /** Commands of this thread that wait for room in the pipe. */
  get queued(): number {
    return this.#ends?.writer.queued ?? 0;
  }

  #open(): Ends {
    if (this.#ends !== undefined) return this.#ends;
    if (this.#isClosed) throw new ClosedError("Cannot use self-pipe: it is closed");
    const kernel = this.#kernel ??= openLibc();
    const ends = new Int32Array(2);
    const answer = kernel.pipe(ends);
    if (answer < 0) throw new IoError("pipe", -answer);
    const [readFd, writeFd] = ends as unknown as [number, number];
    return this.#ends = { readFd, writeFd, writer: new CommandWriter(kernel, writeFd) };
  }

  /**
   * Writes the command's byte, at once or as soon as there is room.
   *
   * @throws {TypeError | RangeError} If there is no such command
   * @throws {ClosedError} If it is closed
   * @throws {ReactorUnavailableError} Where there are no pipes
   */
  post(command: LoopCommand): void {
    const byte = byteOfCommand(command, "post command");
    this.#open().writer.post(byte);
  }

  /** Takes the bytes there are, in order, and writes those that waited for room. */
  take(): number[] {
    const taken: number[] = [];
    if (this.#ends === undefined) return taken;
    const { readFd, writer } = this.#ends;
    const { platform } = this.#kernel!;
    for (;;) {
      const n = this.#kernel!.read(readFd, this.#buffer);
      for (let i = 0; i < n; i++) taken.push(this.#buffer[i]!);
      if (n === READ_BYTES || n === -EINTR) continue;
      if (n >= 0 || n === -platform.EAGAIN) break;
      throw new IoError("read", -n, readFd);
    }
    writer.flush();
    return taken;
  }

  /** Closes both ends; what was not taken is lost. Idempotent. */
  close(): void {
    this.#isClosed = true;
    const ends = this.#ends;
    if (ends === undefined) return;
    this.#ends = undefined;
    this.#kernel!.close(ends.readFd);
    this.#kernel!.close(ends.writeFd);
  }

  /** As {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
