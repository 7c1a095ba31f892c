/**
 * Waiting for several pollables at once, and for one in another way.
 *
 * Each branch has its own waker, so a wake costs one poll of one branch, however many there are.
 *
 * @module
 */

import { checkPolled, PENDING, type Poll, type Pollable, type Waker } from "./poll.ts";
import { context, type Host, type WakeSource } from "./host.ts";

/** A pollable whose wait can be ended from outside; every `Future` is one. */
export interface Abandonable<T> extends Pollable<T> {
  /** Who can end the wait. */
  readonly source: WakeSource;
  /** The runtime it belongs to, where it belongs to one. */
  readonly home: Host | undefined;
  /** For dumps. */
  describe(): string;
  /** See `Future.abandon`. */
  abandon(waker: Waker, reason: unknown): boolean;
  /** See `Future.putBack`. */
  putBack?(value: T): void;
}

/** Races of host code, which belong to no runtime. */
const hostRaces = { races: 0 };

/**
 * Which branch of a race is polled first. Rotates, and skips one after each round, so that no
 * position is favoured, not even in programs whose races alternate. Each runtime counts its own, so
 * that a schedule can be had again.
 */
function firstOf(count: number): number {
  const race = (context.host ?? hostRaces).races++;
  return (race + Math.floor(race / count)) % count;
}

class Branch<T> implements Waker {
  queued = true;
  done = false;
  /** What it gave, until it is given on; else `PENDING`. */
  value: Poll<T> = PENDING;
  /** The one that gave its value before. */
  earlier: Branch<T> | undefined = undefined;

  constructor(
    readonly set: Branches<T, unknown>,
    readonly index: number,
    readonly future: Abandonable<T>,
  ) {}

  wake(): void {
    if (this.queued || this.done) return;
    this.queued = true;
    this.set.branchWoken(this);
  }
}

/** How a combinator answers to its branches; `undefined` means "not decided yet". */
export interface Policy<T, R> {
  /** Name for dumps. */
  readonly name: string;
  /** The first branch to end decides. */
  readonly isRace: boolean;
  /** A branch has a value. */
  onValue(index: number, value: T): { readonly result: R } | undefined;
  /** A branch threw; a policy may throw it on. */
  onError(index: number, error: unknown): { readonly result: R } | undefined;
  /** Every branch ended without a decision; also the answer for no branches at all. */
  onEnd(): Poll<R>;
}

/** Polls many futures under a policy; those not needed any more are abandoned. */
export class Branches<T, R> implements Abandonable<R> {
  readonly #policy: Policy<T, R>;
  readonly #branches: Branch<T>[];
  #ready: Branch<T>[];
  #left: number;
  #waker: Waker | undefined;
  #decided = false;
  /** The last one that gave a value. */
  #latest: Branch<T> | undefined = undefined;

  constructor(policy: Policy<T, R>, futures: readonly Abandonable<T>[]) {
    this.#policy = policy;
    this.#branches = futures.map((future, i) =>
      new Branch(this as Branches<T, unknown>, i, future)
    );
    this.#left = futures.length;
    const start = policy.isRace && futures.length > 1 ? firstOf(futures.length) : 0;
    this.#ready = [...this.#branches.slice(start), ...this.#branches.slice(0, start)];
  }

  get source(): WakeSource {
    let source: WakeSource = 0;
    for (const { done, future } of this.#branches) {
      if (!done) source = Math.max(source, future.source) as WakeSource;
    }
    return source;
  }

  get home(): Host | undefined {
    for (const { future } of this.#branches) if (future.home !== undefined) return future.home;
    return undefined;
  }

  describe(): string {
    const open = this.#branches.filter((b) => !b.done);
    const shown = open.slice(0, 4).map((b) => b.future.describe());
    if (open.length > 4) shown.push(`… ${open.length - 4} more`);
    return `${this.#policy.name}(${shown.join(", ")})`;
  }

  branchWoken(branch: Branch<T>): void {
    this.#ready.push(branch);
    this.#waker?.wake();
  }

  poll(waker: Waker): Poll<R> {
    this.#waker = waker;
    const ready = this.#ready;
    this.#ready = [];
    for (let i = 0; i < ready.length; i++) {
      const branch = ready[i]!;
      branch.queued = false;
      if (branch.done) continue;
      try {
        const decision = this.#pollBranch(branch);
        if (decision === undefined) continue;
        this.#stop(undefined);
        return decision.result;
      } catch (error) {
        this.#stop(error);
        this.putBack();
        throw error;
      }
    }
    if (this.#left > 0 || this.#decided) return PENDING;
    const result = this.#policy.onEnd();
    if (result !== PENDING) this.#decided = true;
    return result;
  }

  #pollBranch(branch: Branch<T>): { readonly result: R } | undefined {
    let value: Poll<T>;
    try {
      value = checkPolled(branch.future.poll(branch));
    } catch (error) {
      branch.done = true;
      this.#left--;
      return this.#policy.onError(branch.index, error);
    }
    if (value === PENDING) return undefined;
    branch.done = true;
    branch.value = value;
    branch.earlier = this.#latest;
    this.#latest = branch;
    this.#left--;
    return this.#policy.onValue(branch.index, value);
  }

  /** Abandons the branches still open; answers whether all of them ended at once. */
  #stop(reason: unknown): boolean {
    this.#decided = true;
    let all = true;
    for (const branch of this.#branches) {
      if (branch.done) continue;
      branch.done = true;
      if (!branch.future.abandon(branch, reason)) all = false;
    }
    return all;
  }

  abandon(_waker: Waker, reason: unknown): boolean {
    if (this.#decided) return true;
    this.#stop(reason);
    this.putBack();
    return true;
  }

  /** All that its branches gave goes back, what came last first: so that it stands again as it stood. */
  putBack(): void {
    for (let branch = this.#latest; branch !== undefined; branch = branch.earlier) {
      const { value } = branch;
      branch.value = PENDING;
      if (value !== PENDING) branch.future.putBack?.(value);
    }
    this.#latest = undefined;
  }
}

