/**
 * Workers of a dispatcher that a test moves by hand, all in one thread: the real steps, without sleep.
 *
 * @module
 */
import {
  DispatchRegion,
  RECORD_WORDS,
  REF,
  REVOKED,
  STOP,
} from "../../scheduling/threads/dispatch_region.ts";
import type { Dispatcher } from "../../scheduling/threads/dispatcher.ts";
import { MESSAGE, Payload } from "../../scheduling/threads/payload.ts";
import { RandomVictims } from "../../scheduling/threads/random_victims.ts";
import { FIRST_WORKER, SharedBlocks } from "../../scheduling/threads/shared_blocks.ts";
import { SharedBuffers } from "../../scheduling/threads/shared_views.ts";
import { WorkerSteps } from "../../scheduling/threads/worker_steps.ts";

/** A task that has been begun. */
export interface Begun {
  readonly slot: number;
  readonly ref: number;
  readonly args: unknown[];
}

/** One worker. */
export class WorkerByHand {
  readonly #region: DispatchRegion;
  readonly #steps: WorkerSteps;
  readonly #payload: Payload;
  readonly #buffers: SharedBuffers;
  readonly #blocks: SharedBlocks;
  readonly index: number;

  constructor(dispatcher: Dispatcher, index: number, seed = 1) {
    const handle = dispatcher.handle();
    this.index = index;
    this.#region = DispatchRegion.attach(handle);
    this.#steps = new WorkerSteps(
      this.#region,
      index,
      new RandomVictims(this.#region.workers, seed),
    );
    this.#buffers = new SharedBuffers(handle.shared);
    this.#blocks = SharedBlocks.attach(handle.blocks);
    this.#payload = new Payload(this.#region, {
      buffers: this.#buffers,
      blocks: this.#blocks,
      owner: FIRST_WORKER + index,
      copies: false,
    });
  }

  /** Begins the next task; undefined when there is none, or an order. */
  begin(): Begun | undefined {
    const slot = this.#steps.next();
    if (slot < 0) return undefined;
    const ref = this.#region.words[this.#region.records + slot * RECORD_WORDS + REF]!;
    return { slot, ref, args: this.#argsOf(slot) };
  }

  /** Ends it. False when the result does not fit. */
  end({ slot }: Begun, value: unknown, threw = false): boolean {
    if (!this.#payload.writeResult(slot, value, threw)) return false;
    this.#steps.done(slot);
    return true;
  }

  /** Leaves when it was told to; whether it has left. */
  obey(): boolean {
    if ((this.#steps.orders & (STOP | REVOKED)) === 0) return false;
    this.#steps.leave();
    return true;
  }

  /** Says that it sleeps; whether it may. */
  sleep(): boolean {
    return this.#steps.beginSleep();
  }

  /** Goes on after sleep, which somebody has ended. */
  wake(): void {
    this.#steps.wakeSelf();
    this.#steps.park(0);
  }

  #argsOf(slot: number): unknown[] {
    return this.#payload.kindOf(slot) === MESSAGE ? [] : this.#payload.readArgs(slot)!;
  }
}

/** How tasks ended, by tag. */
export class Ends {
  readonly done = new Map<number, unknown>();
  readonly failed = new Map<number, string>();

  taskDone(value: unknown, tag: number): void {
    this.#once(tag);
    this.done.set(tag, value);
  }

  taskFailed(failure: string, error: unknown, tag: number): void {
    this.#once(tag);
    this.failed.set(tag, failure === "threw" ? `threw ${error}` : failure);
  }

  #once(tag: number): void {
    if (this.done.has(tag) || this.failed.has(tag)) throw new Error(`task ${tag} ended twice`);
  }
}
