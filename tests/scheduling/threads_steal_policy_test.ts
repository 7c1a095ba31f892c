/**
 * Steal policies: whom a worker looks at, and in which order.
 *
 * @module
 */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { NumaStealPolicy, RoundRobinStealPolicy, type StealPolicy } from "@vais/runtime";
import type { Any } from "../support/bad_input.ts";
import { test } from "../support/test.ts";

const policies = fc.oneof(
  fc.integer({ min: 1, max: 9 }).map((n): [StealPolicy, number] => [
    new RoundRobinStealPolicy(n),
    n,
  ]),
  fc.record({
    nodes: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 9 }),
    localStealProbability: fc.integer({ min: 0, max: 100 }),
    maxStealAttempts: fc.integer({ min: 1, max: 12 }),
    seed: fc.nat(),
  }).map((options): [StealPolicy, number] => [new NumaStealPolicy(options), options.nodes.length]),
);

test("never itself, never twice in a search, always a worker that there is", () => {
  fc.assert(fc.property(policies, ([policy, workers]) => {
    for (let worker = 0; worker < workers; worker++) {
      for (let round = 0; round < 3; round++) {
        const victims = policy.selectVictims(worker);
        assertEquals(new Set(victims).size, victims.length);
        const one = policy.selectVictim(worker);
        assertEquals(one === null, workers === 1);
        for (const victim of one === null ? victims : [one, ...victims]) {
          assert(victim !== worker && victim >= 0 && victim < workers);
        }
      }
    }
    for (const nobody of [-1, workers, 0.5]) {
      assertEquals(policy.selectVictim(nobody), null);
      assertEquals(policy.selectVictims(nobody), []);
    }
  }));
});

test("round robin: each search of a worker begins one further, and covers all others", () => {
  const policy = new RoundRobinStealPolicy(4);
  assertEquals([1, 2, 3, 4, 5].map(() => policy.selectVictim(2)), [3, 0, 1, 3, 0]);
  assertEquals(policy.selectVictims(2), [1, 3, 0]);
  assertEquals(policy.selectVictims(2), [3, 0, 1]);
  assertEquals(policy.selectVictims(0), [1, 2, 3], "each worker has its own turn");
});

test("numa: a search covers all others when it may; the same seed draws the same", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 2, maxLength: 8 }),
    fc.nat(),
    (nodes, seed) => {
      const options = { nodes, seed, maxStealAttempts: 8 };
      const policy = new NumaStealPolicy(options);
      const again = new NumaStealPolicy(options);
      for (let i = 0; i < 10; i++) {
        const victims = policy.selectVictims(i % nodes.length);
        assertEquals(victims, again.selectVictims(i % nodes.length));
        assertEquals(victims.length, nodes.length - 1);
      }
    },
  ));
});

test("numa: so many % of the searches begin on the own node", () => {
  const nodes = [0, 0, 0, 1, 1, 1];
  for (const localStealProbability of [0, 30, 80, 100]) {
    const policy = new NumaStealPolicy({ nodes, localStealProbability, seed: 5 });
    let local = 0;
    for (let i = 0; i < 5_000; i++) if (policy.selectVictim(1)! < 3) local++;
    assertAlmostEquals(local / 50, localStealProbability, 2);
  }
});

test("numa: with nobody on its node a worker looks elsewhere at once", () => {
  const policy = new NumaStealPolicy({ nodes: [0, 1, 1], localStealProbability: 100 });
  assert([1, 2].includes(policy.selectVictim(0)!));
});

test("numa: searches without success look at other nodes sooner, a steal sets that back", () => {
  const nodes = [0, 0, 1, 1];
  const share = (adaptive: boolean, failures: number, then?: (policy: StealPolicy) => void) => {
    const policy = new NumaStealPolicy({ nodes, adaptive, backoffFactor: 4, seed: 3 });
    for (let i = 0; i < failures; i++) policy.recordFailedSteal();
    then?.(policy);
    let local = 0;
    for (let i = 0; i < 2_000; i++) if (policy.selectVictim(0) === 1) local++;
    return local / 20;
  };
  assertAlmostEquals(share(true, 0), 80, 3);
  assertAlmostEquals(share(true, 1), 20, 3);
  assertAlmostEquals(share(true, 2), 5, 3);
  assertEquals(share(true, 1_000), 0);
  assertAlmostEquals(share(false, 9), 80, 3);
  assertAlmostEquals(share(true, 9, (policy) => policy.recordSteal(0, 1)), 80, 3);
});

