/**
 * File descriptors: an event loop over epoll or kqueue, and a runtime that waits in it.
 *
 * @module
 */

export {
  EV_ADD,
  EV_DELETE,
  EV_ONESHOT,
  EVFILT_READ,
  EVFILT_TIMER,
  EVFILT_WRITE,
  MAX_EVENTS,
  SOURCE_FD_READ,
  SOURCE_FD_WRITE,
  SOURCE_TIMER,
} from "./constants.ts";
export { type NetAddress, type SocketAddress, type UnixAddress } from "./address.ts";
export {
  BusyError,
  IoError,
  ReactorUnavailableError,
  type UnavailableReason,
  UnsupportedError,
} from "./errors.ts";
export { EventLoop, type EventLoopOptions, type LoopEvent } from "./event_loop.ts";
export {
  close,
  eventfd,
  open,
  type OpenOptions,
  pipe,
  read,
  readFull,
  setNonBlocking,
  write,
  writeAll,
} from "./fd_ops.ts";
export type { Bytes, Kernel } from "./kernel.ts";
export { libcPaths } from "./libc.ts";
export type { Os, Platform } from "./platform.ts";
export { type Poller, WAKER_TOKEN } from "./poller.ts";
export {
  type FdLike,
  getReactor,
  reactorInit,
  type ReactorOptions,
  ReactorRuntime,
} from "./reactor_runtime.ts";
export {
  accept,
  connect,
  listen,
  Listener,
  type ListenOptions,
  recv,
  send,
  shutdown,
  streamPair,
} from "./sockets.ts";
export { FdStream, type StreamKind } from "./stream.ts";
export { Registration } from "./registration.ts";
export { TimeoutManager } from "./timeout_manager.ts";
export { bindUdp, type Datagram, DatagramSocket, type UdpOptions } from "./udp.ts";
export {
  processExit,
  watchFiles,
  type WatchEvent,
  FileWatcher,
  type WatchKind,
  type WatchOptions,
} from "./watch.ts";
export {
  reactorBlockOn,
  reactorRun,
  reactorSpawn,
  sleepMs,
  waitReadable,
  waitWritable,
} from "./globals.ts";
