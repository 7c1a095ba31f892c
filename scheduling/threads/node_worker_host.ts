/**
 * Threads on Node and Bun: `node:worker_threads`. Termination really ends them, whatever they do.
 *
 * @module
 */

import { hostProcess, type HostThread, hostThreads } from "./host_threads.ts";
import type { NativeEvents, NativeStart, NativeWorker } from "./native_worker.ts";
import type { StartOrder } from "./worker_port.ts";

/** Starts a thread on Node or Bun. */
export function startNodeWorker(start: NativeStart, events: NativeEvents): NativeWorker {
  const { MessageChannel } = hostThreads()!;
  const { port1, port2 } = new MessageChannel();
  let worker: HostThread;
  try {
    worker = newThread(start, { name: start.name, port: port2, setup: start.setup });
  } catch (error) {
    port1.close();
    throw error;
  }
  worker.on("error", (error) => events.onFault(error));
  worker.on("exit", (exitCode) => events.onGone(exitCode));
  return {
    port: port1,
    faultsComeLate: false,
    canAlwaysEnd: true,
    hold: (on) => on ? worker.ref() : worker.unref(),
    terminate: () => void worker.terminate(),
  };
}

function newThread({ entry, name, resourceLimits }: NativeStart, order: StartOrder): HostThread {
  const { Worker } = hostThreads()!;
  const options = {
    name,
    workerData: order,
    transferList: [order.port],
    ...(resourceLimits === undefined ? {} : { resourceLimits }),
  };
  const given = hostProcess()?.execArgv ?? [];
  if (!given.some((arg) => arg.startsWith("--input-type"))) return new Worker(entry, options);
  // A program given as text: with its flag, a thread could not load a file.
  try {
    return new Worker(entry, { ...options, execArgv: withoutText(given) });
  } catch (error) {
    // Named one by one, flags of the whole process are refused; inherited they are not.
    if ((error as { code?: string }).code !== "ERR_WORKER_INVALID_EXEC_ARGV") throw error;
    return new Worker(entry, { ...options, execArgv: [] });
  }
}

/** Node's arguments without a program given as text. */
function withoutText(args: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (/^(-e|-p|-pe|--eval|--print)$/.test(arg)) i++;
    else if (arg === "--input-type") i++;
    else if (!/^--(input-type|eval|print)=/.test(arg)) kept.push(arg);
  }
  return kept;
}
