/**
 * A program whose output must be the same on Deno (from the sources) and on
 * Node (from the installed npm package). It prints what it sees, line by line.
 *
 * A small delivery service: a warehouse with three packers, couriers that race, an address book that
 * is sometimes slow, and a customer who gives up. Where time decides, the gaps are wide.
 *
 * @module
 */
import * as vais from "@vais/runtime";
import {
  all,
  allSettled,
  any,
  Cancelled,
  Deferred,
  describeReason,
  failuresOf,
  Future,
  join,
  moveOnAfter,
  parallelForEach,
  race,
  Runtime,
  type Scope,
  scope,
  select,
  shield,
  sleep,
  TaskGroup,
  type TaskScope,
  TimeoutError,
  withTimeout,
  yieldNow,
} from "@vais/runtime";

/** Longer than anything here takes. */
const FOR_EVER = 60_000;

const say = (...words: unknown[]) => console.log(words.join(" "));
const chapter = (title: string) => say(`\n== ${title}`);

/** What an error says of itself, the same on both hosts. */
function told(error: unknown): string {
  if (error instanceof Cancelled) return `Cancelled (${describeReason(error.reason)})`;
  return error instanceof Error ? `${error.name}: ${error.message}` : `thrown ${String(error)}`;
}

function tellFailures(error: unknown): void {
  say("caught", told(error));
  for (const { error: one, task, during } of failuresOf(error)) {
    say(`  ${task.name}, in its ${during}: ${told(one)}`);
  }
}

chapter("generators and async bodies take turns");
await scope((s) => {
  s.spawn(function* generator() {
    for (const step of [1, 2]) {
      say("generator", step);
      yield* yieldNow();
    }
  });
  s.spawn(async function asynchronous() {
    for (const step of [1, 2]) {
      say("async", step);
      await yieldNow();
    }
  });
});

chapter("three packers, nine orders");
{
  let packing = 0;
  let most = 0;
  const group = new TaskGroup({ name: "warehouse", maxConcurrency: 3 });
  const parcels = await group.map(
    ["tea", "salt", "rope", "ink", "soap", "wax", "flax", "tar", "oil"],
    async (item, index, task) => {
      most = Math.max(most, ++packing);
      await task.sleep(index % 2 === 0 ? 4 : 1);
      packing--;
      return `${index}:${item}`;
    },
  );
  await group.run();
  say(parcels.join(" "));
  say("at most", most, "at once;", JSON.stringify(group.stats()));
}

chapter("a parcel is lost: the siblings clean up, the first failure is the one that is thrown");
async function courier(task: TaskScope, name: string): Promise<void> {
  try {
    await task.sleep(FOR_EVER);
  } finally {
    await task.sleep(1);
    say(name, "is back");
  }
}
function inspect(what: string): never {
  throw new RangeError(`the ${what} has a flat tyre`);
}
await scope(async (s: Scope) => {
  s.spawn((task) => courier(task, "Ada"), { name: "Ada" });
  s.spawn(function* (task) {
    try {
      yield* task.sleep(FOR_EVER);
    } finally {
      yield* task.sleep(10);
      inspect("van");
    }
  }, { name: "Bob" });
  s.spawn(async (task) => {
    await task.sleep(2);
    throw new TypeError("no such street");
  }, { name: "Cyd" });
  await s.sleep(FOR_EVER);
}, { name: "round" }).then(() => say("delivered"), tellFailures);

chapter("a supervisor counts its failures");
{
  const group = new TaskGroup({ name: "night shift", cancelOnError: false, failures: "aggregate" });
  for (const [i, weight] of [3, 99, 5, 98].entries()) {
    group.spawn(function* () {
      yield* sleep(1 + i * 10);
      if (weight > 90) throw new Error(`${weight} kg is too heavy`);
      return weight;
    }, { name: `parcel ${i}` });
  }
  for await (const { handle, outcome } of group) say(handle.name, outcome.status);
  await group.run().catch(tellFailures);
}

chapter("time limits");
await withTimeout(5, async (s) => {
  try {
    await s.sleep(FOR_EVER);
  } finally {
    say("the address book is closed");
  }
}, { name: "look up" }).catch((error) => say(error instanceof TimeoutError, told(error)));
say(JSON.stringify(await moveOnAfter(5, (s) => s.sleep(FOR_EVER))));
say(JSON.stringify(await moveOnAfter(FOR_EVER, () => "in time")));

chapter("whoever is first");
say(
  await race([
    (task) => task.sleep(FOR_EVER).map(() => "by sea"),
    async (task) => {
      await task.sleep(1);
      return "by air";
    },
  ]),
);
say(
  await any([() => {
    throw new Error("mirror 1 is down");
  }, function* (task) {
    yield* task.sleep(1);
    return "mirror 2";
  }]),
);
say(JSON.stringify(await all([() => 1, () => Promise.resolve("two"), Future.ready(true)])));
say(JSON.stringify(
  await allSettled([() => 1, () => {
    throw "no";
  }]),
));
say(JSON.stringify(await select(sleep(FOR_EVER), Future.ready("now"))));
say(JSON.stringify(await join(Future.ready(1), sleep(1).map(() => "later"))));

chapter("the customer gives up, but what is being paid is paid");
{
  const runtime = new Runtime({ name: "shop" });
  const paying = new Deferred<void>();
  const order = runtime.spawn(function* (task) {
    try {
      yield* shield(1_000, function* () {
        paying.resolve();
        yield* runtime.sleep(5);
        say("paid");
      });
      yield* task.sleep(FOR_EVER);
      say("never printed");
    } finally {
      say("order closed");
    }
  }, { name: "order" });
  const running = runtime.run();
  await paying;
  const outcome = await order.cancelAndJoin("no more tea");
  say(outcome.status, outcome.status === "cancelled" ? describeReason(outcome.reason) : "");
  await running;
  await runtime.close();
  say("alive:", runtime.taskCount);
}

chapter("a signal from outside, a service in the background, a handshake");
{
  const controller = new AbortController();
  await scope(async (s) => {
    s.spawn(async (task) => {
      try {
        await task.sleep(FOR_EVER);
      } finally {
        say("lamp out");
      }
    }, { background: true, name: "lamp" });
    const { value: port, handle } = await s.start(
      function* (task, ready: (port: number) => void) {
        yield* task.sleep(1);
        ready(8080);
        try {
          yield* task.sleep(FOR_EVER);
        } finally {
          say("server stopped");
        }
      },
      { name: "server" },
    );
    say("server on", port, handle.isFinished);
    controller.abort("closing time");
    await s.sleep(FOR_EVER);
  }, { signal: controller.signal, name: "shop" }).catch((error) => say(told(error)));
}

chapter("each one, two at a time");
{
  const done: number[] = [];
  await parallelForEach([50, 1, 3], async (n, _i, task) => {
    await task.sleep(n * 4);
    done.push(n);
  }, { maxConcurrency: 2 });
  say(done.join(" "));
}

chapter("what there is");
say(Object.keys(vais).sort().join(" "));
