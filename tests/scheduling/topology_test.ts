/**
 * The topology as machines of several kinds tell it, the limits of control groups, and where workers
 * go; then the machine that runs this.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { nodeOfCpu, placeWorkers, readTopology, usableCpus } from "@vais/runtime/scheduling";
import fc from "fast-check";
import { cgroupCpuLimit } from "../../scheduling/threads/cgroup_limit.ts";
import { parseCpuList, readSystemFile } from "../../scheduling/threads/system_files.ts";
import { skip } from "../support/skip.ts";
import { test } from "../support/test.ts";

type Files = Record<string, string>;

function reading(files: Files): (path: string) => string | undefined {
  return (path) => files[path];
}

/**
 * A machine with so many packages of so many cores, each of two CPUs: first all cores' first CPUs by
 * number, then all second ones, as Linux counts. A node for each package.
 */
function machine(packages: number, cores: number): Files {
  const all = packages * cores;
  const files: Files = {
    "/sys/devices/system/cpu/online": `0-${2 * all - 1}\n`,
    "/sys/devices/system/node/online": packages > 1 ? `0-${packages - 1}\n` : "0\n",
  };
  for (let core = 0; core < all; core++) {
    const inPackage = Math.floor(core / cores);
    for (const cpu of [core, core + all]) {
      const folder = `/sys/devices/system/cpu/cpu${cpu}`;
      files[`${folder}/topology/thread_siblings_list`] = `${core},${core + all}\n`;
      files[`${folder}/topology/physical_package_id`] = `${inPackage}\n`;
      const first = inPackage * cores, last = first + cores - 1;
      const levels = [
        ["1", "Data", "32K", `${core},${core + all}`],
        ["1", "Instruction", "64K", `${core},${core + all}`],
        ["3", "Unified", "32M", `${first}-${last},${first + all}-${last + all}`],
      ] as const;
      levels.forEach(([level, type, size, shared], i) => {
        files[`${folder}/cache/index${i}/level`] = `${level}\n`;
        files[`${folder}/cache/index${i}/type`] = `${type}\n`;
        files[`${folder}/cache/index${i}/size`] = `${size}\n`;
        files[`${folder}/cache/index${i}/shared_cpu_list`] = `${shared}\n`;
      });
    }
  }
  for (let node = 0; node < packages; node++) {
    const folder = `/sys/devices/system/node/node${node}`;
    const first = node * cores, last = first + cores - 1;
    files[`${folder}/cpulist`] = `${first}-${last},${first + all}-${last + all}\n`;
    files[`${folder}/meminfo`] = `Node ${node} MemTotal:       ${(node + 1) * 2048} kB\n`;
    files[`${folder}/distance`] = Array.from({ length: packages }, (_, i) => i === node ? 10 : 21)
      .join(" ") + "\n";
  }
  return files;
}

test("two packages with two CPUs in each core", () => {
  const topology = readTopology({ readFile: reading(machine(2, 3)) });
  assertEquals(topology.source, "system");
  assertEquals(topology.cpuCount, 12);
  assertEquals(topology.nodeCount, 2);
  assertEquals(topology.coresPerNode, 3);
  assertEquals(topology.threadsPerCore, 2);
  assertEquals(topology.cores.length, 6);
  assertEquals(topology.cores[4], { packageId: 1, cpus: [4, 10] });
  assertEquals(topology.nodes, [
    { id: 0, cpus: [0, 1, 2, 6, 7, 8], memoryMb: 2, distances: [10, 21] },
    { id: 1, cpus: [3, 4, 5, 9, 10, 11], memoryMb: 4, distances: [21, 10] },
  ]);
  const caches = topology.caches;
  assertEquals(caches.filter(({ level }) => level === 3), [
    { level: 3, type: "unified", bytes: 32 << 20, cpus: [0, 1, 2, 6, 7, 8] },
    { level: 3, type: "unified", bytes: 32 << 20, cpus: [3, 4, 5, 9, 10, 11] },
  ]);
  assertEquals(caches.filter(({ type }) => type === "data").length, 6);
  assertEquals(caches.find(({ type }) => type === "instruction")?.bytes, 65536);
  assertEquals(nodeOfCpu(topology, 10), 1);
  assertEquals(nodeOfCpu(topology, 12), undefined);
});

