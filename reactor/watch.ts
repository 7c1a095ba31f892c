/**
 * Linux: changes of files (inotify) and the end of processes (pidfd), as futures.
 *
 * @module
 */

import { checkInteger, typeOf } from "../runtime/clock.ts";
import { Future } from "../runtime/future.ts";
import { WAKE_OUTSIDE, type WakeSource } from "../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import { EINTR } from "./errno.ts";
import { IoError } from "./errors.ts";
import { FdReady, type Reactor } from "./fd_op.ts";
import { closeIn } from "./fd_ops.ts";
import { OwnedFd, OwnedOp, untilClosed } from "./owned_fd.ts";
import { READABLE } from "./poller.ts";
import { checkInt, currentReactor } from "./reactor_runtime.ts";

/** A kind of change. */
export type WatchKind =
  | "access"
  | "modify"
  | "attributes"
  | "closeWrite"
  | "closeNoWrite"
  | "open"
  | "movedFrom"
  | "movedTo"
  | "create"
  | "delete"
  | "deleteSelf"
  | "moveSelf";

const MASKS: Readonly<Record<WatchKind, number>> = {
  access: 0x1,
  modify: 0x2,
  attributes: 0x4,
  closeWrite: 0x8,
  closeNoWrite: 0x10,
  open: 0x20,
  movedFrom: 0x40,
  movedTo: 0x80,
  create: 0x100,
  delete: 0x200,
  deleteSelf: 0x400,
  moveSelf: 0x800,
};

const UNMOUNT = 0x2000;
const OVERFLOW = 0x4000;
const IGNORED = 0x8000;
const IS_DIRECTORY = 0x4000_0000;

const DEFAULT_KINDS: readonly WatchKind[] = [
  "modify",
  "attributes",
  "closeWrite",
  "movedFrom",
  "movedTo",
  "create",
  "delete",
  "deleteSelf",
  "moveSelf",
];

/** A change of what is watched. */
export interface WatchEvent {
  /** What happened; `overflow`: changes were lost; `ended`: the watched thing is gone. */
  readonly kind: WatchKind | "overflow" | "ended";
  /** The path that is watched; `""` for `overflow`. */
  readonly path: string;
  /** The entry, when a directory is watched; else `""`. */
  readonly name: string;
  /** Whether the entry is a directory. */
  readonly isDirectory: boolean;
  /** The same for both halves of a move within what is watched; else 0. */
  readonly cookie: number;
}

/** How to watch. */
export interface WatchOptions {
  /** Which changes; default all but reading. */
  readonly kinds?: readonly WatchKind[];
}

const EVENT_HEADER_BYTES = 16;
const BUFFER_BYTES = 16_384;
const decoder = new TextDecoder();

/**
 * Watches files and directories, as inotify does: a directory's entries, not what is below them.
 *
 * @throws {UnsupportedError} Where there is no inotify
 * @throws {IoError} `ENOENT`, `EACCES`, `ENOSPC` (the system's limit of watches)
 *
 * @example
 * ```ts ignore
 * using watcher = watchFiles("app.log", { kinds: ["modify"] });
 * for await (const { kind } of watcher) console.log(kind);
 * ```
 */
export function watchFiles(
  paths: string | readonly string[],
  options: WatchOptions = {},
): FileWatcher {
  const list = typeof paths === "string" ? [paths] : paths;
  if (!Array.isArray(list) || list.some((path) => typeof path !== "string")) {
    throw new TypeError(`Cannot watch: paths is ${typeOf(paths)} (must be a string or strings)`);
  }
  let mask = 0;
  for (const kind of options.kinds ?? DEFAULT_KINDS) {
    if (!Object.hasOwn(MASKS, kind)) {
      throw new RangeError(
        `Cannot watch: kind is ${kind} (must be one of ${Object.keys(MASKS).join(", ")})`,
      );
    }
    mask |= MASKS[kind];
  }
  if (mask === 0) throw new RangeError("Cannot watch: kinds is empty (must name a kind)");
  const reactor = currentReactor();
  const { kernel } = reactor.loop;
  const fd = kernel.inotifyInit();
  if (fd < 0) throw new IoError("inotify_init1", -fd);
  const watcher = new FileWatcher(reactor, fd, mask);
  try {
    for (const path of list) watcher.add(path);
  } catch (error) {
    watcher.close();
    throw error;
  }
  return watcher;
}

