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
export {
  type CommandCallback,
  EventLoop,
  type EventLoopOptions,
  type FdHandlerCallback,
} from "./event_loop.ts";
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
export type { Signal, SignalListener } from "./host_signals.ts";
export type { Bytes, Kernel } from "./kernel.ts";
export { libcPaths } from "./libc.ts";
export type { OnLoopError } from "./loop_calls.ts";
export { LoopExplanation, type SourceExplanation } from "./loop_explanation.ts";
export { accept, listen, Listener, type ListenOptions } from "./listener.ts";
export type { LoopRunOptions } from "./loop_run.ts";
export type { LoopSettings } from "./loop_settings.ts";
export { OwnedFd } from "./owned_fd.ts";
export type { Os, Platform } from "./platform.ts";
export { FAILED, HANGUP, type Poller, READABLE, URGENT, WAKER_TOKEN, WRITABLE } from "./poller.ts";
export {
  type FdLike,
  getReactor,
  reactorInit,
  type ReactorOptions,
  ReactorRuntime,
} from "./reactor_runtime.ts";
export { connect, recv, send, shutdown, streamPair } from "./sockets.ts";
export { FdStream, type StreamKind } from "./stream.ts";
export { Registration } from "./registration.ts";
export { type RemoteHandle, RemoteLoop } from "./remote_loop.ts";
export { type LoopCommand, SelfPipe } from "./self_pipe.ts";
export { type SignalOptions, SignalState } from "./signal_state.ts";
export { SignalStream } from "./signal_stream.ts";
export { TimeoutManager } from "./timeout_manager.ts";
export type { LoopEvent } from "./vais_form.ts";
export { bindUdp, type Datagram, DatagramSocket, type UdpOptions } from "./udp.ts";
export {
  FileWatcher,
  processExit,
  type WatchEvent,
  watchFiles,
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