test("CPUs that are switched off are left out everywhere", () => {
  const files = machine(2, 2);
  files["/sys/devices/system/cpu/online"] = "0-2,4\n";
  const topology = readTopology({ readFile: reading(files) });
  assertEquals(topology.cpus, [0, 1, 2, 4]);
  assertEquals(topology.cores.map(({ cpus }) => cpus), [[0, 4], [1], [2]]);
  assertEquals(topology.nodes.map(({ cpus }) => cpus), [[0, 1, 4], [2]]);
  assertEquals(topology.coresPerNode, 2);
  assert(topology.caches.every(({ cpus }) => cpus.every((cpu) => [0, 1, 2, 4].includes(cpu))));
});

test("a node with memory only has no CPUs, and nodes need not be in a row", () => {
  const files = machine(1, 2);
  files["/sys/devices/system/node/online"] = "0,4\n";
  files["/sys/devices/system/node/node4/cpulist"] = "\n";
  files["/sys/devices/system/node/node4/meminfo"] = "Node 4 MemTotal:  1048576 kB\n";
  files["/sys/devices/system/node/node4/distance"] = "40 10\n";
  const { nodes, nodeCount } = readTopology({ readFile: reading(files) });
  assertEquals(nodeCount, 2);
  assertEquals(nodes[1], { id: 4, cpus: [], memoryMb: 1024, distances: [40, 10] });
});

test("what is not told is undefined or empty: no nodes, no caches, no cores", () => {
  const topology = readTopology({
    readFile: reading({ "/sys/devices/system/cpu/online": "0-3\n" }),
  });
  assertEquals(topology.source, "system");
  assertEquals(topology.nodes, [
    { id: 0, cpus: [0, 1, 2, 3], memoryMb: undefined, distances: [10] },
  ]);
  assertEquals([topology.cores, topology.caches], [[], []]);
  assertEquals([topology.coresPerNode, topology.threadsPerCore], [undefined, undefined]);
});

test("a system that tells nothing is one node with the host's count", () => {
  for (const readFile of [() => undefined, () => "", () => "nonsense"]) {
    const topology = readTopology({ readFile, hostCpus: 3 });
    assertEquals(topology.source, "host");
    assertEquals(topology.cpus, [0, 1, 2]);
    assertEquals(topology.nodes.map(({ cpus }) => cpus), [[0, 1, 2]]);
    assertEquals(usableCpus({ readFile, hostCpus: 3 }).count, 3);
  }
});

test("lists of CPUs are read as Linux writes them", () => {
  assertEquals(parseCpuList("0-3,8,10-11\n"), [0, 1, 2, 3, 8, 10, 11]);
  assertEquals(parseCpuList("7"), [7]);
  assertEquals(parseCpuList("\n"), []);
  for (const wrong of [undefined, "a", "1-", "3-1", "1;2", "-1", "0-99999999999"]) {
    assertEquals(parseCpuList(wrong), undefined);
  }
  const set = fc.uniqueArray(fc.integer({ min: 0, max: 300 }));
  fc.assert(
    fc.property(set, (numbers) => {
      const sorted = numbers.sort((x, y) => x - y);
      const ranges: [number, number][] = [];
      for (const n of sorted) {
        const last = ranges.at(-1);
        if (last?.[1] === n - 1) last[1] = n;
        else ranges.push([n, n]);
      }
      const text = ranges.map(([x, y]) => x === y ? `${x}` : `${x}-${y}`).join(",");
      assertEquals(parseCpuList(`${text}\n`), sorted);
    }),
    { seed: 41, numRuns: 100 },
  );
});

