/**
 * What the hosts' `node:worker_threads` gives, typed as far as it is used; loaded when first needed.
 *
 * Deno has it too. Threads are web workers there, but its ports do what web ports do not: they need
 * not hold the process, they give a message synchronously, and they tell when the other end is gone.
 *
 * @module
 */

/** A message port, this thread's end. */
export interface HostPort {
  /** Handler of messages, web style; setting it starts the port. */
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  /** Sends; `transfer` is moved, not copied. */
  postMessage(message: unknown, transfer?: readonly object[]): void;
  /** Handler of what cannot be read here. */
  onmessageerror: ((event: { readonly data: unknown }) => void) | null;
  /** The other end is closed, or its thread is over: on ports of {@linkcode HostThreads}. */
  on(event: "close", handler: () => void): void;
  /** Holds the thread's event loop. */
  ref(): void;
  /** Does not. */
  unref(): void;
  /** Closes both ends. */
  close(): void;
}

/** Limits of a thread, where the host has them (Node, not Deno). In MiB. */
export interface WorkerResourceLimits {
  /** Heap. */
  readonly maxOldGenerationSizeMb?: number;
  /** Heap for new objects. */
  readonly maxYoungGenerationSizeMb?: number;
  /** Memory for compiled code. */
  readonly codeRangeSizeMb?: number;
  /** Stack. */
  readonly stackSizeMb?: number;
}

/** A thread of {@linkcode HostThreads}. */
export interface HostThread {
  /** What it threw. */
  on(event: "error", handler: (error: unknown) => void): void;
  /** It is over. */
  on(event: "exit", handler: (exitCode: number) => void): void;
  /** Ends it, whatever it does. */
  terminate(): Promise<unknown>;
  /** Holds the process. */
  ref(): void;
  /** Does not. */
  unref(): void;
}

/** The module. */
export interface HostThreads {
  /** Two connected ports. */
  MessageChannel: new () => { readonly port1: HostPort; readonly port2: HostPort };
  /** Starts a thread. */
  Worker: new (entry: URL, options: {
    readonly name: string;
    readonly workerData: unknown;
    readonly transferList: readonly object[];
    readonly resourceLimits?: WorkerResourceLimits;
    readonly execArgv?: readonly string[];
  }) => HostThread;
  /** Takes the oldest message off a port, if there is one. */
  receiveMessageOnPort(port: HostPort): { readonly message: unknown } | undefined;
  /** What the thread was started with; `null` in the first one. */
  readonly workerData: unknown;
}

/** The part of `process` that is used. */
export interface HostProcess {
  /** How Node was started. */
  readonly execArgv: readonly string[];
  /** A module of the host's, synchronously. */
  getBuiltinModule?(name: string): unknown;
  /** Told of every error that nobody caught; changes nothing. */
  on(event: "uncaughtExceptionMonitor", handler: (error: unknown) => void): void;
  /** Told when the thread ends itself. */
  on(event: "exit", handler: (exitCode: number) => void): void;
  /** Ends the thread. */
  exit(code: number): never;
}

/**
 * A message as it is posted to a thread that may take it synchronously. Deno looks there for ports in all
 * that the message owns, byte by byte: 7 ms for 64 KiB. It does not look into sets.
 */
export function wrapped(message: unknown): unknown {
  return "Deno" in globalThis ? new Set([message]) : message;
}

/** Undoes {@linkcode wrapped}. */
export function unwrapped(message: unknown): unknown {
  return "Deno" in globalThis ? (message as Set<unknown>).values().next().value : message;
}

/** `process`, where there is one. */
export function hostProcess(): HostProcess | undefined {
  return (globalThis as { process?: HostProcess }).process;
}

let loaded: HostThreads | undefined;

/** The module, or `undefined` on a host without it. The first call takes 15 ms on Deno. */
export function hostThreads(): HostThreads | undefined {
  loaded ??= hostProcess()?.getBuiltinModule?.("node:worker_threads") as HostThreads | undefined;
  return loaded;
}
