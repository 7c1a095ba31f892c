/**
 * What becomes of a task in the end: its result is read, its memory given back, and who waits is told.
 *
 * @module
 */

import type { Losses } from "./dispatch_core.ts";
import type { DispatcherOptions, LostTask } from "./dispatch_types.ts";
import type { Leases } from "./lease.ts";
import { NUMBERS, OBSOLETE, type Payload, TEXT, THREW, VIEW } from "./payload.ts";
import type { SharedArea } from "./shared_area.ts";
import { FIRST_WORKER, MAIN_OWNER, NO_BLOCK, type SharedBlocks } from "./shared_blocks.ts";
import type { TaskTable } from "./task_table.ts";

/** Arguments that wait here for the worker that will ask for them. */
interface Held {
  readonly args: unknown[];
  readonly transfer: Transferable[];
}

/** Internal: ends tasks. */
export class Settlement implements Losses {
  readonly #table: TaskTable;
  readonly #payload: Payload;
  readonly #blocks: SharedBlocks;
  readonly #leases: Leases;
  readonly #options: DispatcherOptions;
  readonly #held = new Map<number, Held>();
  /** Blocks that arguments lie in, by slot. */
  readonly #leased = new Map<number, readonly number[]>();
  #losses: LostTask[] = [];
  /** Called after a slot has become free. */
  onFree: () => void = () => {};
  /** Tasks that have not settled. */
  live = 0;

  /** Of the tasks in `table`, whose payloads lie in `area`. */
  constructor(table: TaskTable, area: SharedArea, options: DispatcherOptions) {
    this.#table = table;
    this.#payload = area.payload;
    this.#blocks = area.blocks;
    this.#leases = area.leases;
    this.#options = options;
  }

  /** Remembers the blocks that `writeArgs` has taken for a slot. */
  keepBlocks(slot: number): void {
    const block = this.#payload.blockOf(slot);
    const { copied } = this.#payload;
    this.#leased.set(slot, block === NO_BLOCK ? [...copied] : [block, ...copied]);
  }

  /** Clones arguments of a slot now, as `postMessage` would, and keeps them for the worker that will ask for them. */
  hold(slot: number, args: readonly unknown[], transfer: readonly Transferable[]): void {
    const list = [...transfer];
    if (new Set(list).size < list.length) {
      throw new DOMException(
        "Cannot submit a task: transfer lists the same object twice (must be once)",
        "DataCloneError",
      );
    }
    const [held, moved] = structuredClone([args, list] as const, { transfer: list });
    this.#held.set(slot, { args: held as unknown[], transfer: moved });
  }

  /** Sends the arguments that `worker` has asked for. */
  fetch(slot: number, worker: number): void {
    const held = this.#held.get(slot);
    if (held === undefined) return;
    this.#held.delete(slot);
    const message = { dispatch: "args", ref: this.#table.refOf(slot), args: held.args };
    try {
      this.#options.post?.(worker, message, held.transfer);
    } catch (error) {
      // The worker waits for an answer; it tells the task's failure, as any other.
      this.#options.post?.(
        worker,
        { dispatch: "unsent", ref: message.ref, why: String(error) },
        [],
      );
    }
  }

  /** A result lies in the record. */
  deliver(slot: number, worker: number): void {
    const payload = this.#payload;
    const kind = payload.kindOf(slot);
    if (kind === NUMBERS) return this.#succeed(slot, payload.readNumber(slot));
    const value = payload.readResult(slot);
    if (kind === TEXT || kind === (TEXT | THREW)) {
      const block = payload.blockOf(slot);
      if (block !== NO_BLOCK) this.#blocks.give(block, FIRST_WORKER + worker);
    } else if (kind === VIEW) this.#adopt(slot, worker, value);
    if (kind === OBSOLETE) this.#fail(slot, "obsolete", undefined);
    else if (kind >= THREW) this.#fail(slot, "threw", this.#decoded(value));
    else this.#succeed(slot, value);
  }

  /** A result came as a message. */
  deliverMessage(slot: number, threw: boolean, value: unknown): void {
    if (threw) this.#fail(slot, "threw", this.#decoded(value));
    else this.#succeed(slot, value);
  }

  /** A task that was never begun goes. */
  remove(slot: number): void {
    this.#end(slot);
    this.released(slot);
  }

  /** Tasks lost since the last call. */
  takeLosses(): LostTask[] {
    const losses = this.#losses;
    this.#losses = [];
    return losses;
  }

  finished(slot: number, worker: number): void {
    this.deliver(slot, worker);
  }

  isUntouched(slot: number): boolean {
    return this.#held.has(slot);
  }

  lost(slot: number): void {
    this.#losses.push(this.#table.lostTask(slot));
    this.#end(slot);
  }

  released(slot: number): void {
    if (this.#leased.size > 0) {
      for (const block of this.#leased.get(slot) ?? []) this.#blocks.give(block, MAIN_OWNER);
      this.#leased.delete(slot);
    }
    if (this.#held.size > 0) this.#held.delete(slot);
    this.#table.give(slot);
    this.onFree();
  }

  /** A worker's thread is gone: so are the blocks it had leased. */
  gone(worker: number): void {
    this.#blocks.reclaim(FIRST_WORKER + worker);
  }

  /** Reports what a hook or a sink threw. */
  report(error: unknown): void {
    if (this.#options.onError !== undefined) this.#options.onError(error);
    else {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** A result over a block of the worker's, or over an argument that was copied: now it is a lease. */
  #adopt(slot: number, worker: number, value: unknown): void {
    this.#leases.adopt(value, FIRST_WORKER + worker);
    const lent = this.#leased.get(slot);
    const block = lent === undefined ? NO_BLOCK : this.#leases.blockOf(value);
    if (block === NO_BLOCK || !lent!.includes(block)) return;
    this.#leased.set(slot, lent!.filter((one) => one !== block));
    this.#leases.adopt(value, MAIN_OWNER);
  }

  #succeed(slot: number, value: unknown): void {
    const sink = this.#table.sinkOf(slot)!;
    const tag = this.#table.tagOf(slot);
    this.remove(slot);
    try {
      sink.taskDone(value, tag);
    } catch (error) {
      this.report(error);
    }
  }

  #fail(slot: number, failure: "threw" | "obsolete", error: unknown): void {
    const sink = this.#table.sinkOf(slot)!;
    const tag = this.#table.tagOf(slot);
    this.remove(slot);
    try {
      sink.taskFailed(failure, error, tag);
    } catch (error) {
      this.report(error);
    }
  }

  #end(slot: number): void {
    this.#table.end(slot);
    this.live--;
  }

  #decoded(data: unknown): unknown {
    const { decodeError } = this.#options;
    if (decodeError === undefined) return data;
    try {
      return decodeError(data);
    } catch (error) {
      return error;
    }
  }
}
