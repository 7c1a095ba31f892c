/**
 * A dispatcher with real workers, each running a `WorkerLoop` over functions given as text.
 *
 * @module
 */
import type { DispatcherOptions, LostTask } from "../../scheduling/threads/dispatch_types.ts";
import { Dispatcher } from "../../scheduling/threads/dispatcher.ts";
import { startThread, type Thread } from "./threads.ts";
import { internal } from "./threads_dispatch_programs.ts";

/** A dispatcher, and how to end its workers. */
interface TestPool {
  readonly dispatcher: Dispatcher;
  /** What each worker's `run` came to, once it has. */
  readonly left: Promise<string>[];
  /** Ends the threads. */
  end(): Promise<unknown>;
}

/** Options of the dispatcher, and what functions have at hand. */
interface TestPoolOptions extends DispatcherOptions {
  readonly job?: Record<string, unknown>;
  /** Sees each message to a worker first; may throw, as a port does. */
  readonly beforePost?: (message: unknown) => void;
}

/** Runs `body` with such a pool, and ends it; what `body` answers is called when its workers have left. */
export async function withPool(
  functions: string,
  options: TestPoolOptions,
  body: (pool: Pick<TestPool, "dispatcher" | "left">) => Promise<void | (() => void)>,
): Promise<void> {
  const pool = await startPool(functions, options);
  try {
    const after = await body(pool);
    pool.dispatcher.close();
    await Promise.all(pool.left);
    after?.();
  } finally {
    await pool.end();
    // After a failure: nothing that is still in flight keeps the program alive.
    for (let worker = 0; worker < options.workers; worker++) {
      pool.dispatcher.workerLost(worker, true);
    }
    for (const { ref } of pool.dispatcher.live()) pool.dispatcher.cancel(ref);
  }
}

/** Starts `workers` workers. `functions`: the text of an array; `loop` and `job` are at hand in it. */
async function startPool(
  functions: string,
  { job = {}, beforePost = () => {}, ...options }: TestPoolOptions,
): Promise<TestPool> {
  const threads: Thread[] = [];
  const dispatcher = Dispatcher.create({
    ...options,
    post: (worker, message) => {
      beforePost(message);
      threads[worker]!.post(message);
    },
  });
  const left: Promise<string>[] = [];
  for (let i = 0; i < options.workers; i++) {
    const index = dispatcher.openWorker() as number;
    const thread = await startThread(`
      const { WorkerLoop } = await import("${internal("scheduling/threads/worker_loop")}");
      const { job, handle, index } = await messages.next();
      const functions = [];
      const loop = WorkerLoop.attach(handle, index, {
        functions,
        port: { post, receiveNow: () => inbox.shift() },
        concurrency: 8,
      });
      functions.push(...${functions});
      const pump = async () => {
        for (;;) loop.receive(await messages.next());
      };
      void pump();
      post("ready");
      const why = await loop.run();
      post(why);
    `);
    threads[index] = thread;
    thread.post({ job, handle: dispatcher.handle(), index });
    await thread.next();
    left[index] = receiveAll(dispatcher, index, thread);
  }
  return {
    dispatcher,
    left,
    end: () => Promise.all(threads.map((thread) => thread.end())),
  };
}

async function receiveAll(dispatcher: Dispatcher, index: number, thread: Thread): Promise<string> {
  for (;;) {
    const message = await thread.next();
    if (!dispatcher.receive(index, message)) return message as string;
  }
}

/** One task as a promise. */
export class Call {
  readonly promise: Promise<unknown>;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  taskDone(value: unknown): void {
    this.#resolve(value);
  }

  taskFailed(failure: string, error: unknown): void {
    this.#reject(failure === "threw" ? error : new Error(failure));
  }

  /** Its worker was lost. */
  static lose(tasks: readonly LostTask[]): void {
    for (const { sink } of tasks) (sink as Call).#reject(new Error("lost"));
  }
}
