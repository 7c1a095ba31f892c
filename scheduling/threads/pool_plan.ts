/**
 * What pools an engine needs, by its configuration.
 *
 * @module
 */

import type { CheckedEngineConfig } from "./engine_config.ts";
import type { PoolOptions } from "./pool_options.ts";
import type { StealDescription } from "./steal_policy.ts";
import { readTopology } from "./topology.ts";
import { placeWorkers, type WorkerPlace } from "./usable_cpus.ts";

/** Slots beside `maxTasks`: tasks of threads that were given up keep theirs. */
const SPARE_SLOTS = 64;
const MOST_PLACES = 128;
const MOST_SLOTS = 2 ** 16;
/** A thread for blocking calls that had nothing to do for so long ends. */
const BLOCKING_KEEP_ALIVE_MS = 10_000;

/** What the two kinds of pools are made with. */
export type PoolPlan = Omit<PoolOptions, "listener" | "timers">;

/** The pool for the engine's work. */
export function workPlan(config: CheckedEngineConfig): PoolPlan {
  const { workerCount, maxWorkers, maxAbandoned } = config;
  const places = workerCount === 0 ? 0 : Math.min(MOST_PLACES, maxWorkers + maxAbandoned);
  const needsPlaces = config.numaEnabled || config.cpuAffinityEnabled;
  const where = needsPlaces
    ? placeWorkers(places, config.numaTopology ?? readTopology())
    : undefined;
  return {
    ...shared(config),
    name: config.name,
    min: config.minWorkers,
    max: workerCount,
    most: workerCount === 0 ? 0 : maxWorkers,
    keepAliveMs: config.keepAliveMs,
    capacity: Math.min(MOST_SLOTS, config.maxTasks + SPARE_SLOTS),
    claim: "batch",
    steal: stealingOf(config, places, where),
    concurrency: config.concurrency,
    cpus: config.cpuAffinityEnabled ? where!.map(({ cpu }) => cpu) : undefined,
  };
}

/** The pool for blocking calls: a thread for each, started when it is needed. */
export function blockingPlan(config: CheckedEngineConfig): PoolPlan {
  return {
    ...shared(config),
    name: `${config.name} blocking`,
    min: 0,
    max: config.maxBlocking,
    most: config.maxBlocking,
    keepAliveMs: BLOCKING_KEEP_ALIVE_MS,
    capacity: Math.min(MOST_SLOTS, config.maxTasks + SPARE_SLOTS),
    claim: "one",
    steal: "none",
    concurrency: 1,
    cpus: undefined,
  };
}

function shared(config: CheckedEngineConfig) {
  const { module, latency, copyBuffers, startTimeoutMs, maxAbandoned, resourceLimits, seed } =
    config;
  return {
    module,
    latency,
    copyBuffers,
    startTimeoutMs,
    maxAbandoned,
    resourceLimits,
    seed,
    strictLanes: false,
  };
}

/** A policy counts all places, also those of workers that replace others. */
function stealingOf(
  { stealPolicy, numaEnabled, seed }: CheckedEngineConfig,
  places: number,
  where: readonly WorkerPlace[] | undefined,
): StealDescription | "random" | "none" {
  if (stealPolicy === "none" || places === 0) return "none";
  if (typeof stealPolicy === "object") return stretched(stealPolicy.description, places);
  if (stealPolicy === "round-robin") return { kind: "round-robin", workers: places };
  if (!numaEnabled) return "random";
  const nodes = where!.map(({ node }) => node);
  return { kind: "numa", workers: places, nodes, config: {}, seed };
}

function stretched(description: StealDescription, places: number): StealDescription {
  if (description.kind === "round-robin") return { kind: "round-robin", workers: places };
  const { nodes } = description;
  return {
    ...description,
    workers: places,
    nodes: Array.from({ length: places }, (_, place) => nodes[place % nodes.length]!),
  };
}
