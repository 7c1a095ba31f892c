/**
 * Whom an idle worker steals from: the order in which it looks at the others.
 *
 * Invariant: a policy names workers other than the thief, each at most once per search. It holds no shared
 * state: every worker has one of its own, made from the same description and a seed of its own, so the same
 * seed gives the same draws.
 *
 * @module
 */

import { checkInteger } from "../../runtime/clock.ts";

/** Steals counted by a policy. */
export interface StealStats {
  /** From a worker of the same node. */
  readonly local: number;
  /** From a worker of another node. */
  readonly remote: number;
  /** Searches that found nothing. */
  readonly failed: number;
  /** Victims chosen. */
  readonly totalAttempts: number;
  /** local / (local + remote), in %; 0 when there were none. */
  readonly localRate: number;
  /** (local + remote) / totalAttempts, in %; 0 when there were none. */
  readonly successRate: number;
}

/** A policy as data: what is sent to the workers, each of which makes its own from it. */
export type StealDescription =
  | { readonly kind: "round-robin"; readonly workers: number }
  | {
    readonly kind: "numa";
    readonly workers: number;
    readonly nodes: readonly number[];
    readonly config: StealPolicyConfig;
    readonly seed: number;
  };

/** How a `NumaStealPolicy` chooses. */
export interface StealPolicyConfig {
  /** In so many % of its searches a worker looks at its own node first, 0 to 100. Default 80. */
  readonly localStealProbability?: number;
  /** Victims looked at in one search, at most. Default 8. */
  readonly maxStealAttempts?: number;
  /** Of two random victims, the one with more to do. Default true. Needs `load`, else it has no effect. */
  readonly preferLoadedVictims?: boolean;
  /** After searches without success, look at other nodes sooner. Default true. */
  readonly adaptive?: boolean;
  /** What `localStealProbability` is divided by after each of those, 1 or more. Default 2. */
  readonly backoffFactor?: number;
}

/** Chooses victims for thieves. Workers are numbers from 0. */
export interface StealPolicy {
  /** The policy as data. */
  readonly description: StealDescription;
  /** The next victim for `worker`; null when it is alone, or there is no such worker. */
  selectVictim(worker: number): number | null;
  /** Victims for one search of `worker`, in order, each once, never itself. */
  selectVictims(worker: number): number[];
  /** `thief` stole from `victim`. */
  recordSteal(thief: number, victim: number): void;
  /** A search found nothing. */
  recordFailedSteal(): void;
  /** What was recorded. */
  stats(): StealStats;
}

/** Internal: the counters of a policy. */
export class StealCounters {
  local = 0;
  remote = 0;
  failed = 0;
  attempts = 0;

  stats(): StealStats {
    const { local, remote, failed, attempts } = this;
    const stolen = local + remote;
    return {
      local,
      remote,
      failed,
      totalAttempts: attempts,
      localRate: stolen === 0 ? 0 : local / stolen * 100,
      successRate: attempts === 0 ? 0 : stolen / attempts * 100,
    };
  }
}

/**
 * Looks at the others in turn, beginning after the one it looked at last.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { RoundRobinStealPolicy } from "@vais/runtime";
 *
 * const policy = new RoundRobinStealPolicy(3);
 * assertEquals([1, 2, 3].map(() => policy.selectVictim(0)), [1, 2, 1]);
 * assertEquals(policy.selectVictims(1), [2, 0]);
 * ```
 */
export class RoundRobinStealPolicy implements StealPolicy {
  readonly #next: number[];
  readonly #counters = new StealCounters();
  /** The policy as data. */
  readonly description: StealDescription;

  /**
   * For so many workers.
   *
   * @throws {TypeError | RangeError} If it is not a whole number from 1
   */
  constructor(workers: number) {
    checkInteger(workers, 1, "create RoundRobinStealPolicy", "workers");
    this.description = { kind: "round-robin", workers };
    this.#next = Array.from({ length: workers }, (_, worker) => (worker + 1) % workers);
  }

  /** The victim after the last one. O(1). */
  selectVictim(worker: number): number | null {
    const { length: workers } = this.#next;
    const victim = this.#next[worker];
    if (victim === undefined || workers === 1) return null;
    this.#counters.attempts++;
    const after = (victim + 1) % workers;
    this.#next[worker] = after === worker ? (after + 1) % workers : after;
    return victim;
  }

  /** All others, from the one whose turn it is. The next search begins one further. O(workers). */
  selectVictims(worker: number): number[] {
    const first = this.selectVictim(worker);
    if (first === null) return [];
    const { length: workers } = this.#next;
    const victims = [first];
    for (let i = 1; i < workers; i++) {
      const victim = (first + i) % workers;
      if (victim !== worker) victims.push(victim);
    }
    this.#counters.attempts += victims.length - 1;
    return victims;
  }

  /** Counts a steal: all are on one node here. */
  recordSteal(_thief: number, _victim: number): void {
    this.#counters.local++;
  }

  /** Counts a search without success. */
  recordFailedSteal(): void {
    this.#counters.failed++;
  }

  /** What was recorded. */
  stats(): StealStats {
    return this.#counters.stats();
  }
}
