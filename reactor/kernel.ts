/**
 * The system calls the reactor makes, as functions that answer a result or minus an errno.
 *
 * The real ones are `Libc`; a simulation brings its own. Nothing here throws, retries or waits.
 *
 * @module
 */

import type { Parker } from "../runtime/parker.ts";
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
  /** True when only the program itself can make a descriptor ready: then a deadlock can be told. */
  readonly isSimulated?: boolean;
  /** Where a runtime with this kernel waits; `poll` takes what is ready. Default: in the kernel. */
  makeParker?(poll: () => boolean): Parker;
  /** A new queue to wait with. */
  createPoller(maxEvents: number): Poller;
  /** Bytes read into `buffer`. */
  read(fd: number, buffer: Bytes): number;
  /** Bytes written of the first `length` of `buffer`, default all. */
  write(fd: number, buffer: Bytes, length?: number): number;
  /** Closes it. */
  close(fd: number): number;
  /** A duplicate, not inherited. */
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
  /** Gives a socket its address. */
  bind(fd: number, address: Bytes): number;
  /** Lets a socket be connected to. */
  listen(fd: number, backlog: number): number;
  /** A non-blocking connection; its peer's address goes to `address`, its length to `length`. */
  accept(fd: number, address: Bytes, length: Int32Array): number;
  /** Connects a socket. */
  connect(fd: number, address: Bytes): number;
  /** Bytes received from the connected peer. */
  recv(fd: number, buffer: Bytes, flags: number): number;
  /** Bytes sent to the connected peer. */
  send(fd: number, buffer: Bytes, flags: number, length?: number): number;
  /** Bytes of a datagram; its sender's address goes to `address`, its length to `length`. */
  recvfrom(fd: number, buffer: Bytes, flags: number, address: Bytes, length: Int32Array): number;
  /** Bytes of a datagram sent. */
  sendto(fd: number, buffer: Bytes, flags: number, address: Bytes): number;
  /** Ends reading (0), writing (1) or both (2). */
  shutdown(fd: number, how: number): number;
  /** Its own address goes to `address`, its length to `length`. */
  getsockname(fd: number, address: Bytes, length: Int32Array): number;
  /** Its peer's address goes to `address`, its length to `length`. */
  getpeername(fd: number, address: Bytes, length: Int32Array): number;
  /** Sets an option. */
  setsockopt(fd: number, level: number, option: number, value: Int32Array): number;
  /** Reads an option. */
  getsockopt(fd: number, level: number, option: number, value: Int32Array): number;
  /** Commands a device. */
  ioctl(fd: number, request: number, argument: Bytes): number;
  /** Linux: a counter that is readable while it is not 0. */
  eventfd(initial: number): number;
  /** Linux: readable once the process has ended. */
  pidfdOpen(pid: number): number;
  /** Linux: a descriptor that tells changes of files. */
  inotifyInit(): number;
  /** Linux: watches a path. */
  inotifyAddWatch(fd: number, path: string, mask: number): number;
  /** Linux: watches it no more. */
  inotifyRemoveWatch(fd: number, watch: number): number;
}
