/**
 * Threads on Deno: web workers.
 *
 * Deno tells nothing when a web worker exits. The connection's port does: its worker's end is closed
 * with the thread, some 2 ms after the cause, and a port need not hold the process meanwhile.
 *
 * `terminate()` neither stops a thread that is busy nor one that is parked in `Atomics.wait`: it goes
 * on, unheard. It does not keep the process from ending.
 *
 * @module
 */

import { hostThreads } from "./host_threads.ts";
import type { NativeEvents, NativeStart, NativeWorker } from "./native_worker.ts";
import type { StartOrder } from "./worker_port.ts";

interface WebWorker {
  onerror: ((event: { message: string; preventDefault(): void }) => void) | null;
  postMessage(message: unknown, transfer: readonly object[]): void;
  terminate(): void;
}

type WebWorkerClass = new (
  entry: string,
  options: { type: "module"; name: string },
) => WebWorker;

/** The port of a thread that failed is closed within some ms, unless the thread never received it. */
const CLOSES_AFTER_MS = 100;

/** Starts a thread on Deno. */
export function startWebWorker(
  { entry, name, setup }: NativeStart,
  events: NativeEvents,
): NativeWorker {
  const { Worker } = globalThis as unknown as { Worker: WebWorkerClass };
  const worker = new Worker(entry.href, { type: "module", name });
  // Loads its module, some 15 ms the first time, while the thread starts.
  const { port1, port2 } = new (hostThreads()!.MessageChannel)();
  let over = false;
  const gone = () => {
    if (over) return;
    over = true;
    clearTimeout(closing);
    events.onGone(undefined);
  };
  let closing: ReturnType<typeof setTimeout> | undefined;
  // Stays to the end: an error that nobody prevents ends the process, also one that comes late.
  worker.onerror = (event) => {
    event.preventDefault();
    events.onFault(new Error(event.message));
    // What the thread had sent comes first, then the port closes.
    if (!over) closing ??= setTimeout(gone, CLOSES_AFTER_MS);
  };
  port1.on("close", gone);
  try {
    const order: StartOrder = { name, port: port2, setup };
    worker.postMessage(order, [port2]);
  } catch (error) {
    over = true;
    worker.terminate();
    port1.close();
    throw error;
  }
  const refOrUnref = refMethod(worker);
  let held = true;
  return {
    port: port1,
    faultsComeLate: true,
    canAlwaysEnd: false,
    hold(on) {
      if (on === held) return; // Deno counts
      held = on;
      refOrUnref?.call(worker, on);
    },
    terminate: () => worker.terminate(),
  };
}

/**
 * Deno's way to have a web worker that does not hold the process; it has no public name, but its own
 * `node:worker_threads` uses the like. Where it is missing, a worker holds the process until it ends.
 */
function refMethod(worker: WebWorker): ((on: boolean) => void) | undefined {
  const prototype = Object.getPrototypeOf(worker);
  for (const key of Object.getOwnPropertySymbols(prototype)) {
    const { value } = Object.getOwnPropertyDescriptor(prototype, key)!;
    if (typeof value !== "function") continue;
    if (Function.prototype.toString.call(value).includes("unrefOpPromise")) return value;
  }
}
