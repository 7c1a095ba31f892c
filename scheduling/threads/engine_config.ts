/**
 * What an engine is made with, and the check at the door.
 *
 * @module
 */

import { checkDuration, checkInteger, typeOf } from "../../runtime/clock.ts";
import { DEFAULT_GRACE_MS } from "../../runtime/root_owner.ts";
import { checkFlag, mustBeOptions } from "../group_options.ts";
import type { Latency } from "./dispatch_types.ts";
import { type EngineHooks, EngineWatch } from "./engine_hooks.ts";
import type { StealPolicy } from "./steal_policy.ts";
import type { CpuTopology } from "./topology.ts";
import { usableCpus } from "./usable_cpus.ts";

/** Tasks in flight by default: abi's number. */
export const DEFAULT_MAX_TASKS = 1024;

const ACTION = "create Engine";
/** Places for workers that a dispatcher has at most. */
const MOST_WORKERS = 128;

/** What becomes of a task when as many as `maxTasks` are in flight. */
export type WhenFull =
  /** It waits outside, by priority, then in order. */
  | "wait"
  /** It rejects with `QueueFullError`. */
  | "reject"
  /** The calling thread runs it, at once. */
  | "inline";

/** Whom idle workers steal from: anybody, the others in turn, nobody, or as a policy says. */
export type Stealing = "random" | "round-robin" | "none" | StealPolicy;

/** Limits of each worker's heap, in MB; only Node has them. */
export interface WorkerLimits {
  /** Of the old generation. */
  readonly maxOldGenerationSizeMb?: number;
  /** Of the young generation. */
  readonly maxYoungGenerationSizeMb?: number;
  /** Of the stack. */
  readonly stackSizeMb?: number;
}

/** How to make an `Engine`. Every field has a default. */
export interface EngineConfig {
  /** Where functions that are called by name are exported. Without it only self-contained functions can be run. */
  readonly module?: URL | string;
  /** For thread names, errors and dumps. Default "engine". */
  readonly name?: string;
  /** Tasks in flight, queued and running, at most: 1 to 65 536. Default 1024. */
  readonly maxTasks?: number;
  /** Workers, up to 128; 0: the calling thread runs everything at once. Default: one less than CPUs, at least 1. */
  readonly workerCount?: number;
  /** Workers kept when there is nothing to do; the others start when there is. Default: `workerCount`. */
  readonly minWorkers?: number;
  /** How many `resize` may ask for. Default: `workerCount`, or the number of CPUs if that is more. */
  readonly maxWorkers?: number;
  /** A worker above `minWorkers` that had nothing to do for so long ends. In ms. Default 10 000. */
  readonly keepAliveMs?: number;
  /** Asynchronous tasks that one worker has going at once, 1 to 4096. Default 64. */
  readonly concurrency?: number;
  /** Default "wait". */
  readonly whenFull?: WhenFull;
  /** Default "random". */
  readonly stealPolicy?: Stealing;
  /** Whether stealing looks at the CPUs' nodes: then `stealPolicy` is made from the topology. Default false. */
  readonly numaEnabled?: boolean;
  /** Whether workers are pinned to CPUs, where that can be done; see `stats()`. Default false. */
  readonly cpuAffinityEnabled?: boolean;
  /** The CPUs and their nodes, in place of what the machine says. */
  readonly numaTopology?: CpuTopology | null;
  /** `low`: the calling thread spins up to 20 µs after a burst. Default "normal". */
  readonly latency?: Latency;
  /** Whether buffers in arguments are copied into shared memory, where the task sees them. Default false. */
  readonly copyBuffers?: boolean;
  /** Threads for `unblock`, at most, 1 to 128. Default 16. */
  readonly maxBlocking?: number;
  /** How long a cancelled task has to end before its thread is ended, or nobody waits any more. In ms. Default 5 000. */
  readonly graceMs?: number;
  /** How long a worker has to start, its module loaded, in ms. Default 30 000. */
  readonly startTimeoutMs?: number;
  /** Threads that could not be ended and were replaced, at most: each may keep a CPU busy. Default 4. */
  readonly maxAbandoned?: number;
  /** Results of `submit` that nobody has read, at most; the oldest are dropped. Default 1024. */
  readonly maxUnread?: number;
  /** Limits of the workers' heaps. */
  readonly resourceLimits?: WorkerLimits;
  /** Hooks. */
  readonly hooks?: EngineHooks;
  /** Where random draws begin. Default 1. */
  readonly seed?: number;
  /** Made inside a task, an engine is closed with it. True: it is not. Default false. */
  readonly detached?: boolean;
}