/** Changes as they come; made by {@linkcode watchFiles}. */
export class FileWatcher extends OwnedFd
  implements AsyncIterable<WatchEvent>, Iterable<Future<WatchEvent>> {
  readonly #mask: number;
  readonly #paths = new Map<number, string>();
  readonly #queue: WatchEvent[] = [];

  /** @internal */
  constructor(reactor: Reactor, fd: number, mask: number) {
    super(reactor, fd);
    this.#mask = mask;
  }

  /** Watches another path. */
  add(path: string): void {
    this.mustBeOpen("watch");
    const id = this.reactor.loop.kernel.inotifyAddWatch(this.fd, path, this.#mask);
    if (id < 0) throw new IoError("inotify_add_watch", -id, this.fd, JSON.stringify(path));
    this.#paths.set(id, path);
  }

  /** Watches a path no more; false when it was not watched. */
  remove(path: string): boolean {
    for (const [id, known] of this.#paths) {
      if (known !== path) continue;
      this.#paths.delete(id);
      this.reactor.loop.kernel.inotifyRemoveWatch(this.fd, id);
      return true;
    }
    return false;
  }

  /**
   * The next change; waits for one. Cancelled, none is lost.
   *
   * @throws {BusyError} If somebody else waits for one
   * @throws {ClosedError} If it is closed, also meanwhile
   */
  next(): Future<WatchEvent> {
    return new NextEvent(this, this.#queue, this.#paths);
  }

  /** Futures of the changes, for generator tasks. Never ends by itself. */
  *[Symbol.iterator](): Generator<Future<WatchEvent>> {
    for (;;) yield this.next();
  }

  /** The changes, until it is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent> {
    yield* untilClosed(this, () => this.next());
  }
}

class NextEvent extends OwnedOp<WatchEvent> {
  readonly #queue: WatchEvent[];
  readonly #paths: Map<number, string>;

  constructor(own: OwnedFd, queue: WatchEvent[], paths: Map<number, string>) {
    super(own, READABLE);
    this.#queue = queue;
    this.#paths = paths;
  }

  protected attempt(): Poll<WatchEvent> {
    this.settle("watch");
    const { kernel } = this.reactor.loop;
    for (;;) {
      const event = this.#queue.shift();
      if (event !== undefined) return event;
      const buffer = new Uint8Array(BUFFER_BYTES);
      const n = kernel.read(this.fd, buffer);
      if (n === -kernel.platform.EAGAIN) return PENDING;
      if (n > 0) this.#decode(buffer.subarray(0, n));
      else if (n !== -EINTR) throw new IoError("read", -n, this.fd);
    }
  }

  /** `struct inotify_event`: int wd, uint32 mask, cookie, len; then the name, padded with zeros. */
  #decode(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.byteLength;) {
      const id = view.getInt32(at, true);
      const mask = view.getUint32(at + 4, true);
      const cookie = view.getUint32(at + 8, true);
      const length = view.getUint32(at + 12, true);
      const name = bytes.subarray(at + EVENT_HEADER_BYTES, at + EVENT_HEADER_BYTES + length);
      const end = name.indexOf(0);
      at += EVENT_HEADER_BYTES + length;
      const path = this.#paths.get(id);
      if (path === undefined && (mask & OVERFLOW) === 0) continue; // removed meanwhile
      if ((mask & IGNORED) !== 0) this.#paths.delete(id);
      this.#queue.push({
        kind: kindOf(mask),
        path: path ?? "",
        name: decoder.decode(end < 0 ? name : name.subarray(0, end)),
        isDirectory: (mask & IS_DIRECTORY) !== 0,
        cookie,
      });
    }
  }
}

function kindOf(mask: number): WatchEvent["kind"] {
  if ((mask & OVERFLOW) !== 0) return "overflow";
  if ((mask & (IGNORED | UNMOUNT)) !== 0) return "ended";
  for (const [kind, bit] of Object.entries(MASKS)) {
    if ((mask & bit) !== 0) return kind as WatchKind;
  }
  return "ended";
}

/**
 * Ready once the process has ended, whoever started it.
 *
 * Its exit code is its parent's to have. Linux 5.3 or newer.
 *
 * @throws {IoError} `ESRCH` if there is no such process
 * @throws {UnsupportedError} Where there is no pidfd
 *
 * @example
 * ```ts ignore
 * yield* processExit(child.pid).timeout(5_000);
 * ```
 */
export function processExit(pid: number): Future<void> {
  checkInteger(pid, 1, "wait for process", "pid");
  checkInt(pid, "wait for process", "pid");
  return new ProcessExit(currentReactor(), pid);
}

class ProcessExit extends Future<void> {
  readonly #reactor: Reactor;
  readonly #pid: number;
  #fd = -1;
  #ready: FdReady | undefined;
  #isOver = false;

  constructor(reactor: Reactor, pid: number) {
    super();
    this.#reactor = reactor;
    this.#pid = pid;
  }

  poll(waker: Waker): Poll<void> {
    if (this.#isOver) return undefined;
    if (this.#ready === undefined) {
      const { kernel, sources } = this.#reactor.loop;
      const fd = kernel.pidfdOpen(this.#pid);
      if (fd < 0) throw new IoError("pidfd_open", -fd, -1, `of process ${this.#pid}`);
      sources.own(fd);
      this.#fd = fd;
      this.#ready = new FdReady(this.#reactor, fd, READABLE);
    }
    try {
      if (this.#ready.poll(waker) === PENDING) return PENDING;
    } catch (error) {
      this.#close();
      throw error;
    }
    this.#isOver = true;
    this.#close();
    return undefined;
  }

  override cancel(): void {
    this.#ready?.cancel();
    this.#ready = undefined;
    this.#close();
  }

  #close(): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0) closeIn(this.#reactor, fd);
  }

  override describe(): string {
    return `exit of process ${this.#pid}`;
  }

  override get source(): WakeSource {
    return WAKE_OUTSIDE;
  }

  /** @internal */
  override get home(): Reactor["host"] {
    return this.#reactor.host;
  }
}
