/**
 * Ways to sleep until the kernel's queue has something, while the host goes on.
 *
 * @module
 */

import type { Koffi } from "./binding_koffi.ts";
import { loadKoffi } from "./binding_koffi.ts";
import type { LoopCore } from "./loop_core.ts";

/** One way to be told that the kernel's queue has something; a sleep keeps the process alive. */
export interface Sleeper {
  /** From now on `onWake` is called after something was taken. */
  begin(): void;
  /** The sleep is over, whoever ended it. */
  end(): void;
  /** Nobody drives the runtime any more: nothing of this may keep the process alive. */
  rest(): void;
  /** Frees what it holds; the queue is about to be closed. */
  close(): void;
}

/**
 * A blocking wait in a thread of the host's (Deno's nonblocking FFI).
 *
 * It outlives the sleep: when something else ended that, the wait goes on, and tells what comes.
 */
class ThreadSleeper implements Sleeper {
  readonly #loop: LoopCore;
  readonly #onWake: () => void;
  #isWaiting = false;

  constructor(loop: LoopCore, onWake: () => void) {
    this.#loop = loop;
    this.#onWake = onWake;
  }

  begin(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#loop.waitAsync().then(this.#awake, this.#awake);
  }

  readonly #awake = (): void => {
    this.#isWaiting = false;
    this.#onWake();
  };

  end(): void {}

  rest(): void {
    this.#loop.rest();
  }

  close(): void {}
}

/** What is used of libuv, which Node is linked with. */
interface Uv {
  start(handle: unknown, events: number, callback: unknown): number;
  stop(handle: unknown): number;
  close(handle: unknown, callback: null): void;
}

const UV_POLL = 8;
const UV_READABLE = 1;

let uvPollCallback: unknown;

/**
 * Node's own loop watches the queue: a `uv_poll` handle on its descriptor, no thread.
 *
 * To start and stop the handle is dear, so it stays started between sleeps. It is told again and
 * again while the queue has something: what it is told while nobody sleeps stops it.
 */
class UvSleeper implements Sleeper {
  readonly #koffi: Koffi;
  readonly #uv: Uv;
  readonly #handle: unknown;
  readonly #callback: unknown;
  #isStarted = false;
  #isSleeping = false;

  constructor(koffi: Koffi, loop: LoopCore, onWake: () => void) {
    this.#koffi = koffi;
    const node = koffi.load(null);
    uvPollCallback ??= koffi.proto("void VaisUvPoll(void* handle, int status, int events)");
    this.#uv = {
      start: node.func("int uv_poll_start(void*, int, VaisUvPoll*)"),
      stop: node.func("int uv_poll_stop(void*)"),
      close: node.func("void uv_close(void*, void*)") as unknown as Uv["close"],
    };
    const size = node.func("size_t uv_handle_size(int)")(UV_POLL);
    this.#handle = koffi.alloc("uint8_t", Number(size));
    const uvLoop = (node.func("void* uv_default_loop()") as unknown as () => unknown)();
    const answer = node.func("int uv_poll_init(void*, void*, int)")(
      uvLoop,
      this.#handle,
      loop.poller.fd,
    );
    if (answer !== 0) {
      koffi.free(this.#handle);
      throw new Error(`uv_poll_init answered ${answer}`);
    }
    this.#callback = koffi.register(() => {
      if (!this.#isSleeping) return this.#stop();
      this.#isSleeping = false;
      try {
        loop.poll();
        onWake();
      } catch (error) {
        // Whoever calls from native code hears of no error.
        queueMicrotask(() => {
          throw error;
        });
      }
      // Where the microtasks are not run after a callback of native code, this does it.
      setImmediate(nothing);
    }, koffi.pointer(uvPollCallback));
  }

  begin(): void {
    this.#isSleeping = true;
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#uv.start(this.#handle, UV_READABLE, this.#callback);
  }

  end(): void {
    this.#isSleeping = false;
  }

  #stop(): void {
    this.#isSleeping = false;
    if (!this.#isStarted) return;
    this.#isStarted = false;
    this.#uv.stop(this.#handle);
  }

  rest(): void {
    this.#stop();
  }

  close(): void {
    this.#stop();
    this.#uv.close(this.#handle, null);
    // libuv lets go of the handle at the end of its turn.
    setImmediate(() =>
      setImmediate(() => {
        this.#koffi.unregister(this.#callback);
        this.#koffi.free(this.#handle);
      })
    );
  }
}

function nothing(): void {}

declare function setImmediate(callback: () => void): unknown;

/**
 * Asks now and then, less and less often: for Bun, which can do neither, and for workers of Node,
 * whose loop must be empty when they are terminated (Node aborts otherwise).
 */
class AskingSleeper implements Sleeper {
  readonly #loop: LoopCore;
  readonly #onWake: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ms = 0;

  constructor(loop: LoopCore, onWake: () => void) {
    this.#loop = loop;
    this.#onWake = onWake;
  }

  begin(): void {
    this.#ms = 0.5;
    this.#ask();
  }

  #ask(): void {
    this.#ms = Math.min(10, this.#ms * 1.5);
    this.#timer = setTimeout(() => {
      if (this.#loop.poll() > 0 || this.#loop.lastCount > 0) this.#onWake();
      else this.#ask();
    }, this.#ms);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  rest(): void {}

  close(): void {
    this.end();
  }
}

interface NodeThreads {
  getBuiltinModule?(name: string): { readonly isMainThread: boolean } | undefined;
}

/** The best way there is here. `onWake` is called at the end of a sleep. */
export function makeSleeper(loop: LoopCore, onWake: () => void): Sleeper {
  const { process } = globalThis as { process?: NodeThreads };
  const { fd } = loop.poller;
  if (
    loop.kernel.via === "koffi" && fd >= 0 &&
    process?.getBuiltinModule?.("node:worker_threads")?.isMainThread === true
  ) {
    try {
      return new UvSleeper(loadKoffi(), loop, onWake);
    } catch {
      // A Node that keeps libuv's symbols to itself.
    }
  }
  return loop.canWaitAsync ? new ThreadSleeper(loop, onWake) : new AskingSleeper(loop, onWake);
}