const V2_MOUNT = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

test("the limit of a control group, version 2, is the smallest from its own to the root", () => {
  const files: Files = {
    "/proc/self/cgroup": "0::/pods/one/app\n",
    "/proc/self/mountinfo": `22 1 0:20 / /proc rw - proc proc rw\n${V2_MOUNT}`,
    "/sys/fs/cgroup/pods/one/app/cpu.max": "max 100000\n",
  };
  assertEquals(cgroupCpuLimit(reading(files)), undefined);
  files["/sys/fs/cgroup/pods/one/cpu.max"] = "250000 100000\n";
  assertEquals(cgroupCpuLimit(reading(files)), 2.5);
  files["/sys/fs/cgroup/pods/cpu.max"] = "400000 100000\n";
  assertEquals(cgroupCpuLimit(reading(files)), 2.5);
  files["/sys/fs/cgroup/pods/one/app/cpu.max"] = "300000 100000\n";
  assertEquals(cgroupCpuLimit(reading(files)), 2.5);
  files["/sys/fs/cgroup/pods/one/app/cpu.max"] = "50000 100000\n";
  assertEquals(cgroupCpuLimit(reading(files)), 0.5);
});

test("in a container the group is the root of what is mounted", () => {
  const files: Files = {
    "/proc/self/cgroup": "0::/\n",
    "/proc/self/mountinfo": V2_MOUNT,
    "/sys/fs/cgroup/cpu.max": "150000 100000\n",
  };
  assertEquals(cgroupCpuLimit(reading(files)), 1.5);
  files["/proc/self/cgroup"] = "0::/../../other\n";
  assertEquals(cgroupCpuLimit(reading(files)), 1.5);
});

test("the limit of version 1 is its quota, under whatever name it is mounted", () => {
  const files: Files = {
    "/proc/self/cgroup": "9:memory:/m\n4:cpu,cpuacct:/docker/abc/inner\n0::/\n",
    "/proc/self/mountinfo": "31 25 0:28 /docker/abc /sys/my\\040groups/cpu,cpuacct rw - cgroup " +
      "cgroup rw,cpu,cpuacct\n32 25 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n",
    "/sys/my groups/cpu,cpuacct/inner/cpu.cfs_quota_us": "-1\n",
    "/sys/my groups/cpu,cpuacct/inner/cpu.cfs_period_us": "100000\n",
    "/sys/my groups/cpu,cpuacct/cpu.cfs_quota_us": "300000\n",
    "/sys/my groups/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
  };
  assertEquals(cgroupCpuLimit(reading(files)), 3);
  files["/sys/my groups/cpu,cpuacct/inner/cpu.cfs_quota_us"] = "120000\n";
  assertEquals(cgroupCpuLimit(reading(files)), 1.2);
});

test("the count of usable CPUs is the least of host, binding and limit, whole and 1 at least", () => {
  const files: Files = {
    ...machine(1, 4),
    "/proc/self/cgroup": "0::/\n",
    "/proc/self/mountinfo": V2_MOUNT,
    "/proc/thread-self/status": "Name:\tdeno\nCpus_allowed:\tff\nCpus_allowed_list:\t0-127\n",
  };
  const usable = () => usableCpus({ readFile: reading(files), hostCpus: 8 });
  assertEquals(usable(), { count: 8, allowed: [0, 1, 2, 3, 4, 5, 6, 7], limit: undefined });
  files["/sys/fs/cgroup/cpu.max"] = "290000 100000\n";
  assertEquals(usable().count, 2);
  files["/sys/fs/cgroup/cpu.max"] = "20000 100000\n";
  assertEquals(usable(), { count: 1, allowed: [0, 1, 2, 3, 4, 5, 6, 7], limit: 0.2 });
  files["/sys/fs/cgroup/cpu.max"] = "max 100000\n";
  files["/proc/thread-self/status"] = "Cpus_allowed_list:\t1,3-4\n";
  assertEquals(usable(), { count: 3, allowed: [1, 3, 4], limit: undefined });
});

