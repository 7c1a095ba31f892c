/**
 * Runs a random program in virtual time and counts: who is alive, what was thrown and where it went.
 *
 * The program keeps its own books (a live counter per scope and per task, a list of all it threw),
 * so nothing here is taken on trust from the library.
 *
 * @module
 */
import {
  all,
  allSettled,
  any,
  Cancelled,
  DeadlockError,
  describeReason,
  failuresOf,
  Future,
  GroupClosedError,
  type GroupOptions,
  type JoinHandle,
  moveOnAfter,
  parallelForEach,
  quorum,
  race,
  rootReason,
  type Scope,
  scope,
  select,
  shield,
  sleep,
  type TaskBody,
  TaskGroup,
  type TaskScope,
  TimeoutError,
  withDeadline,
  withTimeout,
  yieldNow,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { coreOf } from "../../runtime/runtime.ts";
import {
  type Body,
  LONG_MS,
  NO_OPTIONS,
  type Options,
  type Outside,
  type Program,
  type Step,
} from "./random_program.ts";
import { countedSignal } from "./groups.ts";
import { within } from "./probes.ts";

/** How many bodies run below something. */
class Node {
  live = 0;
  /** Foreground children that run now; counted in groups. */
  running = 0;
  /** The highest limit that was ever set; `Infinity` once there was none. */
  limit = Infinity;
  constructor(readonly parent: Node | undefined, readonly label: string) {}

  count(by: 1 | -1): void {
    for (let at: Node | undefined = this as Node; at !== undefined; at = at.parent) at.live += by;
  }

  isWithin(other: Node): boolean {
    for (let at: Node | undefined = this as Node; at !== undefined; at = at.parent) {
      if (at === other) return true;
    }
    return false;
  }
}

/** A group that a body can see. */
interface Seen {
  readonly group: TaskGroup;
  readonly node: Node;
}

/** Where a body is. */
interface Place {
  readonly task: TaskScope;
  readonly node: Node;
  readonly groups: readonly Seen[];
  readonly isAsync: boolean;
  /** What is known of the body's own cancellation. */
  readonly state: BodyState;
}

interface BodyState {
  taskId: number;
  /** A wait that nothing else can end threw `Cancelled`. */
  delivered: boolean;
  returned: boolean;
}

/** A native promise that an async body awaits without the library's help. */
class Bare {
  constructor(readonly promise: PromiseLike<unknown>) {}
}

type Steps = Generator<unknown, void, unknown>;

/** What came of a program. */
export interface Report {
  /** Everything that happened, in order. */
  readonly trace: readonly string[];
  /** Rules that were broken. */
  readonly problems: readonly string[];
  /** Values thrown. */
  readonly thrown: number;
  /** Bodies that ran. */
  readonly bodies: number;
}

/** What `unhandledRejection` tells of now; set by {@linkcode watchProcess}. */
let onUnhandled: ((error: unknown) => void) | undefined;

interface HostProcess {
  on(event: string, listener: (error: unknown) => void): void;
  off(event: string, listener: (error: unknown) => void): void;
}

/** Counts unhandled rejections and uncaught exceptions of the whole process, until disposed. */
export function watchProcess(): { readonly events: unknown[]; stop(): void } {
  const host = (globalThis as unknown as { process: HostProcess }).process;
  const events: unknown[] = [];
  const listener = (error: unknown) => {
    events.push(error);
    onUnhandled?.(error);
  };
  host.on("unhandledRejection", listener);
  host.on("uncaughtException", listener);
  return {
    events,
    stop() {
      host.off("unhandledRejection", listener);
      host.off("uncaughtException", listener);
    },
  };
}

class Run {
  readonly program: Program;
  readonly runtime: SimulatedRuntime;
  readonly trace: string[] = [];
  readonly problems: string[] = [];
  readonly #thrown = new Map<unknown, string>();
  readonly #accounted = new Set<unknown>();
  readonly #tasks = new Map<number, Node>();
  readonly #swallowed = new Set<number>();
  readonly #handles: { readonly handle: JoinHandle<unknown>; readonly node: Node }[] = [];
  readonly #groups: TaskGroup[] = [];
  readonly #signals = [countedSignal(), countedSignal()];
  readonly #outer = new Node(undefined, "program");
  #labels = 0;
  #rootScope: Scope | undefined;
  #rootCancelledMs: number | undefined;
  #rootEnded = false;

  constructor(program: Program) {
    this.program = program;
    this.runtime = new SimulatedRuntime({
      ...(program.seed === 0 ? {} : { seed: program.seed }),
      observer: {
        onUnobserved: (error) => {
          if (error instanceof Error && error.message.includes("was dropped without")) return;
          // Not in the trace: when it is told depends on the garbage collector.
          this.#account(error);
        },
        onSwallowedCancel: (task) => this.#swallowed.add(task.id),
        onRefusal: () => {},
        onExit: (task, status) => {
          const node = this.#tasks.get(task.id);
          if (node === undefined) return;
          this.note(`exit ${node.label} ${status}`);
          if (node.live > 0) this.#problem(`${node.label} ended with ${node.live} alive below it`);
        },
      },
    });
  }

  note(text: string): void {
    this.trace.push(`${this.runtime.clock.now()} ${text}`);
  }

  #problem(text: string): void {
    this.problems.push(`at ${this.runtime.clock.now()}: ${text}`);
  }

  #name(error: unknown): string {
    return this.#thrown.get(error) ??
      (error instanceof Error ? `${error.constructor.name}` : String(error));
  }

  // ---- books ----------------------------------------------------------------------------------

  #throw(what: string, by: Node): never {
    const label = `${what} ${this.#thrown.size} of ${by.label}`;
    let value: unknown;
    if (what === "primitive") value = `thrown ${this.#thrown.size}`;
    else if (what === "frozen") value = Object.freeze(new Error(label));
    else if (what === "rangeError") value = new RangeError(label);
    else value = new Error(label);
    this.#thrown.set(value, label);
    this.note(`throw ${label}`);
    throw value;
  }

  /** `error` has reached somebody, with all that is behind it. */
  #account(error: unknown): void {
    const seen = new Set<unknown>();
    const work = [error];
    while (work.length > 0) {
      const at = work.pop();
      if (seen.has(at)) continue;
      seen.add(at);
      if (this.#thrown.has(at)) this.#accounted.add(at);
      for (const failure of failuresOf(at)) work.push(failure.error);
      if (at instanceof AggregateError) work.push(...at.errors);
    }
  }

  /** The program caught `error` and does no more with it. */
  #consume(error: unknown): void {
    this.#check(error);
    this.#account(error);
  }

  /** The library throws what the program threw, and a few things of its own. */
  #check(error: unknown): void {
    if (this.#thrown.has(error)) return;
    if (error instanceof Cancelled) {
      const root = rootReason(error.reason);
      if (root.kind === "parent" || describeReason(error.reason) === "") {
        this.#problem(`a Cancelled without a root: ${error.message}`);
      }
      return;
    }
    if (
      error instanceof TimeoutError || error instanceof DeadlockError ||
      error instanceof GroupClosedError || error instanceof AggregateError
    ) return;
    if (error instanceof Error && error.message.includes("returned before it was ready")) return;
    if (error instanceof Error && error.message.endsWith("was closed")) return;
    this.#problem(`unexpected ${error instanceof Error ? error.stack : String(error)}`);
  }

  // ---- bodies ---------------------------------------------------------------------------------

  /** A body for `spawn`, and its node. */
  #body(
    body: Body,
    parent: Node,
    groups: readonly Seen[],
    extra: {
      readonly before?: (place: Place) => Steps;
      readonly onThrow?: (error: unknown, state: BodyState) => void;
      readonly counted?: boolean;
      readonly asScope?: Node;
    } = {},
  ): {
    readonly node: Node;
    readonly run: (task: TaskScope) => unknown;
    readonly state: BodyState;
  } {
    const node = new Node(parent, `body ${this.#labels++}`);
    const state: BodyState = { taskId: -1, delivered: false, returned: false };
    const { before, onThrow, counted, asScope } = extra;
    const isAsync = body.kind === "async";
    const enter = (task: TaskScope): Place => {
      state.taskId = task.id;
      this.#tasks.set(task.id, node);
      node.count(1);
      if (counted && ++parent.running > parent.limit) {
        this.#problem(`${parent.running} children run in ${parent.label}, allowed ${parent.limit}`);
      }
      this.note(`start ${node.label}`);
      const seen = asScope === undefined
        ? groups
        : [...groups, { group: task as Scope, node: asScope }];
      return { task, node, groups: seen, isAsync, state };
    };
    const leave = () => {
      node.count(-1);
      if (counted) parent.running--;
      this.note(`end ${node.label}`);
    };
    // deno-lint-ignore no-this-alias -- generators have no arrow form
    const run = this;
    const steps = function* (place: Place): Generator<unknown, string, unknown> {
      try {
        if (before !== undefined) yield* before(place);
        yield* run.#steps(body.kind === "function" ? plain(body.steps) : body.steps, place);
        state.returned = true;
        return node.label;
      } catch (error) {
        run.#check(error);
        onThrow?.(error, state);
        throw error;
      } finally {
        leave();
      }
    };
    switch (body.kind) {
      case "generator":
        return { node, state, run: (task) => steps(enter(task)) };
      case "async":
        return { node, state, run: (task) => drive(steps(enter(task))) };
      case "function":
        return {
          node,
          state,
          run: (task) => {
            // Until its first wait; that becomes the body.
            const made = steps(enter(task));
            const step = made.next();
            if (step.done) return step.value;
            made.return("");
            return step.value;
          },
        };
      case "future":
        return { node, state, run: (task) => task.sleep(3) };
    }
  }

  #options(options: Options, node: Node): GroupOptions {
    if (options.maxConcurrency > 0) node.limit = options.maxConcurrency;
    return {
      name: node.label,
      cancelOnError: options.cancelOnError,
      failures: options.aggregate ? "aggregate" : "primary",
      maxConcurrency: options.maxConcurrency,
      ...(options.signal === 0 ? {} : { signal: this.#signals[options.signal - 1]!.signal }),
      ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    };
  }

  #newNode(what: string, place: Place): Node {
    return new Node(place.node, `${what} ${this.#labels++}`);
  }

  #left(node: Node): void {
    if (node.live > 0) this.#problem(`${node.label} was left with ${node.live} alive`);
  }

  /** An async body goes on a little later; a group that is not closed may have new children then. */
  #groupLeft(node: Node, place: Place): void {
    if (!place.isAsync) this.#left(node);
  }

  *#steps(steps: readonly Step[], place: Place): Steps {
    for (const step of steps) yield* this.#step(step, place);
  }

  /** A wait that only its own task's cancellation can make throw. */
  *#quietWait(make: () => unknown, place: Place): Steps {
    try {
      yield make();
    } catch (error) {
      if (error instanceof Cancelled) place.state.delivered = true;
      throw error;
    }
  }

  *#step(step: Step, place: Place): Steps {
    switch (step.do) {
      case "sleep":
        return yield* this.#quietWait(
          () => step.ms % 2 === 0 ? sleep(step.ms) : place.task.sleep(step.ms),
          place,
        );
      case "yield":
        return yield* this.#quietWait(() => yieldNow(), place);
      case "promise":
        return yield* this.#quietWait(() => place.task.wait(Promise.resolve()), place);
      case "throw":
        return this.#throw(step.what, place.node);
      case "check":
        return place.task.throwIfCancelled();
      case "signal":
        return void place.task.signal.aborted;
      case "spawn":
        return this.#spawn(step, place);
      case "root": {
        const { node, run } = this.#body(step.body, this.#outer, place.groups);
        const handle = this.runtime.spawn(run as TaskBody<unknown>, { name: node.label });
        this.#handles.push({ handle, node });
        return;
      }
      case "start":
        return yield* this.#start(step, place);
      case "join":
        return yield* this.#join(step, place);
      case "cancel": {
        const target = this.#handle(step.which);
        this.note(`cancel ${target?.node.label}`);
        const { graceMs } = step;
        target?.handle.cancel("a step", graceMs === undefined ? undefined : { graceMs });
        return;
      }
      case "end":
        return this.#end(this.#seen(step.up, place).group, step.how);
      case "tune":
        return this.#tune(step, place);
      case "try":
        return yield* this.#try(step, place);
      case "scope":
        return yield* this.#scope(step, place);
      case "group":
        return yield* this.#group(step, place);
      case "joiner":
        return yield* this.#joiner(step, place);
      case "map":
        return yield* this.#map(step, place);
      case "raw":
        return yield* this.#raw(step, place);
    }
  }

  #seen(up: number, { groups }: Place): Seen {
    return groups[Math.max(0, groups.length - 1 - up)]!;
  }

  #handle(which: number): { handle: JoinHandle<unknown>; node: Node } | undefined {
    return this.#handles[which % Math.max(1, this.#handles.length)];
  }

  #spawn(step: Step & { do: "spawn" }, place: Place): void {
    const { group, node: parent } = this.#seen(step.up, place);
    const { node, run } = this.#body(step.body, parent, place.groups, {
      counted: !step.background,
    });
    try {
      const handle = group.spawn(run as TaskBody<unknown>, {
        name: node.label,
        background: step.background,
      });
      this.#handles.push({ handle, node });
    } catch (error) {
      if (!(error instanceof GroupClosedError)) throw error;
      this.note(`${node.label} not spawned`);
    }
  }

  *#start(step: Step & { do: "start" }, place: Place): Steps {
    const { group, node: parent } = this.#seen(step.up, place);
    let tell: ((value: string) => void) | undefined;
    // deno-lint-ignore no-this-alias -- generators have no arrow form
    const self = this;
    const { node, run } = this.#body(whole(step.body), parent, place.groups, {
      counted: true,
      *before(inner) {
        yield* self.#steps(step.before, inner);
        if (step.ready) tell!("ready");
      },
    });
    let operation: unknown;
    try {
      operation = group.start((task, ready: (value: string) => void) => {
        tell = ready;
        return run(task) as Generator<unknown, unknown>;
      }, { name: node.label });
    } catch (error) {
      if (!(error instanceof GroupClosedError)) throw error;
      return;
    }
    const { value, handle } = (yield operation) as { value: string; handle: JoinHandle<unknown> };
    if (value !== "ready") this.#problem(`start answered ${value}`);
    this.#handles.push({ handle, node });
  }

  *#join(step: Step & { do: "join" }, place: Place): Steps {
    const target = this.#handle(step.which);
    if (target === undefined || place.node.isWithin(target.node)) return;
    const { handle, node } = target;
    if (step.how === "join") {
      this.note(`join ${node.label}`);
      yield handle;
    } else {
      const outcome = (yield step.how === "settled" ? handle.settled() : handle.cancelAndJoin()) as
        | { status: "ok" | "cancelled" }
        | { status: "error"; error: unknown };
      if (outcome.status === "error") this.#consume(outcome.error);
    }
    this.#left(node);
  }

  #end(group: TaskGroup, how: (Step & { do: "end" })["how"]): void {
    this.note(`${how} ${group.name}`);
    switch (how) {
      case "cancel":
        return group.cancel("a step");
      case "cancelNow":
        return group.cancel("a step", { graceMs: 0 });
      case "cancelRemaining":
        return group.cancelRemaining("a step");
      case "close":
        return group.close();
    }
  }

  #tune(step: Step & { do: "tune" }, place: Place): void {
    const { group, node } = this.#seen(step.up, place);
    switch (step.what) {
      case "limit":
        return group.setMaxConcurrency(1);
      case "noLimit":
        node.limit = Infinity;
        return group.setMaxConcurrency(0);
      case "isolate":
        return group.setCancelOnError(false);
      case "deadline":
        if ("deadlineMs" in group) group.deadlineMs = this.runtime.clock.now() + 3;
        return;
      case "noDeadline":
        if ("deadlineMs" in group) group.deadlineMs = Infinity;
    }
  }

  *#try(step: Step & { do: "try" }, place: Place): Steps {
    let failed: { readonly error: unknown } | undefined;
    try {
      yield* this.#steps(step.steps, place);
    } catch (error) {
      if (
        step.catches === "everything" ||
        step.catches === "errors" && !(error instanceof Cancelled)
      ) this.#consume(error);
      else failed = { error };
    }
    try {
      yield* this.#steps(step.cleanup, place);
    } catch (error) {
      // The language itself forgets what was thrown before.
      if (failed !== undefined) this.#consume(failed.error);
      throw error;
    }
    if (failed !== undefined) throw failed.error;
  }

  // ---- scopes ---------------------------------------------------------------------------------

  #begin(
    kind: (Step & { do: "scope" })["kind"],
    ms: number,
    options: Options,
    body: Body,
    node: Node,
    place: Place,
  ): { readonly operation: Future<unknown>; readonly state: BodyState } {
    const made = this.#body(body, node, place.groups, { asScope: node });
    const run = made.run as (scope: Scope) => unknown;
    const given = this.#options(options, node);
    const { timeoutMs: _, ...limited } = given;
    let operation: Future<unknown>;
    switch (kind) {
      case "scope":
        operation = scope(run, given);
        break;
      case "withTimeout":
        operation = withTimeout(ms, run, limited);
        break;
      case "withDeadline":
        operation = withDeadline(this.runtime.clock.now() + ms, run, limited);
        break;
      case "moveOnAfter":
        operation = moveOnAfter(ms, run, limited);
        break;
      case "shield":
        node.limit = Infinity;
        operation = shield(ms, run);
        break;
    }
    return { operation, state: made.state };
  }

  *#scope(step: Step & { do: "scope" }, place: Place): Steps {
    const node = this.#newNode(step.kind, place);
    const { operation, state } = this.#begin(
      step.kind,
      step.ms,
      step.options,
      step.body,
      node,
      place,
    );
    if (step.use === "drop") return yield* this.#steps(step.between, place);
    if (step.use === "catch") {
      const handled = operation.catch((error) => this.#consume(error));
      yield* this.#steps(step.between, place);
      yield handled;
      return;
    }
    if (step.use === "later") yield* this.#steps(step.between, place);
    let value: unknown;
    try {
      value = yield operation;
    } finally {
      this.#left(node);
    }
    this.note(`${node.label} answered`);
    const timedOut = step.kind === "moveOnAfter" && (value as { timedOut: boolean }).timedOut;
    if (!timedOut && step.body.kind !== "future" && step.body.kind !== "function") {
      this.#checkAnswer(node, state);
    }
  }

  /** A scope that was cancelled answers no value, unless its body was through before. */
  #checkAnswer(node: Node, state: BodyState): void {
    if (!state.returned) this.#problem(`${node.label} answered, but its body did not return`);
    if (state.delivered || this.#swallowed.has(state.taskId)) {
      this.#problem(`${node.label} answered a value although its body saw a cancellation`);
    }
  }

  *#group(step: Step & { do: "group" }, place: Place): Steps {
    const node = this.#newNode("group", place);
    const group = new TaskGroup(this.#options(step.options, node));
    this.#groups.push(group);
    const inner = { ...place, groups: [...place.groups, { group, node }] };
    yield* this.#steps(step.steps, inner);
    switch (step.end) {
      case "forget":
        return;
      case "drop":
        return void group.run();
      case "dispose":
        if (!place.isAsync) break;
        try {
          yield new Bare(group[Symbol.asyncDispose]());
        } catch (error) {
          this.#consume(error);
        }
        this.#groupLeft(node, place);
        // After a bare await the body must make itself known again.
        yield place.task.wait(Promise.resolve());
        return;
      case "runTwice":
        try {
          yield group.run();
        } catch (error) {
          this.#consume(error);
        } finally {
          this.#groupLeft(node, place);
        }
        yield* this.#steps(step.steps, inner);
        break;
      case "iterate":
        yield* this.#iterate(group);
    }
    try {
      yield step.end === "cancelAndJoin" ? group.cancelAndJoin() : group.run();
    } finally {
      this.#groupLeft(node, place);
    }
  }

  *#iterate(group: TaskGroup): Steps {
    const ends = group[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = (yield ends.next()) as IteratorResult<
          { outcome: { status: string; error?: unknown } }
        >;
        if (next.done) return;
        if (next.value.outcome.status === "error") this.#consume(next.value.outcome.error);
      }
    } finally {
      ends.return?.();
    }
  }

  *#joiner(step: Step & { do: "joiner" }, place: Place): Steps {
    const { kind } = step;
    const node = this.#newNode(kind, place);
    // What these policies are told of is data, until they have decided and cancel the rest.
    const onThrow = (error: unknown, state: BodyState) => {
      if (kind !== "all" && kind !== "race" && !state.delivered) this.#consume(error);
    };
    const bodies = step.bodies.map((body) =>
      this.#body(whole(body), node, place.groups, { counted: true, onThrow }).run as TaskBody<
        unknown
      >
    );
    const { cancelOnError: _, failures: __, ...options } = this.#options(step.options, node);
    let operation: Future<unknown>;
    switch (kind) {
      case "all":
        operation = all(bodies, options);
        break;
      case "allSettled":
        operation = allSettled(bodies, options);
        break;
      case "race":
        operation = race(bodies, options);
        break;
      case "any":
        operation = any(bodies, options);
        break;
      case "quorum":
        operation = quorum(Math.min(2, bodies.length), bodies, options);
    }
    if (step.use === "drop") return;
    let value: unknown;
    try {
      value = yield operation;
    } finally {
      this.#left(node);
    }
    if (kind === "allSettled") {
      for (const outcome of value as { status: string; error?: unknown }[]) {
        if (outcome.status === "error") this.#consume(outcome.error);
      }
    }
  }

  *#map(step: Step & { do: "map" }, place: Place): Steps {
    const { kind } = step;
    const node = this.#newNode(kind, place);
    const items = Array.from({ length: step.count }, (_, i) => i);
    const options = this.#options(step.options, node);
    const each = (_item: number, _i: number, task: TaskScope) =>
      this.#body(step.body, node, place.groups, { counted: true }).run(task);
    if (kind === "parallelForEach") {
      try {
        yield parallelForEach(items, each, options);
      } finally {
        this.#left(node);
      }
      return;
    }
    const group = new TaskGroup(options);
    this.#groups.push(group);
    if (kind === "map") yield group.map(items, each as () => unknown);
    else if (place.isAsync) {
      let failed: { readonly error: unknown } | undefined;
      try {
        yield new Bare(group.forEach(items, each as () => unknown));
      } catch (error) {
        failed = { error };
      }
      if (failed !== undefined) this.#consume(failed.error);
      yield place.task.wait(Promise.resolve());
    } else yield Future.from(group.forEach(items, each as () => unknown));
    try {
      yield group.run();
    } finally {
      this.#groupLeft(node, place);
    }
  }

  *#raw(step: Step & { do: "raw" }, place: Place): Steps {
    const node = this.#newNode("raw", place);
    const { operation } = this.#begin("scope", 0, NO_OPTIONS, step.body, node, place);
    switch (step.kind) {
      case "timeout":
        yield operation.timeout(step.ms);
        break;
      case "select":
        yield select(operation, sleep(step.ms));
        break;
      case "race":
        yield Future.race([operation, sleep(step.ms)]);
        break;
      case "all":
        yield Future.all([operation, sleep(step.ms)]);
    }
  }

  // ---- the whole --------------------------------------------------------------------------------

  *#outside({ ms, what, which }: Outside): Generator<unknown, void> {
    yield* sleep(ms);
    this.note(`outside ${what} ${which}`);
    switch (what) {
      case "cancelRoot":
        if (this.#rootScope !== undefined && !this.#rootEnded) {
          this.#rootCancelledMs ??= this.runtime.clock.now();
        }
        return this.#rootScope?.cancel("outside");
      case "abort":
        return this.#signals[which % 2]!.controller.abort("outside");
      case "cancelTask":
        return this.#handle(which)?.handle.cancel("outside");
      case "cancelGroup":
        return this.#groups[which % Math.max(1, this.#groups.length)]?.cancel("outside");
    }
  }

  async go(): Promise<Report> {
    const { program, runtime } = this;
    onUnhandled = (error) => this.#problem(`unhandled rejection of ${this.#name(error)}`);
    const node = new Node(this.#outer, "root scope");
    const made = this.#body(program.body, node, [], { asScope: node });
    const operation = scope((s) => {
      this.#rootScope = s;
      return made.run(s);
    }, { ...this.#options(program.options, node), runtime });
    program.outside.forEach((outside, i) =>
      runtime.spawn(() => this.#outside(outside), { name: `outside ${i}` })
    );
    try {
      await within(this.#host(operation, node, made.state, program), "the program", 2_000);
    } catch (error) {
      this.#problem(String(error));
      this.problems.push(runtime.dump().toString());
    }
    for (const [value, label] of this.#thrown) {
      if (!this.#accounted.has(value)) this.#problem(`${label} vanished`);
    }
    this.#counters();
    onUnhandled = undefined;
    return {
      trace: this.trace,
      problems: this.problems,
      thrown: this.#thrown.size,
      bodies: this.#labels,
    };
  }

  async #host(
    operation: Future<unknown>,
    node: Node,
    state: BodyState,
    { body }: Program,
  ): Promise<void> {
    try {
      await operation;
      if (body.kind !== "future" && body.kind !== "function") this.#checkAnswer(node, state);
    } catch (error) {
      this.note(`root: ${this.#name(error)}`);
      this.#consume(error);
    }
    this.#rootEnded = true;
    this.#left(node);
    if (this.runtime.clock.now() - (this.#rootCancelledMs ?? Infinity) >= LONG_MS / 2) {
      this.#problem(`the root was cancelled at ${this.#rootCancelledMs}, and went on until now`);
    }
    // What is in no scope goes on, and what nobody looked at is told here.
    try {
      await this.runtime.run();
    } catch (error) {
      this.#consume(error);
    }
    await this.runtime.close();
  }

  #counters(): void {
    const { alive, timers, runnable } = this.runtime.metrics();
    if (alive + timers + runnable > 0) {
      this.#problem(`left: ${alive} tasks, ${timers} timers, ${runnable} runnable`);
    }
    const waits = [...coreOf(this.runtime, "count").waits];
    if (waits.some((n) => n !== 0)) this.#problem(`waits still counted: ${waits}`);
    if (this.#outer.live !== 0) this.#problem(`${this.#outer.live} bodies never ended`);
    for (const { now: listeners } of this.#signals) {
      if (listeners() !== 0) this.#problem(`${listeners()} listeners left on a foreign signal`);
    }
  }
}

/** A body whose end we see: a plain function hands its last wait over. */
function whole({ kind, steps }: Body): Body {
  return { kind: kind === "function" ? "generator" : kind, steps };
}

/** The steps of a plain function: those whose wait, if they have one, can be the body. */
function plain(steps: readonly Step[]): readonly Step[] {
  return steps.filter((step) => {
    switch (step.do) {
      case "try":
      case "start":
      case "group":
      case "joiner":
      case "map":
      case "raw":
        return false;
      case "join":
        return step.how === "join";
      case "scope":
        return step.use === "await" || step.use === "drop" && step.between.length === 0;
    }
    return true;
  });
}

/** Runs steps as an async body. */
async function drive(steps: Generator<unknown, string, unknown>): Promise<string> {
  let step = steps.next();
  while (!step.done) {
    let value: unknown;
    try {
      value = await (step.value instanceof Bare ? step.value.promise : step.value);
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(value);
  }
  return step.value;
}

/** Runs a program once, on a fresh runtime. */
export function runProgram(program: Program): Promise<Report> {
  return new Run(program).go();
}
