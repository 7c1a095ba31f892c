/**
 * A policy from its description: in each worker, one of its own.
 *
 * @module
 */

import { NumaStealPolicy } from "./numa_steal_policy.ts";
import { RoundRobinStealPolicy, type StealDescription, type StealPolicy } from "./steal_policy.ts";

/** The policy of one worker; `load` tells how much another one has to do. */
export function makeStealPolicy(
  description: StealDescription,
  worker: number,
  load?: (worker: number) => number,
): StealPolicy {
  if (description.kind === "round-robin") return new RoundRobinStealPolicy(description.workers);
  const { nodes, config, seed } = description;
  return new NumaStealPolicy({
    ...config,
    nodes,
    seed: seed + worker,
    ...(load === undefined ? {} : { load }),
  });
}