/** All values in order; the first error wins. */
export function allPolicy<T>(count: number, name = "all"): Policy<T, T[]> {
  const values: T[] = new Array(count);
  return {
    name,
    isRace: false,
    onValue: (index, value) => {
      values[index] = value;
      return undefined;
    },
    onError: (_index, error) => {
      throw error;
    },
    onEnd: () => values,
  };
}

/** All results in order, in the shape of `Promise.allSettled`. */
export function settledPolicy<T>(count: number): Policy<T, PromiseSettledResult<T>[]> {
  const results: PromiseSettledResult<T>[] = new Array(count);
  return {
    name: "allSettled",
    isRace: false,
    onValue: (index, value) => {
      results[index] = { status: "fulfilled", value };
      return undefined;
    },
    onError: (index, reason) => {
      results[index] = { status: "rejected", reason };
      return undefined;
    },
    onEnd: () => results,
  };
}

/** The first value; when all fail, an `AggregateError` in order. */
export function anyPolicy<T>(count: number): Policy<T, T> {
  const errors: unknown[] = new Array(count);
  return {
    name: "any",
    isRace: true,
    onValue: (_index, value) => ({ result: value }),
    onError: (index, error) => {
      errors[index] = error;
      return undefined;
    },
    onEnd: () => {
      throw new AggregateError(errors, "Cannot take any value: every future failed");
    },
  };
}

/** The first to end, by value or error. Of none, never ends: `Promise.race` does the same. */
export function racePolicy<T>(): Policy<T, T> {
  return {
    name: "race",
    isRace: true,
    onValue: (_index, value) => ({ result: value }),
    onError: (_index, error) => {
      throw error;
    },
    onEnd: () => PENDING,
  };
}

/** The first value with its position; the first error wins. */
export function selectPolicy<T>(): Policy<T, { index: number; value: T }> {
  return {
    name: "select",
    isRace: true,
    onValue: (index, value) => ({ result: { index, value } }),
    onError: (_index, error) => {
      throw error;
    },
    onEnd: () => PENDING,
  };
}

/** What to do with the end of one future before going on; see {@linkcode Chain}. */
export interface Link<T, R> {
  /** Name for dumps. */
  readonly name: string;
  /** Of the value: the result, or the future to go on with. */
  onValue(value: T): { readonly result: R } | { readonly next: Abandonable<R> };
  /** Of the error: the same; may throw. */
  onError(error: unknown): { readonly result: R } | { readonly next: Abandonable<R> };
}

/** One future after another: `map`, `andThen`, `catch`, `finally`. */
export class Chain<T, R> implements Abandonable<R> {
  readonly #origin: Abandonable<T>;
  #first: Abandonable<T> | undefined;
  #second: Abandonable<R> | undefined;
  readonly #link: Link<T, R>;
  /** What the first one gave. */
  #passed: Poll<T> = PENDING;

  constructor(first: Abandonable<T>, link: Link<T, R>) {
    this.#origin = this.#first = first;
    this.#link = link;
  }

  get source(): WakeSource {
    return (this.#second ?? this.#first)?.source ?? 0;
  }

  get home(): Host | undefined {
    return (this.#second ?? this.#first)?.home;
  }

  describe(): string {
    return `${(this.#second ?? this.#first)?.describe() ?? "nothing"}.${this.#link.name}`;
  }

  poll(waker: Waker): Poll<R> {
    if (this.#second === undefined) {
      if (this.#first === undefined) {
        throw new TypeError("Cannot poll: the future has already ended");
      }
      let step: { readonly result: R } | { readonly next: Abandonable<R> };
      let value: Poll<T>;
      try {
        value = this.#first.poll(waker);
        if (value === PENDING) return PENDING;
        this.#first = undefined;
      } catch (error) {
        this.#first = undefined;
        step = this.#link.onError(error);
        return this.#follow(step, waker);
      }
      step = this.#link.onValue(value);
      this.#passed = value;
      return this.#follow(step, waker);
    }
    return this.#second.poll(waker);
  }

  #follow(step: { readonly result: R } | { readonly next: Abandonable<R> }, waker: Waker): Poll<R> {
    if ("result" in step) return step.result;
    this.#second = step.next;
    return this.#second.poll(waker);
  }

  /** What was passed through goes back; what was made of it does not. */
  putBack(value: R): void {
    if (this.#second !== undefined) this.#second.putBack?.(value);
    else if (this.#passed === value as unknown) this.#origin.putBack?.(value as unknown as T);
  }

  abandon(waker: Waker, reason: unknown): boolean {
    return (this.#second ?? this.#first)?.abandon(waker, reason) ?? true;
  }
}
