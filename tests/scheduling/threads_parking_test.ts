/**
 * Who sleeps, who is woken, and how the owner waits.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { DispatchRegion } from "../../scheduling/threads/dispatch_region.ts";
import { Dispatcher } from "../../scheduling/threads/dispatcher.ts";
import { IdleWords } from "../../scheduling/threads/idle_words.ts";
import { OwnerBell } from "../../scheduling/threads/owner_bell.ts";
import { nextTurn, OwnerWait } from "../../scheduling/threads/owner_wait.ts";
import { RandomVictims } from "../../scheduling/threads/random_victims.ts";
import { Ends, WorkerByHand } from "../support/threads_dispatch_by_hand.ts";
import { test } from "../support/test.ts";

function makeRegion(workers: number): DispatchRegion {
  return DispatchRegion.create({
    capacity: 2,
    workers,
    inlineBytes: 0,
    claim: 1,
    strict: false,
    steal: true,
  });
}

for (const workers of [1, 3, 16, 40]) {
  test(`property: ${workers} workers: one sleeper is picked, and none while somebody looks`, () => {
    const steps = fc.array(
      fc.tuple(
        fc.constantFrom("look", "busy", "sleep", "wake", "ignore", "reset", "pick" as const),
        fc.nat(workers - 1),
      ),
      { maxLength: 100 },
    );
    fc.assert(
      fc.property(steps, (program) => {
        const idle = new IdleWords(makeRegion(workers));
        const states = new Array<string>(workers).fill("busy");
        const counts = new Array<boolean>(workers).fill(true);
        for (const [what, worker] of program) {
          if (what === "pick") {
            const picked = idle.pick();
            const isLooked = states.some((state, i) => counts[i] && state === "look");
            const sleepers = states.filter((state, i) => counts[i] && state === "sleep").length;
            if (isLooked || sleepers === 0) {
              assertEquals(picked, -1);
            } else {
              assert(counts[picked] && states[picked] === "sleep", `picked ${picked}`);
              states[picked] = "look";
            }
          } else if (what !== "look" || states[worker] !== "sleep") { // asleep it wakes first
            idle[what](worker);
            if (what === "ignore") counts[worker] = false;
            else if (what === "reset") [counts[worker], states[worker]] = [true, "busy"];
            else {states[worker] =
                { look: "look", busy: "busy", sleep: "sleep", wake: "look" }[what];}
          }
          for (let i = 0; i < workers; i++) assertEquals(idle.isAsleep(i), states[i] === "sleep");
        }
      }),
      { numRuns: 200, seed: 12 },
    );
  });
}

test("a burst wakes one worker; that one, once it has work and leaves some, wakes the next", () => {
  const dispatcher = Dispatcher.create({ workers: 3, claim: "one", keepAlive: () => {} });
  const workers = [0, 1, 2].map(() =>
    new WorkerByHand(dispatcher, dispatcher.openWorker() as number)
  );
  const idle = new IdleWords(DispatchRegion.attach(dispatcher.handle()));
  const asleep = () => [0, 1, 2].filter((worker) => idle.isAsleep(worker));
  for (const worker of workers) assert(worker.sleep());
  for (let tag = 0; tag < 100; tag++) dispatcher.submit(0, [tag], new Ends(), tag);
  dispatcher.flush();
  assertEquals(asleep(), [1, 2]);
  workers[0]!.wake();
  const first = workers[0]!.begin()!;
  assertEquals(asleep(), [2]);
  dispatcher.submit(0, [100], new Ends(), 100);
  dispatcher.flush();
  assertEquals(asleep(), [2], "the second is on its way");
  workers[1]!.wake();
  workers[1]!.begin();
  assertEquals(asleep(), []);
  workers[0]!.end(first, 0);
});

test("a worker that finds work at its last look does not sleep", () => {
  const dispatcher = Dispatcher.create({ workers: 1, keepAlive: () => {} });
  const worker = new WorkerByHand(dispatcher, dispatcher.openWorker() as number);
  dispatcher.submit(0, [], new Ends());
  dispatcher.flush();
  assert(!worker.sleep());
  worker.end(worker.begin()!, 0);
  assert(worker.sleep());
  dispatcher.pause();
  assert(!worker.sleep(), "an order is something to do");
});

test("the bell is heard once, by whoever sleeps, and not at all by who does not", async () => {
  const bell = new OwnerBell(makeRegion(1));
  assert(!bell.ring());
  bell.arm();
  const waiting = bell.waitAsync();
  assert(waiting !== undefined);
  assert(bell.ring());
  assert(!bell.ring());
  const held = setInterval(() => {}, 1000); // waitAsync alone keeps no program alive
  await waiting;
  clearInterval(held);
  bell.arm();
  assert(!bell.wait(0));
  assert(bell.ring());
  assert(bell.wait(0));
  assertEquals(bell.waitAsync(), undefined, "rung already");
});

/** An owner's waiting, with events made by hand. */
function makeWait(latency: "normal" | "low") {
  const bell = new OwnerBell(makeRegion(1));
  const seen = { events: 0, taken: 0, looks: 0 };
  const wait = new OwnerWait(bell, {
    isBusy: () => true,
    hasEvents: () => {
      seen.looks++;
      return seen.events > 0;
    },
    take: () => {
      seen.taken += seen.events;
      seen.events = 0;
    },
  }, latency);
  return { bell, seen, wait };
}

