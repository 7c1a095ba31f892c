/**
 * Bugs planted into the dispatch code: the explorer finds each of them. Without them the same programs pass:
 * see `threads_dispatch_explored_test.ts`.
 *
 * @module
 */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { exploreInterleavings, InterleavingError } from "@vais/runtime/testing";
import { test } from "../support/test.ts";
import {
  dispatchModule,
  type DispatchProgram,
  GIVEN_UP,
  limitsOf,
  ONE_WORKER,
  PASSED_ON,
  PAUSED,
  STOLEN,
} from "../support/threads_dispatch_programs.ts";

/** A bug, by what is done to the code's classes before a program runs. */
interface Bug {
  readonly name: string;
  readonly program: DispatchProgram;
  readonly planted: string;
  readonly reason: InterleavingError["reason"];
  readonly says?: RegExp;
}

const getter = (owner: string, name: string, body: string) =>
  `Object.defineProperty(${owner}.prototype, "${name}", { get() { ${body} } });`;

const BUGS: readonly Bug[] = [
  {
    name: "a worker does not look again before it sleeps",
    program: ONE_WORKER,
    planted: getter("Claims", "isWorkLeft", "return false;"),
    reason: "asleep",
  },
  {
    name: "the owner does not look again before it sleeps",
    program: ONE_WORKER,
    planted: getter("DispatchCore", "hasEvents", "return false;"),
    reason: "asleep",
  },
  {
    name: "the bell is rung before the event is told",
    program: ONE_WORKER,
    planted: `
      const { ring } = OwnerBell.prototype;
      const { tell } = WorkerSteps.prototype;
      let isSilent = false;
      OwnerBell.prototype.ring = function () {
        return !isSilent && ring.call(this);
      };
      WorkerSteps.prototype.tell = function (...event) {
        const { words, bell } = here;
        if (Atomics.compareExchange(words, bell, 1, 0) === 1) Atomics.notify(words, bell);
        isSilent = true;
        tell.apply(this, event);
        isSilent = false;
      };`,
    reason: "asleep",
  },
  {
    name: "who has begun a task leaves the next to itself",
    program: PASSED_ON,
    planted: getter("Claims", "isLaneWorkLeft", "return false;"),
    reason: "asleep",
  },
  {
    name: "what lies in a batch is not stolen",
    program: STOLEN,
    planted: "Claims.prototype.steal = () => false;",
    reason: "endless",
  },
  {
    name: "tasks are queued anew under their old tickets",
    program: GIVEN_UP,
    planted: "TaskTable.prototype.nextTicket = () => 0;",
    reason: "asleep",
  },
  {
    name: "the slot of a lost task is used again at once",
    program: GIVEN_UP,
    planted: "FREES_EARLY = true;",
    reason: "asleep",
  },
  {
    name: "a worker that was given up still counts as one that looks for work",
    program: GIVEN_UP,
    planted: "IdleWords.prototype.ignore = () => {};",
    reason: "asleep",
  },
  {
    name: "a worker does not look at its orders once it has begun a task",
    program: PAUSED,
    planted: `
      const { get } = Object.getOwnPropertyDescriptor(WorkerSteps.prototype, "orders");
      ${getter("WorkerSteps", "orders", "return get.call(this) & ~PAUSE;")}`,
    reason: "threw",
    says: /runs in a pause/,
  },
];

for (const { name, program, planted, reason, says } of BUGS) {
  test(`planted in the dispatch code: ${name}`, async () => {
    const found = await assertRejects(
      () => exploreInterleavings(dispatchModule({ ...program, planted }), limitsOf(program)),
      InterleavingError,
    );
    assertEquals(found.reason, reason, found.message);
    if (says !== undefined) assertMatch(found.message, says);
    console.log(`${name}: found in ${found.schedules} schedules`);
  });
}
