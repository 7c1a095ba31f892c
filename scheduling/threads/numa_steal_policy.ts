/**
 * Stealing that looks nearby first: most searches begin with the workers of the thief's own node.
 *
 * Blumofe and Leiserson, "Scheduling Multithreaded Computations by Work Stealing" (1999), draw any victim; that memory of
 * another node is dearer is what the local share is for. The better of two random victims: Michael
 * Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001).
 *
 * @module
 */

import { checkInteger, typeOf } from "../../runtime/clock.ts";
import { xorshift } from "../../runtime/run_queue.ts";
import { checkFlag, mustBeOptions } from "../group_options.ts";
import {
  StealCounters,
  type StealDescription,
  type StealPolicy,
  type StealPolicyConfig,
  type StealStats,
} from "./steal_policy.ts";

const ACTION = "create NumaStealPolicy";

/** How to make a {@linkcode NumaStealPolicy}. */
export interface NumaStealOptions extends StealPolicyConfig {
  /** The node of each worker, by its number: as many as there are workers. */
  readonly nodes: readonly number[];
  /** Where the draws begin. Default 1. */
  readonly seed?: number;
  /** How much a worker has to do, for `preferLoadedVictims`. */
  readonly load?: (worker: number) => number;
}

/** The others, as one worker sees them. */
interface Peers {
  readonly local: readonly number[];
  readonly remote: readonly number[];
}

/**
 * Draws victims at random, those of the thief's own node first in most searches.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { NumaStealPolicy } from "@vais/runtime";
 *
 * const policy = new NumaStealPolicy({ nodes: [0, 0, 1, 1], localStealProbability: 100, seed: 7 });
 * assertEquals(policy.selectVictim(0), 1); // the only other worker of node 0
 * assertEquals(policy.selectVictims(2)[0], 3);
 * assertEquals(policy.workersOnNode(1), [2, 3]);
 * ```
 */
export class NumaStealPolicy implements StealPolicy {
  readonly #nodes: readonly number[];
  readonly #peers: readonly Peers[];
  readonly #config: Required<StealPolicyConfig>;
  readonly #random: () => number;
  readonly #load: ((worker: number) => number) | undefined;
  readonly #counters = new StealCounters();
  /** Searches without success, one after the other. */
  #failures = 0;
  /** The policy as data. */
  readonly description: StealDescription;

