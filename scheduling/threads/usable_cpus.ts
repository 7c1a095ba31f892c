/**
 * How many CPUs this process may use, and which worker goes where.
 *
 * @module
 */

import { checkInteger } from "../../runtime/clock.ts";
import { cgroupCpuLimit } from "./cgroup_limit.ts";
import { parseCpuList, readSystemFile } from "./system_files.ts";
import { type CpuTopology, hostCpus, readTopology, type TopologyOptions } from "./topology.ts";

/** What {@linkcode usableCpus} answers. */
export interface UsableCpus {
  /** How many threads can run at once, 1 at least. */
  readonly count: number;
  /** The CPUs that this thread may run on; undefined when that is not told. */
  readonly allowed: readonly number[] | undefined;
  /** The limit of the process's control groups, in CPUs, such as 1.5; undefined without one. */
  readonly limit: number | undefined;
}

/**
 * Counts the CPUs that this process may use: those it is bound to, and no more than its control groups
 * allow, as containers set it. A limit of 2.5 counts as 2: a third thread would be stopped in every
 * period.
 *
 * On Linux it reads `/proc` and `/sys`. Deno allows that only with `--allow-all`; without it, and
 * elsewhere, it is what the host answers. It never fails and never asks. It takes 0.2 ms.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { usableCpus } from "@vais/runtime";
 *
 * const { count, limit = Infinity } = usableCpus();
 * assert(count >= 1 && count <= Math.max(1, limit));
 * ```
 */
export function usableCpus(options: TopologyOptions = {}): UsableCpus {
  const read = options.readFile ?? readSystemFile;
  const status = read("/proc/thread-self/status");
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(status ?? "")?.[1];
  // The kernel also lists CPUs that are not there.
  const online = parseCpuList(read("/sys/devices/system/cpu/online"));
  const allowed = parseCpuList(list)?.filter((cpu) => online?.includes(cpu) ?? true);
  const limit = cgroupCpuLimit(read);
  const count = Math.min(
    options.hostCpus ?? hostCpus(),
    allowed?.length || Infinity,
    limit === undefined ? Infinity : Math.floor(limit),
  );
  return { count: Math.max(1, count), allowed, limit };
}

/** Where a worker runs best. */
export interface WorkerPlace {
  /** The CPU to bind it to. */
  readonly cpu: number;
  /** The NUMA node of that CPU. */
  readonly node: number;
}

/**
 * Gives each of `workers` workers a CPU: node after node in turn, in a node first one CPU of each
 * core, then their siblings. When all CPUs have a worker it begins again.
 *
 * It only says where; {@linkcode setThreadAffinity} binds.
 *
 * @param topology Default: this machine.
 * @param allowed The CPUs to choose from. Default: those that this process may use.
 * @throws {TypeError | RangeError} If `workers` is not a whole number
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { placeWorkers, readTopology } from "@vais/runtime";
 *
 * const topology = readTopology({ readFile: () => undefined, hostCpus: 2 });
 * assertEquals(placeWorkers(3, topology, [0, 1]), [
 *   { cpu: 0, node: 0 },
 *   { cpu: 1, node: 0 },
 *   { cpu: 0, node: 0 },
 * ]);
 * ```
 */
export function placeWorkers(
  workers: number,
  topology: CpuTopology = readTopology(),
  allowed: readonly number[] | undefined = usableCpus().allowed,
): WorkerPlace[] {
  checkInteger(workers, 0, "place workers", "the number of workers");
  const chosen = topology.cpus.filter((cpu) => allowed?.includes(cpu) ?? true);
  const usable = new Set(chosen.length > 0 ? chosen : topology.cpus);
  const rank = new Map<number, number>();
  for (const core of topology.cores) {
    core.cpus.filter((cpu) => usable.has(cpu)).forEach((cpu, i) => rank.set(cpu, i));
  }
  const nodes = topology.nodes
    .map(({ id, cpus }) =>
      cpus.filter((cpu) => usable.has(cpu))
        .sort((x, y) => (rank.get(x) ?? 0) - (rank.get(y) ?? 0) || x - y)
        .map((cpu) => ({ cpu, node: id }))
    )
    .filter((places) => places.length > 0);
  const order: WorkerPlace[] = [];
  for (let i = 0; order.length < nodes.flat().length; i++) {
    for (const places of nodes) if (i < places.length) order.push(places[i]!);
  }
  return Array.from({ length: workers }, (_, i) => order[i % order.length]!);
}
