/**
 * The processors of this machine: cores, NUMA nodes and caches, as it tells itself.
 *
 * @module
 */

import { parseCpuList, parseNumber, type ReadFile, readSystemFile } from "./system_files.ts";

/** A core: CPUs that share its units. */
export interface CpuCore {
  /** The package (socket) it is in; undefined where that is not told. */
  readonly packageId: number | undefined;
  /** Its CPUs: more than one with simultaneous multithreading. */
  readonly cpus: readonly number[];
}

/** A cache, with the CPUs that share it. */
export interface CpuCache {
  /** 1 is the nearest. */
  readonly level: number;
  /** What it holds. */
  readonly type: "data" | "instruction" | "unified";
  /** Its size. */
  readonly bytes: number;
  /** Who shares it. */
  readonly cpus: readonly number[];
}

/** CPUs with the memory next to them. */
export interface NumaNode {
  /** Its number. */
  readonly id: number;
  /** Its CPUs; none in a node that is memory only. */
  readonly cpus: readonly number[];
  /** Its memory in MiB; undefined where that is not told. */
  readonly memoryMb: number | undefined;
  /** How far the memory of each node is from here, in the order of `nodes`: 10 is its own. */
  readonly distances: readonly number[];
}

/** What {@linkcode readTopology} answers: plain data, which can be posted to workers. */
export interface CpuTopology {
  /**
   * `"system"` when the machine told; `"host"` when only the number of CPUs is known: then there is
   * one node with all of them, no core and no cache.
   */
  readonly source: "system" | "host";
  /** CPUs that are switched on, by number, also those that this process may not use. */
  readonly cpus: readonly number[];
  /** Cores; empty when unknown. */
  readonly cores: readonly CpuCore[];
  /** NUMA nodes, one at least. */
  readonly nodes: readonly NumaNode[];
  /** Caches; empty when unknown. */
  readonly caches: readonly CpuCache[];
  /** How many CPUs. */
  readonly cpuCount: number;
  /** How many nodes. */
  readonly nodeCount: number;
  /** Cores of the node that has most; undefined when unknown. */
  readonly coresPerNode: number | undefined;
  /** CPUs of the core that has most; undefined when unknown. */
  readonly threadsPerCore: number | undefined;
}

/** Where {@linkcode readTopology} looks. */
export interface TopologyOptions {
  /** Instead of this machine's files: answers undefined when there is no such file. */
  readonly readFile?: (path: string) => string | undefined;
  /** Instead of the host's count of CPUs. */
  readonly hostCpus?: number;
}

const CPU = "/sys/devices/system/cpu";
const NODE = "/sys/devices/system/node";
/** A CPU's own distance, by the ACPI specification (SLIT). */
const LOCAL = 10;

/**
 * Reads the processors of this machine: on Linux from `/sys`, which Deno allows only with
 * `--allow-all`; elsewhere only how many there are. It never fails and never asks.
 *
 * It reads some ten files for each core: 0.3 ms for 2 cores, some 10 ms for 100. Read it once.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { readTopology } from "@vais/runtime";
 *
 * const { source, cpuCount, nodes, caches } = readTopology();
 * assert(cpuCount >= 1 && nodes.length >= 1);
 * if (source === "system") console.log(caches.map(({ level, bytes }) => `L${level} ${bytes >> 10} KiB`));
 * ```
 */
export function readTopology(options: TopologyOptions = {}): CpuTopology {
  const read = options.readFile ?? readSystemFile;
  const cpus = parseCpuList(read(`${CPU}/online`));
  if (cpus === undefined || cpus.length === 0) return ofHost(options.hostCpus ?? hostCpus());
  const cores = readCores(read, cpus);
  const nodes = readNodes(read, cpus);
  return {
    source: "system",
    cpus,
    cores,
    nodes,
    caches: readCaches(read, cpus),
    cpuCount: cpus.length,
    nodeCount: nodes.length,
    coresPerNode: most(nodes.map((node) => cores.filter((core) => isIn(node, core)).length)),
    threadsPerCore: most(cores.map((core) => core.cpus.length)),
  };
}

/**
 * The node of a CPU; undefined when no node has it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nodeOfCpu, readTopology } from "@vais/runtime";
 *
 * const { cpus, nodes } = readTopology();
 * const node = nodeOfCpu(readTopology(), cpus[0]!);
 * assertEquals(nodes.find(({ id }) => id === node)?.cpus.includes(cpus[0]!), true);
 * ```
 */