async function turnsUntil(isSo: () => boolean): Promise<number> {
  let turns = 0;
  for (; !isSo(); turns++) {
    assert(turns < 1000, "it did not come about");
    await new Promise<void>((resolve) => nextTurn(resolve));
  }
  return turns;
}

test("the owner tries a few turns, then sleeps; whoever tells something wakes it", async () => {
  const { bell, seen, wait } = makeWait("normal");
  wait.begin(false);
  assert(!bell.isArmed);
  assert(await turnsUntil(() => bell.isArmed) <= 9);
  for (let i = 1; i <= 3; i++) {
    seen.events++;
    assert(bell.ring(), `round ${i}`);
    await turnsUntil(() => seen.taken === i);
    await turnsUntil(() => bell.isArmed);
  }
  const { looks } = seen;
  for (let i = 0; i < 50; i++) await new Promise<void>((resolve) => nextTurn(resolve));
  assertEquals(seen.looks, looks, "asleep it does not look");
});

test("the owner that has just woken a worker sleeps at once", () => {
  const { bell, wait } = makeWait("normal");
  wait.begin(true);
  assert(bell.isArmed);
});

test("with low latency events are taken in the same turn, but the host gets its turns", async () => {
  const { seen, wait } = makeWait("low");
  let turned = false;
  nextTurn(() => turned = true);
  let inARow = 0;
  for (; !turned; inARow++) {
    assert(inARow < 1000, "the host's loop never got a turn");
    seen.events = 1;
    wait.begin(false);
    if (seen.events === 1) await new Promise<void>((resolve) => nextTurn(resolve));
    else await Promise.resolve();
  }
  assert(inARow > 1);
});

test("victims: never oneself, everybody else sooner or later, the same for the same seed", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 20 }), fc.nat(1000), fc.nat(19), (workers, seed, me) => {
      const self = me % workers;
      const policy = new RandomVictims(workers, seed);
      const again = new RandomVictims(workers, seed);
      const chosen = Array.from({ length: 2 * workers }, () => policy.selectVictim(self));
      assertEquals(chosen, chosen.map(() => again.selectVictim(self)));
      assert(!chosen.includes(self));
      assertEquals(new Set(chosen).size, workers - 1);
    }),
    { numRuns: 300, seed: 13 },
  );
  assertEquals(new RandomVictims(1, 1).selectVictim(0), null);
});