/** The configuration with every default filled in. */
export interface CheckedEngineConfig {
  readonly module: string | undefined;
  readonly name: string;
  readonly maxTasks: number;
  readonly workerCount: number;
  readonly minWorkers: number;
  readonly maxWorkers: number;
  readonly keepAliveMs: number;
  readonly concurrency: number;
  readonly whenFull: WhenFull;
  readonly stealPolicy: Stealing;
  readonly numaEnabled: boolean;
  readonly cpuAffinityEnabled: boolean;
  readonly numaTopology: CpuTopology | undefined;
  readonly latency: Latency;
  readonly copyBuffers: boolean;
  readonly maxBlocking: number;
  readonly graceMs: number;
  readonly startTimeoutMs: number;
  readonly maxAbandoned: number;
  readonly maxUnread: number;
  readonly resourceLimits: WorkerLimits | undefined;
  readonly watch: EngineWatch;
  readonly seed: number;
  readonly detached: boolean;
}

/**
 * Checks the configuration of an engine.
 *
 * @throws {TypeError | RangeError} If a field has the wrong type or is out of range
 */
export function checkEngineConfig(config: EngineConfig): CheckedEngineConfig {
  mustBeOptions(config, ACTION);
  const { name = "engine" } = config;
  if (typeof name !== "string") {
    throw new TypeError(`Cannot ${ACTION}: name is ${typeOf(name)} (must be a string)`);
  }
  const cpus = usableCpus().count;
  const workerCount = within(config, "workerCount", Math.max(1, cpus - 1), 0, MOST_WORKERS);
  const maxAbandoned = within(config, "maxAbandoned", 4, 0, MOST_WORKERS);
  const maxWorkers = within(
    config,
    "maxWorkers",
    Math.max(workerCount, Math.min(cpus, MOST_WORKERS)),
    Math.max(1, workerCount),
    MOST_WORKERS,
  );
  return {
    module: checkModule(config.module),
    name,
    maxTasks: within(config, "maxTasks", DEFAULT_MAX_TASKS, 1, 2 ** 16),
    workerCount,
    minWorkers: within(config, "minWorkers", workerCount, 0, workerCount),
    maxWorkers,
    keepAliveMs: checkDuration(config.keepAliveMs ?? 10_000, ACTION, "keepAliveMs", true),
    concurrency: within(config, "concurrency", 64, 1, 4096),
    whenFull: oneOf(config, "whenFull", ["wait", "reject", "inline"]),
    stealPolicy: checkStealing(config.stealPolicy),
    numaEnabled: checkFlag(config.numaEnabled, false, ACTION, "numaEnabled"),
    cpuAffinityEnabled: checkFlag(config.cpuAffinityEnabled, false, ACTION, "cpuAffinityEnabled"),
    numaTopology: checkTopology(config.numaTopology),
    latency: oneOf(config, "latency", ["normal", "low"]),
    copyBuffers: checkFlag(config.copyBuffers, false, ACTION, "copyBuffers"),
    maxBlocking: within(config, "maxBlocking", 16, 1, MOST_WORKERS),
    graceMs: checkDuration(config.graceMs ?? DEFAULT_GRACE_MS, ACTION, "graceMs", true),
    startTimeoutMs: checkDuration(config.startTimeoutMs ?? 30_000, ACTION, "startTimeoutMs", true),
    maxAbandoned,
    maxUnread: checkInteger(config.maxUnread ?? 1024, 1, ACTION, "maxUnread"),
    resourceLimits: checkLimits(config.resourceLimits),
    watch: new EngineWatch(config.hooks),
    seed: checkInteger(config.seed ?? 1, 0, ACTION, "seed"),
    detached: checkFlag(config.detached, false, ACTION, "detached"),
  };
}

