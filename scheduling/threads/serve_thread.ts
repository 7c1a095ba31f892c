/**
 * The worker's side of a start: takes the order, gets the program ready, tells every end it can.
 *
 * @module
 */

import { encodeThrown } from "./error_codec.ts";
import { hostProcess, hostThreads } from "./host_threads.ts";
import {
  NEWS_EXITS,
  NEWS_READY,
  NEWS_THREW,
  NEWS_UNCAUGHT,
  type StartOrder,
  ThreadPort,
  type ThreadProgram,
} from "./worker_port.ts";

/** The part of a web worker's global scope that is used. */
interface WorkerScope {
  onmessage: ((event: { data: unknown }) => void) | null;
  addEventListener(
    type: "error" | "unhandledrejection" | "unload",
    listener: (
      event: { preventDefault(): void; readonly error?: unknown; readonly reason?: unknown },
    ) => void,
  ): void;
  close(): void;
  readonly Deno: { readonly exitCode: number };
}

/**
 * Runs `program` in this thread as soon as the order is there. On Node that is at once, on Deno with
 * the first message. Does nothing in a thread that `startWorker` did not start.
 */
export function serveThread(program: ThreadProgram): void {
  if ("Deno" in globalThis) {
    const scope = globalThis as unknown as WorkerScope;
    scope.onmessage = ({ data }) => {
      scope.onmessage = null;
      const port = new ThreadPort(data as StartOrder);
      watchWebWorker(scope, port);
      void serve(program, data as StartOrder, port, () => scope.close());
    };
    return;
  }
  const order = hostThreads()?.workerData as StartOrder | null | undefined;
  if (order?.port === undefined) return;
  const process = hostProcess()!;
  const port = new ThreadPort(order);
  order.port.ref(); // else the thread ends when it has nothing to do
  process.on("uncaughtExceptionMonitor", (error) => port.tell(NEWS_UNCAUGHT, encodeThrown(error)));
  process.on("exit", (exitCode) => port.tell(NEWS_EXITS, exitCode));
  void serve(program, order, port, (exitCode) => process.exit(exitCode));
}

/** Errors that nobody caught are told whole: Deno itself would pass on no more than their text. */
function watchWebWorker(scope: WorkerScope, port: ThreadPort): void {
  const onThrown = (event: { preventDefault(): void }, thrown: unknown) => {
    event.preventDefault();
    port.tell(NEWS_THREW, encodeThrown(thrown));
    scope.close();
  };
  scope.addEventListener("error", (event) => onThrown(event, event.error));
  scope.addEventListener("unhandledrejection", (event) => onThrown(event, event.reason));
  // Of `Deno.exit` and `process.exit`, not of `close`.
  scope.addEventListener("unload", () => port.tell(NEWS_EXITS, scope.Deno.exitCode));
}

async function serve(
  program: ThreadProgram,
  { setup }: StartOrder,
  port: ThreadPort,
  exit: (exitCode: number) => void,
): Promise<void> {
  try {
    const body = await program(setup, port);
    port.tell(NEWS_READY);
    if (body === undefined) return;
    await body();
  } catch (error) {
    port.tell(NEWS_THREW, encodeThrown(error));
    return exit(1);
  }
  port.tell(NEWS_EXITS, 0);
  exit(0);
}
