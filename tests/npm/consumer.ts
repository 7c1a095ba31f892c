// deno-lint-ignore-file require-await -- bodies as users write them
/**
 * A user's program, compiled but not run: strict TypeScript must accept the
 * types of the installed npm package, under `node16` and `bundler` resolution,
 * and must infer what a user expects.
 *
 * @module
 */
import * as root from "@vais/runtime";
import * as runtime from "@vais/runtime/runtime";
import * as scheduling from "@vais/runtime/scheduling";
import * as testing from "@vais/runtime/testing";
import {
  all,
  allSettled,
  any,
  type CancelReason,
  Deferred,
  effectiveDeadline,
  type Failure,
  failuresOf,
  Future,
  join,
  type JoinHandle,
  main,
  type MovedOn,
  moveOnAfter,
  type Outcome,
  parallelForEach,
  PENDING,
  type Poll,
  type Pollable,
  quorum,
  race,
  retry,
  type Runtime,
  scope,
  select,
  shield,
  sleep,
  spawn,
  type TaskBody,
  TaskGroup,
  type TaskScope,
  type Waker,
  withTimeout,
  yieldNow,
} from "@vais/runtime";

/** Every entry point, so that none of the imports is dropped. */
export const entryPoints: readonly object[] = [
  root,
  runtime,
  scheduling,
  testing,
];

/** True when `A` and `B` are the very same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Compiles only if the value has exactly the type `T`: `exactly<T>()(value)`. */
const exactly =
  <T>() => <A>(_value: A, ..._same: Same<A, T> extends true ? [] : ["not the same type"]): void =>
    undefined;

/** Compiles only if the value can be given where a `T` is wanted. */
const takes = <T>(_value: T): void => undefined;

// ---- bodies ------------------------------------------------------------------------------------

const pollable: Pollable<string> = {
  poll(waker: Waker): Poll<string> {
    waker.wake();
    return PENDING;
  },
};

export function bodies(shop: Runtime, group: TaskGroup): void {
  exactly<JoinHandle<number>>()(shop.spawn(async () => 1));
  exactly<JoinHandle<number>>()(shop.spawn(() => 1));
  exactly<JoinHandle<string>>()(shop.spawn(function* (task) {
    exactly<TaskScope>()(task);
    yield* task.sleep(1);
    const n = yield* Future.ready(7);
    exactly<number>()(n);
    return n.toFixed();
  }));
  exactly<JoinHandle<string>>()(shop.spawn(pollable));
  exactly<JoinHandle<string>>()(shop.spawn(Promise.resolve("x")));
  takes<JoinHandle<boolean>>(
    shop.spawn({ left: 3 }, (state, waker) => {
      exactly<{ left: number }>()(state);
      takes<Waker>(waker);
      return state.left > 0 ? PENDING : true;
    }),
  );
  exactly<JoinHandle<number>>()(group.spawn(async () => 1, { background: true, name: "n" }));
  exactly<JoinHandle<void>>()(group.spawn((task) => task.sleep(1)));
  exactly<JoinHandle<number>>()(spawn(function* () {
    yield* yieldNow();
    return 1;
  }));
  takes<TaskBody<number>[]>([
    async () => 1,
    () => 1,
    Promise.resolve(1),
    Future.ready(1),
    function* () {
      yield* sleep(1);
      return 1;
    },
  ]);
  takes<Promise<void>>(shop.run());
  takes<Promise<void>>(group.run());
  // @ts-expect-error -- a number is no body
  shop.spawn(1);
  // @ts-expect-error -- the option is called name
  shop.spawn(() => 1, { title: "x" });
}

// ---- futures, handles and outcomes ---------------------------------------------------------------

export async function futures(handle: JoinHandle<number>): Promise<void> {
  const promise: Promise<number> = Future.ready(1);
  const mapped: Promise<string> = Future.ready(1).map((n) => n.toFixed());
  takes<PromiseLike<unknown>>(promise.then(() => mapped));
  exactly<Future<string>>()(Future.ready(1).andThen(async (n) => n.toFixed()));
  exactly<Future<number | "none">>()(Future.ready(1).catch(() => "none" as const));
  exactly<number>()(await handle);
  takes<Promise<Outcome<number>>>(handle.settled());
  exactly<Outcome<number>>()(await handle.settled());
  const outcome = handle.outcome();
  exactly<Outcome<number> | undefined>()(outcome);
  if (outcome?.status === "ok") exactly<number>()(outcome.value);
  else if (outcome?.status === "error") exactly<unknown>()(outcome.error);
  else if (outcome?.status === "cancelled") exactly<CancelReason>()(outcome.reason);
  // @ts-expect-error -- a value only where the status is ok
  outcome?.value;
  const { status } = await handle.cancelAndJoin("why", { graceMs: 5 });
  exactly<"ok" | "error" | "cancelled">()(status);

  exactly<[number, string]>()(await join(Future.ready(1), Promise.resolve("x")));
  const first = await select(Future.ready(1), Promise.resolve("x"));
  exactly<number>()(first.index);
  takes<number | string>(first.value);
  exactly<[number, string]>()(await Future.all([Future.ready(1), Promise.resolve("x")]));
  exactly<number>()(await Future.race([Future.ready(1), Future.ready(2)]));
  exactly<number>()(await Future.any([Future.ready(1)]));
  exactly<[PromiseSettledResult<number>]>()(await Future.allSettled([Future.ready(1)]));

  const answer = new Deferred<number>();
  exactly<boolean>()(answer.resolve(1));
  exactly<Future<number>>()(answer.future);
  // @ts-expect-error -- not a number
  answer.resolve("x");
  // @ts-expect-error -- the waiting half cannot settle
  answer.future.resolve(1);
}

