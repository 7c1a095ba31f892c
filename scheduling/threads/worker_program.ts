/**
 * What a worker of a pool runs: loads its functions, then takes tasks until it is told to leave.
 *
 * @module
 */

import { NO_REF, type Ref } from "../../memory/ref.ts";
import type { TaskFunction } from "./dispatch_types.ts";
import { encodeThrown } from "./error_codec.ts";
import type { StreamOrder } from "./stream_messages.ts";
import { TaskFunctions } from "./task_functions.ts";
import {
  type DefineMessage,
  ENGINE_MESSAGE,
  isEngineMessage,
  type ReportMessage,
  type ThreadSetup,
} from "./thread_setup.ts";
import {
  type ContextProvider,
  FlagContext,
  provideContext,
  type ThreadTaskContext,
} from "./worker_context.ts";
import { WorkerLoop } from "./worker_loop.ts";
import type { ThreadBody, WorkerPort } from "./worker_port.ts";
import { WorkerStreams } from "./worker_streams.ts";

/** Tells which task runs now, by the loop that runs it. */
class LoopContexts implements ContextProvider {
  readonly #loop: WorkerLoop;
  readonly #worker: number;
  #ref: Ref = NO_REF;
  #context: ThreadTaskContext | undefined;
  active: ThreadTaskContext | undefined = undefined;

  constructor(loop: WorkerLoop, worker: number) {
    this.#loop = loop;
    this.#worker = worker;
  }

  current(): ThreadTaskContext | undefined {
    const ref = this.#loop.current;
    if (ref === NO_REF) return undefined;
    if (ref !== this.#ref) {
      this.#ref = ref;
      this.#context = new FlagContext(this.#loop, ref, this.#worker);
    }
    return this.#context;
  }
}

/** Gets a worker ready; what it answers runs until the worker is stopped, or given up. */
export async function runThread(posted: unknown, port: WorkerPort): Promise<ThreadBody> {
  const setup = posted as ThreadSetup;
  const { index, steal, seed, cpu, concurrency } = setup;
  // What few workers need is loaded by those only: a thread starts by loading everything.
  const isPinned = cpu === undefined
    ? undefined
    : (await import("./affinity.ts")).setThreadAffinity(cpu).applied;
  const victims = steal === undefined
    ? undefined
    : (await import("./make_steal_policy.ts")).makeStealPolicy(steal, index);
  const streams = new WorkerStreams(
    (news) => port.post(news),
    (stream, error) => [ENGINE_MESSAGE, "failed", stream, encodeThrown(error)],
  );
  const table = new TaskFunctions(streams);
  await table.load(setup.module);
  for (const source of setup.functions) await table.define(source);

  const onMessage = (message: unknown): void => {
    if (!isEngineMessage(message)) return;
    if (message[1] === "define") void table.define((message as DefineMessage)[2]);
    else if (message[1] === "grant") streams.receive(message as unknown as StreamOrder);
  };
  const loop: WorkerLoop = WorkerLoop.attach(setup.dispatch, index, {
    functions: table.functions,
    missing: (fn): TaskFunction | Promise<TaskFunction> => {
      const defined = table.awaited(fn);
      for (let message; (message = port.receiveNow()) !== undefined;) {
        if (!loop.receive(message)) onMessage(message);
      }
      return table.functions[fn] ?? defined;
    },
    port,
    encodeError: encodeThrown,
    concurrency,
    seed,
    ...(victims === undefined ? {} : { victims }),
    onMessage,
  });
  /** Takes the messages there are; whether the one was among them that lets this worker begin. */
  const hasGo = (): boolean => {
    let message: unknown;
    while ((message = port.receiveNow()) !== undefined) {
      if (isEngineMessage(message) && message[1] === "go") return true;
      if (!loop.receive(message)) onMessage(message);
    }
    return false;
  };
  provideContext(new LoopContexts(loop, index));
  const report: ReportMessage = [ENGINE_MESSAGE, "report", { exports: table.exports, isPinned }];
  port.post(report);
  return async () => {
    while (!hasGo()) await new Promise((resolve) => setTimeout(resolve, 1));
    return await loop.run();
  };
}
