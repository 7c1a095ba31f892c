/**
 * Counters of many workers that one can read without asking them.
 *
 * Invariant: every worker has lines of its own, so counting costs no more than an uncontended add; a total is
 * the sum over the workers. Counters are 64 bits: they do not wrap.
 *
 * The sloppy counter: Silas Boyd-Wickizer et al., "An Analysis of Linux Scalability to Many Cores" (2010).
 *
 * @module
 */

import { checkInteger, checkOptions, shown } from "./check.ts";
import {
  createRegion,
  type Handle,
  LINE_BYTES,
  LINE_WORDS,
  openRegion,
  paramOf,
  type Place,
  roundToLine,
  View,
} from "./layout.ts";

const ACTION = "create a StatsBlock";

/**
 * Named counters, one of each per worker.
 *
 * Every operation is wait-free; `add` O(1), totals O(workers). A worker that dies leaves what it has counted.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { StatsBlock } from "@vais/runtime/memory";
 *
 * const stats = StatsBlock.create(["done", "stolen"], { workers: 2 });
 * StatsBlock.attach(stats.handle).add(1, "done"); // worker 1
 * stats.add(0, "done", 4);
 * assertEquals(stats.totals(), { done: 5, stolen: 0 });
 * assertEquals(stats.of(1), { done: 1, stolen: 0 });
 * ```
 */
export class StatsBlock extends View<"StatsBlock"> {
  readonly #counters: BigInt64Array;
  readonly #perWorker: number;
  readonly #index: ReadonlyMap<string, number>;
  /** How many workers count. */
  readonly workers: number;
  /** What they count. */
  readonly names: readonly string[];

  private constructor(handle: Handle<"StatsBlock">) {
    super(handle);
    const words = openRegion("StatsBlock", handle);
    this.workers = paramOf(words, 0);
    const nameBytes = paramOf(words, 1);
    const text = new Uint8Array(nameBytes);
    text.set(new Uint8Array(handle.buffer, handle.byteOffset + LINE_BYTES, nameBytes));
    this.names = JSON.parse(new TextDecoder().decode(text));
    this.#index = new Map(this.names.map((name, i) => [name, i]));
    this.#perWorker = roundToLine(this.names.length * 8) / 8;
    this.#counters = new BigInt64Array(
      handle.buffer,
      handle.byteOffset + LINE_BYTES + roundToLine(nameBytes),
      this.workers * this.#perWorker,
    );
  }

  /** Bytes that one takes. */
  static byteLength(names: readonly string[], workers: number): number {
    checkInteger(ACTION, "the number of workers", workers, 1, 2 ** 16);
    const text = encode(names).length;
    return LINE_BYTES + roundToLine(text) + workers * roundToLine(names.length * 8);
  }

  /** One with all counters 0. O(names * workers). */
  static create(
    names: readonly string[],
    options: { workers: number; at?: Place },
  ): StatsBlock {
    const { workers, at } = checkOptions(ACTION, options);
    const bytes = StatsBlock.byteLength(names, workers);
    const text = encode(names);
    const handle = createRegion("StatsBlock", bytes, [workers, text.length], at);
    new Uint8Array(handle.buffer, handle.byteOffset + LINE_WORDS * 4, text.length).set(text);
    return new StatsBlock(handle);
  }

  /** The one that `handle` names, in this thread. O(names). */
  static attach(handle: Handle<"StatsBlock">): StatsBlock {
    return new StatsBlock(handle);
  }

  /** Worker `worker` counts `by` more. Wait-free, O(1). */
  add(worker: number, name: string, by = 1): void {
    checkInteger("count", "the number", by, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    Atomics.add(this.#counters, this.#at(worker, name), BigInt(by));
  }

  /** A counter's sum over the workers; exact when they rest. O(workers). Wait-free. */
  total(name: string): number {
    let total = 0n;
    for (let worker = 0; worker < this.workers; worker++) {
      total += Atomics.load(this.#counters, this.#at(worker, name));
    }
    return Number(total);
  }

  /** All totals. Wait-free, O(names * workers). */
  totals(): Record<string, number> {
    return Object.fromEntries(this.names.map((name) => [name, this.total(name)]));
  }

  /** One worker's counters. Wait-free, O(names). */
  of(worker: number): Record<string, number> {
    return Object.fromEntries(
      this.names.map((name) => [
        name,
        Number(Atomics.load(this.#counters, this.#at(worker, name))),
      ]),
    );
  }

  #at(worker: number, name: string): number {
    checkInteger("count", "the worker", worker, 0, this.workers - 1);
    const index = this.#index.get(name);
    if (index !== undefined) return worker * this.#perWorker + index;
    throw new TypeError(
      `Cannot count: there is no counter ${shown(name)} (there are ${this.names.join(", ")})`,
    );
  }
}

function encode(names: readonly string[]): Uint8Array {
  if (!Array.isArray(names) || names.length === 0 || names.some((one) => typeof one !== "string")) {
    throw new TypeError(
      `Cannot ${ACTION}: the names are ${shown(names)} (pass one or more strings)`,
    );
  }
  if (new Set(names).size < names.length) {
    throw new RangeError(`Cannot ${ACTION}: a name is there twice (pass different ones)`);
  }
  return new TextEncoder().encode(JSON.stringify(names));
}
