/**
 * The functions of the C library that the reactor calls, once for all hosts.
 *
 * A signature is its parameters, then its result: `i` int, `u` unsigned int, `b` buffer (its
 * address; null where the call allows it), `l` long. Lengths are `u`: the upper half of the register
 * is zero then, and no host converts to BigInt.
 *
 * @module
 */

import { ReactorUnavailableError } from "./errors.ts";
import type { Platform } from "./platform.ts";

/** Parameters, and the result as the last letter. */
export type Signatures = Readonly<Record<string, string>>;

const COMMON = {
  read: "ibui",
  write: "ibui",
  close: "ii",
  dup: "ii",
  socket: "iiii",
  bind: "ibui",
  listen: "iii",
  connect: "ibui",
  recv: "ibuii",
  send: "ibuii",
  recvfrom: "ibuibbi",
  sendto: "ibuibui",
  shutdown: "iii",
  getsockname: "ibbi",
  getpeername: "ibbi",
  setsockopt: "iiibui",
  getsockopt: "iiibbi",
  socketpair: "iiibi",
  poll: "buii",
} as const;

const LINUX = {
  ...COMMON,
  open: "biii",
  fcntl: "iiii",
  ioctl: "iubi",
  pipe2: "bii",
  accept4: "ibbii",
  eventfd: "uii",
  epoll_create1: "ii",
  epoll_ctl: "iiibi",
  epoll_wait: "ibiii",
  inotify_init1: "ii",
  inotify_add_watch: "ibui",
  inotify_rm_watch: "iii",
  syscall: "llll",
} as const;

const KQUEUE = {
  ...COMMON,
  open: "biii",
  fcntl: "iiii",
  ioctl: "iubi",
  kqueue: "i",
  kevent: "ibibibi",
} as const;

const FREEBSD = { ...KQUEUE, pipe2: "bii", accept4: "ibbii" } as const;

const DARWIN = { ...KQUEUE, pipe: "bi", accept: "ibbi" } as const;

/** Padding for six registers before what is variadic, where that travels on the stack. */
const ON_STACK = { open: "billllllii", fcntl: "iillllllii", ioctl: "iullllllbi" } as const;

/** What waits, and may be called without blocking the thread where the host can. */
export const WAITING: readonly string[] = ["poll"];

/** The functions there are on a system. */
export function signaturesFor({ os, variadicOnStack }: Platform): Signatures {
  if (os === "linux") return LINUX;
  if (os === "freebsd") return FREEBSD;
  return variadicOnStack ? { ...DARWIN, ...ON_STACK } : DARWIN;
}

/** The raw functions, as a host binds them: they answer -1 and leave the errno. */
// deno-lint-ignore no-explicit-any -- what FFI answers; the only reader is Libc
export type RawSymbols = Readonly<Record<string, (...args: any[]) => any>>;

/** A host's way to the C library. */
export interface Binding {
  /** `"deno"`, `"koffi"` or `"bun"`. */
  readonly via: "deno" | "koffi" | "bun";
  readonly symbols: RawSymbols;
  /** The errno that the last call left in this thread. */
  errno(): number;
  /** A waiting call that does not block the thread; answers its result or -errno. */
  readonly waitAsync: ((name: string, ...args: unknown[]) => Promise<number>) | undefined;
  /** Unloads it. */
  close(): void;
}

/** None of the files that may hold the C library could be opened. */
export function noLibrary(candidates: readonly string[], cause: unknown): ReactorUnavailableError {
  return new ReactorUnavailableError(
    "library",
    `no C library was found (one of these must be there: ${candidates.join(", ")})`,
    { cause },
  );
}