test("numa: of two draws the one with more to do, when the load is told", () => {
  const nodes = Array.from({ length: 9 }, () => 0);
  const first = (preferLoadedVictims: boolean) => {
    const policy = new NumaStealPolicy({
      nodes,
      seed: 11,
      preferLoadedVictims,
      load: (worker) => worker === 8 ? 100 : 0,
    });
    let times = 0;
    for (let i = 0; i < 4_000; i++) if (policy.selectVictim(0) === 8) times++;
    return times / 4_000;
  };
  assertAlmostEquals(first(false), 1 / 8, 0.03);
  assertAlmostEquals(first(true), 1 - (7 / 8) ** 2, 0.03);
});

test("numa: at most maxStealAttempts victims in a search", () => {
  const nodes = Array.from({ length: 20 }, (_, i) => i % 2);
  assertEquals(new NumaStealPolicy({ nodes }).selectVictims(0).length, 8);
  assertEquals(new NumaStealPolicy({ nodes, maxStealAttempts: 3 }).selectVictims(0).length, 3);
});

test("numa: nodes and their workers, the asking one included", () => {
  const policy = new NumaStealPolicy({ nodes: [0, 1, 0, 2] });
  assertEquals(policy.workersOnNode(0), [0, 2]);
  assertEquals(policy.workersOnNode(7), []);
  assertEquals([0, 1, 2, 3, 4].map((w) => policy.nodeOf(w)), [0, 1, 0, 2, undefined]);
});

test("steals are counted as local or remote, and rates are in %", () => {
  const policy = new NumaStealPolicy({ nodes: [0, 0, 1] });
  assertEquals(policy.stats(), {
    local: 0,
    remote: 0,
    failed: 0,
    totalAttempts: 0,
    localRate: 0,
    successRate: 0,
  });
  for (let i = 0; i < 8; i++) policy.selectVictim(0);
  policy.recordSteal(0, 1);
  policy.recordSteal(1, 0);
  policy.recordSteal(0, 1);
  policy.recordSteal(0, 2);
  policy.recordFailedSteal();
  assertEquals(policy.stats(), {
    local: 3,
    remote: 1,
    failed: 1,
    totalAttempts: 8,
    localRate: 75,
    successRate: 50,
  });
  const turns = new RoundRobinStealPolicy(3);
  turns.selectVictims(0);
  turns.recordSteal(0, 1);
  assertEquals([turns.stats().local, turns.stats().totalAttempts], [1, 2]);
});

test("a description can be cloned; different seeds draw differently", () => {
  const policy = new NumaStealPolicy({ nodes: [0, 0, 0, 0, 0, 0, 0, 0], seed: 1, load: () => 1 });
  assertEquals(structuredClone(policy.description), policy.description);
  const round = new RoundRobinStealPolicy(2).description;
  assertEquals(structuredClone(round), round);
  const nodes = Array.from({ length: 8 }, () => 0);
  const draws = (seed: number) => {
    const one = new NumaStealPolicy({ nodes, seed });
    return Array.from({ length: 20 }, () => one.selectVictim(0));
  };
  assertNotEquals(draws(1), draws(2));
  assertLess(new Set(draws(3)).size, 8);
});

test("bad input to the policies is refused", () => {
  for (const workers of ["2", null, undefined] as Any[]) {
    assertThrows(() => new RoundRobinStealPolicy(workers), TypeError, "Cannot create RoundRobin");
  }
  for (const workers of [0, -1, 1.5, NaN]) {
    assertThrows(() => new RoundRobinStealPolicy(workers), RangeError, "Cannot create RoundRobin");
  }
  const nodes = [0, 0];
  const wrongType = [
    undefined,
    null,
    5,
    {},
    { nodes: "00" },
    { nodes: ["0"] },
    { nodes, localStealProbability: "80" },
    { nodes, maxStealAttempts: "8" },
    { nodes, preferLoadedVictims: 1 },
    { nodes, adaptive: 0 },
    { nodes, backoffFactor: "2" },
    { nodes, seed: "1" },
    { nodes, load: 5 },
  ];
  for (const options of wrongType as Any[]) {
    assertThrows(() => new NumaStealPolicy(options), TypeError, "Cannot create NumaStealPolicy");
  }
  const outOfRange = [
    { nodes: [] },
    { nodes: [-1] },
    { nodes: [0.5] },
    { nodes, localStealProbability: 101 },
    { nodes, localStealProbability: NaN },
    { nodes, maxStealAttempts: 0 },
    { nodes, backoffFactor: 0.5 },
    { nodes, backoffFactor: Infinity },
    { nodes, seed: -1 },
  ];
  for (const options of outOfRange) {
    assertThrows(() => new NumaStealPolicy(options), RangeError, "Cannot create NumaStealPolicy");
  }
});