export function nodeOfCpu(topology: CpuTopology, cpu: number): number | undefined {
  return topology.nodes.find((node) => node.cpus.includes(cpu))?.id;
}

function ofHost(count: number): CpuTopology {
  const cpus = Array.from({ length: Math.max(1, count) }, (_, i) => i);
  return {
    source: "host",
    cpus,
    cores: [],
    nodes: [{ id: 0, cpus, memoryMb: undefined, distances: [LOCAL] }],
    caches: [],
    cpuCount: cpus.length,
    nodeCount: 1,
    coresPerNode: undefined,
    threadsPerCore: undefined,
  };
}

function readCores(read: ReadFile, cpus: readonly number[]): CpuCore[] {
  const online = new Set(cpus), seen = new Set<number>();
  const cores: CpuCore[] = [];
  for (const cpu of cpus) {
    if (seen.has(cpu)) continue;
    const folder = `${CPU}/cpu${cpu}/topology`;
    const siblings = parseCpuList(
      read(`${folder}/core_cpus_list`) ?? read(`${folder}/thread_siblings_list`),
    );
    if (siblings === undefined) continue;
    const own = siblings.filter((other) => online.has(other));
    for (const other of own) seen.add(other);
    cores.push({ packageId: parseNumber(read(`${folder}/physical_package_id`)), cpus: own });
  }
  return cores;
}

function readNodes(read: ReadFile, cpus: readonly number[]): NumaNode[] {
  const online = new Set(cpus);
  const nodes: NumaNode[] = [];
  for (const id of parseCpuList(read(`${NODE}/online`)) ?? []) {
    const own = parseCpuList(read(`${NODE}/node${id}/cpulist`));
    if (own === undefined) continue;
    const memory = /MemTotal:\s+(\d+) kB/.exec(read(`${NODE}/node${id}/meminfo`) ?? "")?.[1];
    nodes.push({
      id,
      cpus: own.filter((cpu) => online.has(cpu)),
      memoryMb: memory === undefined ? undefined : Math.floor(Number(memory) / 1024),
      distances: (read(`${NODE}/node${id}/distance`) ?? "").trim().split(/\s+/)
        .filter((text) => text !== "").map(Number),
    });
  }
  const known = nodes.flatMap((node) => node.cpus).length;
  // A kernel without NUMA has no such folder.
  if (known > 0) return nodes;
  return [{ id: 0, cpus, memoryMb: undefined, distances: [LOCAL] }];
}

const CACHE_TYPES: Readonly<Record<string, CpuCache["type"]>> = {
  Data: "data",
  Instruction: "instruction",
  Unified: "unified",
};

function readCaches(read: ReadFile, cpus: readonly number[]): CpuCache[] {
  const online = new Set(cpus), seen = new Set<string>();
  const caches: CpuCache[] = [];
  for (const cpu of cpus) {
    for (let i = 0;; i++) {
      const folder = `${CPU}/cpu${cpu}/cache/index${i}`;
      const key = `${i} ${cpu}`;
      if (seen.has(key)) continue;
      const level = parseNumber(read(`${folder}/level`));
      if (level === undefined) break;
      const type = CACHE_TYPES[(read(`${folder}/type`) ?? "").trim()];
      const size = /^(\d+)([KM]?)/.exec(read(`${folder}/size`) ?? "");
      const shared = (parseCpuList(read(`${folder}/shared_cpu_list`)) ?? [cpu])
        .filter((other) => online.has(other));
      for (const other of shared) seen.add(`${i} ${other}`);
      if (type === undefined || size === null) continue;
      const unit = size[2] === "M" ? 2 ** 20 : size[2] === "K" ? 1024 : 1;
      caches.push({ level, type, bytes: Number(size[1]) * unit, cpus: shared });
    }
  }
  return caches;
}

function isIn(node: NumaNode, core: CpuCore): boolean {
  return core.cpus.some((cpu) => node.cpus.includes(cpu));
}

function most(counts: readonly number[]): number | undefined {
  const largest = Math.max(0, ...counts);
  return largest === 0 ? undefined : largest;
}

interface Host {
  readonly navigator?: { readonly hardwareConcurrency?: number };
  readonly process?: {
    getBuiltinModule?(name: "node:os"): { availableParallelism(): number };
  };
}

/** How many CPUs the host says that this process may use. */
export function hostCpus(): number {
  const { navigator, process } = globalThis as Host;
  const count = navigator?.hardwareConcurrency ??
    process?.getBuiltinModule?.("node:os").availableParallelism();
  return Math.max(1, count ?? 1);
}