/**
 * Answers a whole number within bounds.
 *
 * @throws {TypeError | RangeError} If it is none
 */
export function checkWithin(
  value: unknown,
  least: number,
  most: number,
  action: string,
  what: string,
): number {
  const number = checkInteger(value, least, action, what);
  if (number <= most) return number;
  throw new RangeError(`Cannot ${action}: ${what} is ${number} (must be ${most} at most)`);
}

function within(
  config: EngineConfig,
  what: keyof EngineConfig,
  otherwise: number,
  least: number,
  most: number,
): number {
  return checkWithin(config[what] ?? otherwise, least, most, ACTION, what);
}

function oneOf<K extends "whenFull" | "latency">(
  config: EngineConfig,
  what: K,
  choices: readonly NonNullable<EngineConfig[K]>[],
): NonNullable<EngineConfig[K]> {
  const value = config[what] ?? choices[0]!;
  if ((choices as readonly unknown[]).includes(value)) return value as NonNullable<EngineConfig[K]>;
  const ErrorClass = typeof value === "string" ? RangeError : TypeError;
  const listed = choices.map((choice) => JSON.stringify(choice)).join(", ");
  throw new ErrorClass(`Cannot ${ACTION}: ${what} is ${typeOf(value)} (must be one of ${listed})`);
}

function checkModule(module: unknown): string | undefined {
  if (module === undefined) return undefined;
  if (module instanceof URL) return module.href;
  if (typeof module !== "string") {
    throw new TypeError(`Cannot ${ACTION}: module is ${typeOf(module)} (must be a URL)`);
  }
  try {
    return new URL(module).href;
  } catch {
    throw new TypeError(
      `Cannot ${ACTION}: module is ${
        typeOf(module)
      } (must be a whole URL: new URL("./tasks.ts", import.meta.url))`,
    );
  }
}

function checkStealing(stealing: unknown): Stealing {
  if (stealing === undefined) return "random";
  if (stealing === "random" || stealing === "round-robin" || stealing === "none") return stealing;
  const { description } = (stealing ?? {}) as Partial<StealPolicy>;
  if (typeof description === "object" && description !== null) return stealing as StealPolicy;
  const ErrorClass = typeof stealing === "string" ? RangeError : TypeError;
  throw new ErrorClass(
    `Cannot ${ACTION}: stealPolicy is ${
      typeOf(stealing)
    } (must be "random", "round-robin", "none" or a StealPolicy)`,
  );
}

function checkTopology(topology: unknown): CpuTopology | undefined {
  if (topology === undefined || topology === null) return undefined;
  const { cpus, nodes } = topology as Partial<CpuTopology>;
  if (Array.isArray(cpus) && Array.isArray(nodes)) return topology as CpuTopology;
  throw new TypeError(
    `Cannot ${ACTION}: numaTopology is ${typeOf(topology)} (must be what readTopology answers)`,
  );
}

function checkLimits(limits: unknown): WorkerLimits | undefined {
  if (limits === undefined) return undefined;
  if (typeof limits !== "object" || limits === null) {
    throw new TypeError(
      `Cannot ${ACTION}: resourceLimits is ${typeOf(limits)} (must be an object)`,
    );
  }
  for (const [name, value] of Object.entries(limits)) {
    if (value !== undefined && checkDuration(value, ACTION, `resourceLimits.${name}`) === 0) {
      throw new RangeError(
        `Cannot ${ACTION}: resourceLimits.${name} is 0 (must be more, in MB)`,
      );
    }
  }
  return { ...limits as WorkerLimits };
}
