/**
 * One worker of a pool: its thread, from the order to start it to its end.
 *
 *   starting -> running -> stopping -> over
 *               running -> killing -> over, or abandoned -> over
 *
 * @module
 */

import { ENGINE_MESSAGE, type GoMessage } from "./thread_setup.ts";
import type { HostedWorker, WorkerEnd } from "./worker_host.ts";

const GO: GoMessage = [ENGINE_MESSAGE, "go"];

/** Where a worker is. */
export type PoolWorkerState =
  | "starting"
  | "running"
  | "stopping"
  | "killing"
  | "abandoned"
  | "over";

/** A worker, as its pool keeps it. */
export class PoolWorker {
  readonly index: number;
  readonly name: string;
  state: PoolWorkerState = "starting";
  /** What its place had counted when it came, in the worker before it. */
  readonly firstExecuted: number;
  /** What it had counted when it was last looked at. */
  seenExecuted = -1;
  /** When it was ready, in ms. */
  readyMs: number | undefined = undefined;
  /** Whether it runs on the CPU it should; undefined when it was told none. */
  isPinned: boolean | undefined = undefined;
  /** How its thread ended, when that is known and not yet all. */
  end: WorkerEnd | undefined = undefined;
  /** Resolves when its thread is gone, or given up. */
  readonly ended: Promise<void>;
  #hosted: HostedWorker | undefined;
  /** What is posted before it is ready. */
  #outbox: { message: unknown; transfer: readonly Transferable[] }[] | undefined = [];
  #end!: () => void;

  constructor(index: number, name: string, firstExecuted: number) {
    this.index = index;
    this.name = name;
    this.firstExecuted = firstExecuted;
    this.ended = new Promise((resolve) => this.#end = resolve);
  }

  /** Its thread, once it is ready. */
  get hosted(): HostedWorker | undefined {
    return this.#hosted;
  }

  /** Its thread is ready: what waited is posted, and it may begin. */
  started(hosted: HostedWorker): void {
    this.#hosted = hosted;
    const outbox = this.#outbox!;
    this.#outbox = undefined;
    for (const { message, transfer } of outbox) hosted.post(message, transfer);
    hosted.post(GO);
  }

  /** Sends a message, now or when it is ready. */
  post(message: unknown, transfer: readonly Transferable[] = []): void {
    if (this.#outbox !== undefined) this.#outbox.push({ message, transfer });
    else if (!this.isOver) this.#hosted!.post(message, transfer);
  }

  /** It takes tasks, or will. */
  get isServing(): boolean {
    return this.state === "starting" || this.state === "running";
  }

  /** Its thread is gone, or given up. */
  get isOver(): boolean {
    return this.state === "over" || this.state === "abandoned";
  }

  /** Its thread is gone, or given up. */
  over(state: "over" | "abandoned"): void {
    this.state = state;
    this.#end();
  }
}