test("workers go to node after node, to cores before siblings, and begin again", () => {
  const topology = readTopology({ readFile: reading(machine(2, 2)) });
  const all = topology.cpus;
  const cpus = placeWorkers(10, topology, all).map(({ cpu }) => cpu);
  assertEquals(cpus, [0, 2, 1, 3, 4, 6, 5, 7, 0, 2]);
  assertEquals(placeWorkers(4, topology, all).map(({ node }) => node), [0, 1, 0, 1]);
  assertEquals(placeWorkers(3, topology, [5, 6]), [
    { cpu: 5, node: 0 },
    { cpu: 6, node: 1 },
    { cpu: 5, node: 0 },
  ]);
  assertEquals(placeWorkers(0, topology, all), []);
  // Siblings may also be numbered one after the other.
  const files = machine(1, 2);
  for (const cpu of [0, 1, 2, 3]) {
    const siblings = cpu < 2 ? "0-1\n" : "2-3\n";
    files[`/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`] = siblings;
  }
  const other = readTopology({ readFile: reading(files) });
  assertEquals(placeWorkers(4, other, all).map(({ cpu }) => cpu), [0, 2, 1, 3]);
  assertThrows(() => placeWorkers(-1, topology, all), RangeError, "workers");
});

test("every allowed CPU gets a worker before any gets a second", () => {
  const shape = fc.record({
    packages: fc.integer({ min: 1, max: 4 }),
    cores: fc.integer({ min: 1, max: 6 }),
    workers: fc.integer({ min: 0, max: 60 }),
    share: fc.array(fc.boolean(), { minLength: 48, maxLength: 48 }),
  });
  fc.assert(
    fc.property(shape, ({ packages, cores, workers, share }) => {
      const topology = readTopology({ readFile: reading(machine(packages, cores)) });
      const some = topology.cpus.filter((cpu) => share[cpu]);
      const allowed = some.length > 0 ? some : topology.cpus;
      const places = placeWorkers(workers, topology, allowed);
      assertEquals(places.length, workers);
      for (let from = 0; from < workers; from += allowed.length) {
        const round = places.slice(from, from + allowed.length).map(({ cpu }) => cpu);
        assertEquals(new Set(round).size, round.length);
        assert(round.every((cpu) => allowed.includes(cpu)));
      }
      assert(places.every(({ cpu, node }) => nodeOfCpu(topology, cpu) === node));
    }),
    { seed: 42, numRuns: 200 },
  );
});

const isTold = readSystemFile("/sys/devices/system/cpu/online") !== undefined;

if (isTold) {
  test("this machine: every CPU is in one core and one node, and has a nearest cache or none is told", () => {
    const topology = readTopology();
    assertEquals(topology.source, "system");
    const listed = readFileSync("/proc/cpuinfo", "utf8").match(/^processor\s*:/gm)!.length;
    assertEquals(topology.cpuCount, listed);
    const inOrder = (cpus: readonly number[]) => [...cpus].sort((x, y) => x - y);
    assertEquals(inOrder(topology.cores.flatMap(({ cpus }) => cpus)), inOrder(topology.cpus));
    assertEquals(inOrder(topology.nodes.flatMap(({ cpus }) => cpus)), inOrder(topology.cpus));
    const nearest = topology.caches.filter(({ level, type }) =>
      level === 1 && type !== "instruction"
    );
    if (topology.caches.length > 0) {
      assertEquals(inOrder(nearest.flatMap(({ cpus }) => cpus)), inOrder(topology.cpus));
    }
    assert(usableCpus().count <= availableParallelism());
  });
} else {
  await skip(
    "this machine tells its topology",
    "it has no /sys/devices/system/cpu, or it may not be read",
  );
}