  /**
   * For `nodes.length` workers.
   *
   * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
   */
  constructor(options: NumaStealOptions) {
    if (options === undefined) throw new TypeError(`Cannot ${ACTION}: options is undefined`);
    mustBeOptions(options, ACTION);
    const nodes = this.#nodes = checkNodes(options.nodes);
    this.#peers = nodes.map((node, worker) => ({
      local: nodes.flatMap((other, victim) => other === node && victim !== worker ? [victim] : []),
      remote: nodes.flatMap((other, victim) => other === node ? [] : [victim]),
    }));
    this.#config = checkStealConfig(options);
    const seed = checkInteger(options.seed ?? 1, 0, ACTION, "seed");
    this.#random = xorshift(seed);
    this.#load = this.#config.preferLoadedVictims ? options.load : undefined;
    if (options.load !== undefined && typeof options.load !== "function") {
      throw new TypeError(`Cannot ${ACTION}: load is ${typeOf(options.load)} (must be a function)`);
    }
    this.description = {
      kind: "numa",
      workers: this.#nodes.length,
      nodes: this.#nodes,
      config: this.#config,
      seed,
    };
  }

  /** One victim: of the own node in `localStealProbability` % of the calls, if there is one. O(1). */
  selectVictim(worker: number): number | null {
    const peers = this.#peers[worker];
    if (peers === undefined) return null;
    const [first, second] = this.#inOrder(peers);
    const among = first.length > 0 ? first : second;
    if (among.length === 0) return null;
    this.#counters.attempts++;
    return among[this.#pick(among, 0)]!;
  }

  /** Victims for one search, the nearer ones first, `maxStealAttempts` at most. O(workers). */
  selectVictims(worker: number): number[] {
    const peers = this.#peers[worker];
    if (peers === undefined) return [];
    const victims = this.#inOrder(peers).flatMap((among) => this.#shuffled(among));
    victims.length = Math.min(victims.length, this.#config.maxStealAttempts);
    this.#counters.attempts += victims.length;
    return victims;
  }

  #inOrder({ local, remote }: Peers): [readonly number[], readonly number[]] {
    return this.#random() * 100 < this.#localShare ? [local, remote] : [remote, local];
  }

  get #localShare(): number {
    const { localStealProbability, adaptive, backoffFactor } = this.#config;
    return adaptive
      ? localStealProbability / backoffFactor ** this.#failures
      : localStealProbability;
  }

  /** Fisher-Yates. */
  #shuffled(among: readonly number[]): number[] {
    const victims = [...among];
    for (let i = 0; i < victims.length - 1; i++) {
      const j = this.#pick(victims, i);
      [victims[i], victims[j]] = [victims[j]!, victims[i]!];
    }
    return victims;
  }

  /** A random place from `from` on; with `load`, the better of two. */
  #pick(victims: readonly number[], from: number): number {
    const one = this.#draw(from, victims.length);
    const load = this.#load;
    if (load === undefined) return one;
    const other = this.#draw(from, victims.length);
    return load(victims[other]!) > load(victims[one]!) ? other : one;
  }

  #draw(from: number, to: number): number {
    return from + Math.floor(this.#random() * (to - from));
  }

  /** `thief` stole from `victim`; searches begin nearby again. */
  recordSteal(thief: number, victim: number): void {
    this.#failures = 0;
    if (this.#nodes[thief] === this.#nodes[victim]) this.#counters.local++;
    else this.#counters.remote++;
  }

  /** A search found nothing. */
  recordFailedSteal(): void {
    this.#counters.failed++;
    this.#failures = Math.min(this.#failures + 1, 64);
  }

  /** What was recorded. */
  stats(): StealStats {
    return this.#counters.stats();
  }

  /** The node of a worker; `undefined` when there is no such worker. */
  nodeOf(worker: number): number | undefined {
    return this.#nodes[worker];
  }

  /** All workers of a node. */
  workersOnNode(node: number): number[] {
    return this.#nodes.flatMap((other, worker) => other === node ? [worker] : []);
  }
}

function checkNodes(nodes: unknown): readonly number[] {
  if (!Array.isArray(nodes)) {
    throw new TypeError(`Cannot ${ACTION}: nodes is ${typeOf(nodes)} (must be an array)`);
  }
  if (nodes.length === 0) {
    throw new RangeError(`Cannot ${ACTION}: nodes is empty (must have a node for each worker)`);
  }
  return nodes.map((node, i) => checkInteger(node, 0, ACTION, `nodes[${i}]`));
}

/**
 * Checks how a policy chooses.
 *
 * @throws {TypeError | RangeError} If a field has the wrong type or is out of range
 */
export function checkStealConfig(config: StealPolicyConfig): Required<StealPolicyConfig> {
  const localStealProbability = checkNumber(
    config.localStealProbability ?? 80,
    0,
    100,
    "localStealProbability",
  );
  return {
    localStealProbability,
    maxStealAttempts: checkInteger(config.maxStealAttempts ?? 8, 1, ACTION, "maxStealAttempts"),
    preferLoadedVictims: checkFlag(config.preferLoadedVictims, true, ACTION, "preferLoadedVictims"),
    adaptive: checkFlag(config.adaptive, true, ACTION, "adaptive"),
    backoffFactor: checkNumber(config.backoffFactor ?? 2, 1, Number.MAX_VALUE, "backoffFactor"),
  };
}

function checkNumber(value: unknown, least: number, most: number, what: string): number {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${ACTION}: ${what} is ${typeOf(value)} (must be a number)`);
  }
  if (!(value >= least && value <= most)) {
    throw new RangeError(
      `Cannot ${ACTION}: ${what} is ${value} (must be ${least} ${
        most === Number.MAX_VALUE ? "or more, and finite" : `to ${most}`
      })`,
    );
  }
  return value;
}
