/**
 * A worker of an exploration, on either host.
 *
 * @module
 */
import { type Order, type Report, THREAD_URL } from "./thread.ts";

/** A worker. */
export interface ExplorationWorker {
  post(order: Order): void;
  end(): Promise<void>;
}

interface WebWorker {
  onmessage: ((event: { data: Report }) => void) | null;
  onerror: ((event: { message: string; preventDefault(): void }) => void) | null;
  postMessage(order: Order): void;
  terminate(): void;
}

const FIRST_LINE = `import { serve } from ${JSON.stringify(THREAD_URL)}; await serve();`;

/** Starts one. */
export async function startWorker(
  onReport: (report: Report) => void,
  onError: (error: Error) => void,
): Promise<ExplorationWorker> {
  const url = `data:text/javascript,${encodeURIComponent(FIRST_LINE)}`;
  if ("Deno" in globalThis || "Bun" in globalThis) {
    const { Worker } = globalThis as unknown as {
      Worker: new (url: string, options: { type: "module" }) => WebWorker;
    };
    const worker = new Worker(url, { type: "module" });
    worker.onmessage = (event) => onReport(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      onError(new Error(event.message));
    };
    return {
      post: (order) => worker.postMessage(order),
      end: () => Promise.resolve(worker.terminate()),
    };
  }
  const { Worker } = await import("node:worker_threads");
  const worker = new Worker(new URL(url));
  worker.on("message", onReport);
  worker.on("error", onError);
  return {
    post: (order) => worker.postMessage(order),
    end: async () => void await worker.terminate(),
  };
}
