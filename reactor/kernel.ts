/**
 * The system calls the reactor makes, as functions that answer a result or minus an errno.
 *
 * The real ones are `Libc`; a simulation brings its own. Nothing here throws, retries or waits.
 *
 * @module
 */

import type { Platform } from "./platform.ts";
import type { Poller } from "./poller.ts";

/** Bytes as the kernel takes them. */
export type Bytes = Uint8Array;

/**
 * A system of file descriptors.
 *
 * Every call answers what the system call of that name does, or `-errno`; interrupted calls are not
 * repeated.
 */
export interface Kernel {
  /** Its numbers. */
  readonly platform: Platform;
  /** Who makes the calls: `"deno"`, `"koffi"`, `"bun"`, or a simulation. */
  readonly via: string;
  /** A new queue to wait with. */
  createPoller(maxEvents: number): Poller;
  /** Bytes read into `buffer`. */
  read(fd: number, buffer: Bytes): number;
  /** Bytes written of `buffer`. */
  write(fd: number, buffer: Bytes): number;
  close(fd: number): number;
  dup(fd: number): number;
  /** A descriptor of a path, non-blocking and not inherited. */
  open(path: string, flags: number, mode: number): number;
  /** Makes an existing descriptor non-blocking or blocking. */
  setNonBlocking(fd: number, on: boolean): number;
  /** Both ends go to `ends`: read, write; non-blocking. */
  pipe(ends: Int32Array): number;
  /** Both ends go to `ends`; non-blocking. */
  socketpair(family: number, type: number, ends: Int32Array): number;
  /** A non-blocking socket. */
  socket(family: number, type: number): number;
  bind(fd: number, address: Bytes): number;
  listen(fd: number, backlog: number): number;
  /** A non-blocking connection; its peer's address goes to `address`, its length to `length`. */
  accept(fd: number, address: Bytes, length: Int32Array): number;
  connect(fd: number, address: Bytes): number;
  recv(fd: number, buffer: Bytes, flags: number): number;
  send(fd: number, buffer: Bytes, flags: number): number;
  recvfrom(fd: number, buffer: Bytes, flags: number, address: Bytes, length: Int32Array): number;
  sendto(fd: number, buffer: Bytes, flags: number, address: Bytes): number;
  shutdown(fd: number, how: number): number;
  getsockname(fd: number, address: Bytes, length: Int32Array): number;
  getpeername(fd: number, address: Bytes, length: Int32Array): number;
  setsockopt(fd: number, level: number, option: number, value: Int32Array): number;
  getsockopt(fd: number, level: number, option: number, value: Int32Array): number;
  ioctl(fd: number, request: number, argument: Bytes): number;
  /** Linux: a counter that is readable while it is not 0. */
  eventfd(initial: number): number;
  /** Linux: readable once the process has ended. */
  pidfdOpen(pid: number): number;
  inotifyInit(): number;
  inotifyAddWatch(fd: number, path: string, mask: number): number;
  inotifyRemoveWatch(fd: number, watch: number): number;
}
