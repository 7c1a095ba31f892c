/**
 * What an event loop is doing: a snapshot for people and programs.
 *
 * @module
 */

import type { LoopCommands } from "./loop_commands.ts";
import type { LoopCore } from "./loop_core.ts";

/** One wait for a descriptor. */
export interface SourceExplanation {
  /** The descriptor. */
  readonly fd: number;
  /** What is waited for. */
  readonly direction: "read" | "write";
  /** By whom: a handler's explanation, an operation, `"waker"`. */
  readonly explanation: string;
}

/** A snapshot of an event loop; made by `EventLoop.explain`. Plain data, and `toString()`. */
export class LoopExplanation {
  /** Which kernel interface it uses, or would. */
  readonly backend: "epoll" | "kqueue" | "none";
  /** Who makes the system calls: `"deno"`, `"koffi"`, `"bun"`; undefined before the first. */
  readonly via: string | undefined;
  /** `"new"` until something must be waited for. */
  readonly state: "new" | "open" | "closed";
  /** Inside `EventLoop.run`. */
  readonly running: boolean;
  /** The kernel's queue; undefined unless open. */
  readonly queueFd: number | undefined;
  /** Where it is woken; undefined unless open. */
  readonly wakeFd: number | undefined;
  /** Other threads may wake it. */
  readonly remote: boolean;
  /** Times the kernel was asked. */
  readonly polls: number;
  /** Events taken. */
  readonly taken: number;
  /** Events of descriptors that were gone, and dropped. */
  readonly stale: number;
  /** Wakes taken; several in a row are one. */
  readonly wakes: number;
  /** Waits for descriptors, by number. */
  readonly sources: readonly SourceExplanation[];
  /** Timers pending. */
  readonly timers: number;
  /** Ms until the earliest; undefined when there is none. */
  readonly nextTimeoutMs: number | undefined;
  /** Commands on their way, as far as this thread knows. */
  readonly commandsPending: number;
  /** Bytes that were no command. */
  readonly commandsUnknown: number;
  /** Prepollers registered. */
  readonly prepollers: number;
  /** Registrations that keep `run` going. */
  readonly referenced: number;

  /** @internal */
  constructor(core: LoopCore, commands: LoopCommands, running: boolean) {
    const { sources, timeouts, openPoller } = core;
    const nextMs = timeouts.nextTimeout();
    this.backend = core.backend;
    this.via = core.openedKernel?.via;
    this.state = core.isClosed ? "closed" : openPoller === undefined ? "new" : "open";
    this.running = running;
    this.queueFd = openPoller?.fd;
    this.wakeFd = openPoller?.wakeFd;
    this.remote = core.isRemote;
    this.polls = core.polls;
    this.taken = core.taken;
    this.stale = sources.stale;
    this.wakes = sources.wakes;
    this.sources = [...sources.waited()].flatMap(({ fd, reader, writer }) => {
      const of = (direction: "read" | "write", waiter: typeof reader): SourceExplanation[] =>
        waiter === undefined ? [] : [{ fd, direction, explanation: waiter.describe() }];
      return [...of("read", reader), ...of("write", writer)];
    });
    this.timers = timeouts.pendingTimeouts;
    this.nextTimeoutMs = nextMs === Infinity ? undefined : nextMs;
    this.commandsPending = commands.pending;
    this.commandsUnknown = commands.unknown;
    this.prepollers = core.prepollers.size;
    this.referenced = core.refs;
  }

  /** A line for the loop, then one for each wait. */
  toString(): string {
    const { timers, nextTimeoutMs, commandsPending, commandsUnknown, prepollers } = this;
    const facts = [
      `${this.backend}${this.via === undefined ? "" : ` via ${this.via}`}`,
      this.running ? `${this.state}, running` : this.state,
      ...(this.queueFd === undefined ? [] : [`queue fd ${this.queueFd}, wakes fd ${this.wakeFd}`]),
      ...(this.remote ? ["reached by other threads"] : []),
      `${this.polls} polls, ${this.taken} events, ${this.stale} stale, ${this.wakes} wakes`,
      `${timers} timer${timers === 1 ? "" : "s"}` +
      (nextTimeoutMs === undefined ? "" : `, next in ${nextTimeoutMs.toFixed(1)} ms`),
      ...(commandsPending + commandsUnknown === 0
        ? []
        : [`${commandsPending} commands pending, ${commandsUnknown} unknown`]),
      ...(prepollers === 0 ? [] : [`${prepollers} prepollers`]),
    ];
    const lines = this.sources.map(({ fd, direction, explanation }) =>
      `  fd ${fd} ${direction}: ${explanation}`
    );
    return [`event loop: ${facts.join("; ")}`, ...lines].join("\n");
  }
}
