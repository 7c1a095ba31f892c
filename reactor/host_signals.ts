/**
 * The host's signals: which there are, and listening to them.
 *
 * One host listener per signal serves all who listen here, and is taken off with the last of them,
 * so that what was there before is as it was. Signals go through the host because a library cannot
 * mask them for all threads of a process, which signalfd would need.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import { UnsupportedError } from "./errors.ts";

/** The name of a signal that can be listened for. Systems differ in which they have. */
export type Signal =
  | "SIGHUP"
  | "SIGINT"
  | "SIGQUIT"
  | "SIGTRAP"
  | "SIGABRT"
  | "SIGUSR1"
  | "SIGUSR2"
  | "SIGPIPE"
  | "SIGALRM"
  | "SIGTERM"
  | "SIGCHLD"
  | "SIGCONT"
  | "SIGTSTP"
  | "SIGTTIN"
  | "SIGTTOU"
  | "SIGURG"
  | "SIGXCPU"
  | "SIGXFSZ"
  | "SIGVTALRM"
  | "SIGPROF"
  | "SIGWINCH"
  | "SIGIO"
  | "SIGSYS"
  | "SIGBREAK"
  | "SIGINFO";

/** Somebody who listens. */
export interface SignalListener {
  /** The signal came. Must not throw. */
  onSignal(name: Signal): void;
  /** True when it should end the process, as nobody takes it. */
  isStuckOn(name: Signal): boolean;
}

interface HostProcess {
  on(signal: string, listener: () => void): unknown;
  off(signal: string, listener: () => void): unknown;
  exit(code: number): never;
  getBuiltinModule?(name: string): unknown;
}

const host = globalThis as { process?: HostProcess; Deno?: unknown };

/** They stop or kill whatever listens, or come from a fault that a listener cannot mend. */
const UNCATCHABLE = ["SIGKILL", "SIGSTOP", "SIGFPE", "SIGILL", "SIGSEGV", "SIGBUS"];

function numbers(): Readonly<Record<string, number>> {
  const os = host.process?.getBuiltinModule?.("node:os") as {
    constants: { signals: Record<string, number> };
  } | undefined;
  return os?.constants.signals ?? {};
}

/** The number of a signal here; 0 when it has none. */
export function signalNumber(name: string): number {
  return numbers()[name] ?? 0;
}

/**
 * Answers the names, each once.
 *
 * @throws {TypeError} If one is no string
 * @throws {RangeError} If this system has no such signal, or it cannot be caught
 */
export function checkSignals(names: Iterable<unknown>, action: string): Signal[] {
  const checked = new Set<Signal>();
  for (const name of names) {
    if (typeof name !== "string") {
      throw new TypeError(`Cannot ${action}: signal is ${typeOf(name)} (must be a string)`);
    }
    if (UNCATCHABLE.includes(name)) {
      throw new RangeError(`Cannot ${action}: signal is ${name} (must be one that can be caught)`);
    }
    if (!Object.hasOwn(numbers(), name) && host.process !== undefined) {
      throw new RangeError(
        `Cannot ${action}: signal is ${JSON.stringify(name)} (must be one that this system has)`,
      );
    }
    checked.add(name as Signal);
  }
  return [...checked];
}

/** Those who listen, by signal, and the host's listener for all of them. */
const listened = new Map<Signal, { readonly all: Set<SignalListener>; stop(): void }>();

/**
 * Listens for a signal; answers how to stop.
 *
 * @throws {UnsupportedError} Where the host delivers no signals: in a worker of Node, in a browser
 */
export function listenForSignal(name: Signal, listener: SignalListener): () => void {
  let entry = listened.get(name);
  if (entry === undefined) {
    const all = new Set<SignalListener>();
    entry = { all, stop: openListener(name, () => tell(name, all)) };
    listened.set(name, entry);
  }
  const { all, stop } = entry;
  all.add(listener);
  return () => {
    if (!all.delete(listener) || all.size > 0) return;
    listened.delete(name);
    stop();
  };
}

function openListener(name: Signal, onSignal: () => void): () => void {
  const { process } = host;
  if (process === undefined) {
    throw new UnsupportedError(`Cannot listen for ${name}: this host has no signals`);
  }
  const threads = process.getBuiltinModule?.("node:worker_threads") as
    | { readonly isMainThread: boolean }
    | undefined;
  // Deno delivers them to its workers as well.
  if (threads?.isMainThread === false && host.Deno === undefined) {
    throw new UnsupportedError(
      `Cannot listen for ${name}: a worker gets no signals (listen in the main thread, and wake this one through EventLoop.remote)`,
    );
  }
  try {
    process.on(name, onSignal);
  } catch (cause) {
    throw new UnsupportedError(`Cannot listen for ${name}: the host refuses it`, { cause });
  }
  return () => process.off(name, onSignal);
}

function tell(name: Signal, all: Set<SignalListener>): void {
  const told = [...all];
  for (const listener of told) if (all.has(listener)) listener.onSignal(name);
  if (told.every((listener) => listener.isStuckOn(name))) forceExit(name);
}

/** Ends the process as the signal would have, after the program's own listeners have heard of it. */
export function forceExit(name: Signal): void {
  queueMicrotask(() => host.process?.exit(128 + signalNumber(name)));
}