// ---- scopes ---------------------------------------------------------------------------------------

export async function scopes(): Promise<void> {
  const p: Promise<number> = scope(() => 1);
  takes<Promise<string>>(scope(async (s) => {
    const child = s.spawn(async () => "x");
    exactly<JoinHandle<string>>()(child);
    takes<TaskScope>(s);
    return await child;
  }));
  takes<Promise<number>>(scope(function* (s) {
    const inner = yield* scope(function* () {
      yield* s.sleep(1);
      return "inner";
    });
    exactly<string>()(inner);
    const moved = yield* moveOnAfter(5, () => inner.length);
    exactly<MovedOn<number>>()(moved);
    return yield* p as Future<number>;
  }));
  takes<Promise<void>>(scope((s) => s.cancel()));

  const moved = await moveOnAfter(1, async () => "x");
  if (moved.timedOut) {
    exactly<true>()(moved.timedOut);
    // @ts-expect-error -- there is no value then
    moved.value;
  } else exactly<string>()(moved.value);
  exactly<number>()(await withTimeout(1, () => 1, { name: "n" }));
  exactly<number>()(await withTimeout(null, () => 1));
  // @ts-expect-error -- the limit is the first argument
  await withTimeout(1, () => 1, { timeoutMs: 1 });

  exactly<number>()(await shield(1_000, () => 1));
  exactly<string>()(await shield(Infinity, Promise.resolve("x")));
  // @ts-expect-error -- a shield has a limit
  await shield(() => 1);
  exactly<number>()(effectiveDeadline());

  // @ts-expect-error -- there are two ways to reject
  await scope(() => 1, { failures: "first" });

  const { value, handle } = await new TaskGroup().start(
    async (task, ready: (port: number) => void) => {
      await task.sleep(1);
      ready(8080);
      return "over";
    },
  );
  exactly<number>()(value);
  exactly<JoinHandle<string>>()(handle);
}

// ---- joins ----------------------------------------------------------------------------------------

export async function joins(): Promise<void> {
  const numbers = function* () {
    yield* yieldNow();
    return 1;
  };
  exactly<[number, string, boolean]>()(
    await all([numbers, async () => "x", Future.ready(true)]),
  );
  const [one, two] = await allSettled([numbers, async () => "x"]);
  exactly<Outcome<number>>()(one);
  exactly<Outcome<string>>()(two);
  exactly<number>()(await race([numbers, async () => 2]));
  exactly<string>()(await any([async () => "x", () => "y"]));
  exactly<number[]>()(await quorum(1, [numbers, numbers]));
  exactly<number>()(await retry(async () => 1));
  const group = TaskGroup.named("g");
  exactly<string[]>()(
    await group.map([1, 2], (n, index, task) => {
      exactly<number>()(n);
      exactly<number>()(index);
      exactly<TaskScope>()(task);
      return n.toFixed();
    }),
  );
  exactly<number[]>()(
    await group.map("ab", function* (_letter, index) {
      yield* yieldNow();
      return index;
    }),
  );
  takes<Promise<void>>(parallelForEach(new Set(["a"]), async (letter) => letter.length));
  for await (const { handle, outcome } of group) {
    exactly<JoinHandle<unknown>>()(handle);
    exactly<Outcome<unknown>>()(outcome);
  }
  exactly<readonly Failure[]>()(failuresOf(new Error()));
}

// ---- the rest ---------------------------------------------------------------------------------------

/** A runtime is disposable, with or without `await using`. */
export const dispose = (shop: Runtime): PromiseLike<void> => shop[Symbol.asyncDispose]();

export const program: Promise<number> = main(function* (s) {
  yield* s.sleep(1);
  return 3;
}, { signals: ["SIGINT"], graceMs: 1_000 });
