/**
 * Random structured-concurrency programs: what they are, how they are made, and how they are printed.
 *
 * A program is data, so that fast-check can shrink it; `random_program_runner.ts` runs it.
 *
 * @module
 */
import fc from "fast-check";

/** A body of a task or scope. */
export interface Body {
  /** How it is written: `function*`, `async`, a plain function, or just a future. */
  readonly kind: "generator" | "async" | "function" | "future";
  readonly steps: readonly Step[];
}

/** Options of a group or scope. */
export interface Options {
  readonly cancelOnError: boolean;
  readonly aggregate: boolean;
  readonly maxConcurrency: number;
  /** Which foreign signal, 0 for none. */
  readonly signal: number;
  readonly graceMs: number | undefined;
  readonly timeoutMs: number | undefined;
}

/** One thing that a body does. */
export type Step =
  | { readonly do: "sleep"; readonly ms: number }
  | { readonly do: "yield" }
  | { readonly do: "promise" }
  | { readonly do: "throw"; readonly what: "error" | "frozen" | "primitive" | "rangeError" }
  | { readonly do: "check" }
  | { readonly do: "signal" }
  | { readonly do: "spawn"; readonly up: number; readonly background: boolean; readonly body: Body }
  | { readonly do: "root"; readonly body: Body }
  | {
    readonly do: "start";
    readonly up: number;
    readonly before: readonly Step[];
    readonly ready: boolean;
    readonly body: Body;
  }
  | {
    readonly do: "join";
    readonly which: number;
    readonly how: "join" | "settled" | "cancelAndJoin";
  }
  | { readonly do: "cancel"; readonly which: number; readonly graceMs: number | undefined }
  | {
    readonly do: "end";
    readonly up: number;
    readonly how: "cancel" | "cancelNow" | "cancelRemaining" | "close";
  }
  | {
    readonly do: "tune";
    readonly up: number;
    readonly what: "limit" | "noLimit" | "isolate" | "deadline" | "noDeadline";
  }
  | {
    readonly do: "try";
    readonly steps: readonly Step[];
    readonly catches: "nothing" | "errors" | "everything";
    readonly cleanup: readonly Step[];
  }
  | {
    readonly do: "scope";
    readonly kind: "scope" | "withTimeout" | "moveOnAfter" | "shield" | "withDeadline";
    readonly ms: number;
    readonly options: Options;
    readonly body: Body;
    /** `drop`: nobody ever looks at it; `later`: awaited after `between`. */
    readonly use: "await" | "drop" | "later" | "catch";
    readonly between: readonly Step[];
  }
  | {
    readonly do: "group";
    readonly options: Options;
    readonly steps: readonly Step[];
    readonly end: "run" | "cancelAndJoin" | "dispose" | "iterate" | "runTwice" | "forget" | "drop";
  }
  | {
    readonly do: "joiner";
    readonly kind: "all" | "allSettled" | "race" | "any" | "quorum";
    readonly options: Options;
    readonly bodies: readonly Body[];
    readonly use: "await" | "drop";
  }
  | {
    readonly do: "map";
    readonly kind: "map" | "forEach" | "parallelForEach";
    readonly options: Options;
    readonly count: number;
    readonly body: Body;
  }
  | {
    readonly do: "raw";
    readonly kind: "timeout" | "select" | "race" | "all";
    readonly ms: number;
    readonly body: Body;
  };

/** What happens to a program from outside. */
export interface Outside {
  readonly ms: number;
  readonly what: "cancelRoot" | "abort" | "cancelTask" | "cancelGroup";
  readonly which: number;
}

/** A whole program. */
export interface Program {
  /** Of the schedule; 0 for first in, first out. */
  readonly seed: number;
  readonly options: Options;
  readonly body: Body;
  readonly outside: readonly Outside[];
}

/** What a program may contain. */
export interface Features {
  /** Bodies that need the host's microtasks. */
  readonly async: boolean;
  /** Operations that are begun and not awaited, tasks in no group, groups that are not run. */
  readonly loose: boolean;
  /** Combinators of `Future` around scopes. */
  readonly raw: boolean;
  /** Deeper and longer. */
  readonly large: boolean;
}

const MS = [0, 1, 2, 3, 5, 8, 20] as const;

/** A sleep that nothing but a cancel ends within the time of a program. */
export const LONG_MS = 1_000_000;

/** The options of a group that was given none. */
export const NO_OPTIONS: Options = {
  cancelOnError: true,
  aggregate: false,
  maxConcurrency: 0,
  signal: 0,
  graceMs: undefined,
  timeoutMs: undefined,
};

/** Programs with these features; a few dozen steps each, a hundred when large. */
export function programs(features: Features): fc.Arbitrary<Program> {
  const { async, loose, raw, large } = features;
  const ms = fc.constantFrom(...MS);
  const graceMs = fc.constantFrom(undefined, undefined, 0, 2, 10);
  const which = fc.nat(7);
  const up = fc.constantFrom(0, 0, 0, 1, 2);
  const options: fc.Arbitrary<Options> = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constant(NO_OPTIONS),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        cancelOnError: fc.constantFrom(true, true, false),
        aggregate: fc.constantFrom(false, false, true),
        maxConcurrency: fc.constantFrom(0, 0, 1, 2),
        signal: fc.constantFrom(0, 0, 1, 2),
        graceMs,
        timeoutMs: fc.constantFrom(undefined, undefined, 0, 2, 6, Infinity),
      }),
    },
  );
  const kind = async
    ? fc.constantFrom<Body["kind"][]>(
      "generator",
      "generator",
      "generator",
      "async",
      "async",
      "async",
      "function",
      "future",
    )
    : fc.constantFrom<Body["kind"][]>(
      "generator",
      "generator",
      "generator",
      "generator",
      "function",
      "future",
    );
  const { body } = fc.letrec<
    { step: Step; steps: readonly Step[]; few: readonly Step[]; body: Body }
  >(
    (tie) => {
      const some = fc.array(tie("step"), { maxLength: large ? 7 : 5, size: "max" });
      const few = fc.array(tie("step"), { maxLength: 2, size: "max" });
      const inner = tie("body");
      const leaves: fc.WeightedArbitrary<Step>[] = [
        { weight: 8, arbitrary: fc.record({ do: fc.constant("sleep"), ms }) },
        { weight: 1, arbitrary: fc.constant<Step>({ do: "sleep", ms: LONG_MS }) },
        { weight: 3, arbitrary: fc.constant<Step>({ do: "yield" }) },
        {
          weight: 3,
          arbitrary: fc.record({
            do: fc.constant("throw"),
            what: fc.constantFrom("error", "error", "frozen", "primitive", "rangeError"),
          }),
        },
        { weight: 1, arbitrary: fc.constantFrom<Step[]>({ do: "check" }, { do: "signal" }) },
        {
          weight: 3,
          arbitrary: fc.record({
            do: fc.constant("join"),
            which,
            how: fc.constantFrom("join", "join", "settled", "cancelAndJoin"),
          }),
        },
        { weight: 3, arbitrary: fc.record({ do: fc.constant("cancel"), which, graceMs }) },
        {
          weight: 2,
          arbitrary: fc.record({
            do: fc.constant("end"),
            up,
            how: fc.constantFrom("cancel", "cancel", "cancelNow", "cancelRemaining", "close"),
          }),
        },
        {
          weight: 1,
          arbitrary: fc.record({
            do: fc.constant("tune"),
            up,
            what: fc.constantFrom("limit", "noLimit", "isolate", "deadline", "noDeadline"),
          }),
        },
      ] as fc.WeightedArbitrary<Step>[];
      if (async) leaves.push({ weight: 1, arbitrary: fc.constant<Step>({ do: "promise" }) });
      const nests: fc.WeightedArbitrary<Step>[] = [
        {
          weight: 10,
          arbitrary: fc.record({
            do: fc.constant("spawn"),
            up,
            background: fc.constantFrom(false, false, false, true),
            body: inner,
          }),
        },
        {
          weight: 3,
          arbitrary: fc.record({
            do: fc.constant("start"),
            up,
            before: few,
            ready: fc.constantFrom(true, true, false),
            body: inner,
          }),
        },
        {
          weight: 6,
          arbitrary: fc.record({
            do: fc.constant("try"),
            steps: some,
            catches: fc.constantFrom("nothing", "nothing", "errors", "everything"),
            cleanup: few,
          }),
        },
        {
          weight: 8,
          arbitrary: fc.record({
            do: fc.constant("scope"),
            kind: fc.constantFrom(
              "scope",
              "scope",
              "withTimeout",
              "moveOnAfter",
              "shield",
              "withDeadline",
            ),
            ms,
            options,
            body: inner,
            use: loose
              ? fc.constantFrom("await", "await", "await", "drop", "later", "catch")
              : fc.constant("await"),
            between: loose ? few : fc.constant([]),
          }),
        },
        {
          weight: 4,
          arbitrary: fc.record({
            do: fc.constant("group"),
            options,
            steps: some,
            end: loose
              ? fc.constantFrom(
                "run",
                "run",
                "cancelAndJoin",
                "dispose",
                "iterate",
                "runTwice",
                "forget",
                "drop",
              )
              : fc.constantFrom("run", "run", "cancelAndJoin", "dispose"),
          }),
        },
        {
          weight: 5,
          arbitrary: fc.record({
            do: fc.constant("joiner"),
            kind: fc.constantFrom("all", "allSettled", "race", "any", "quorum"),
            options,
            bodies: fc.array(inner, { minLength: 1, maxLength: 3, size: "max" }),
            use: loose ? fc.constantFrom("await", "await", "await", "drop") : fc.constant("await"),
          }),
        },
        {
          weight: 3,
          arbitrary: fc.record({
            do: fc.constant("map"),
            kind: fc.constantFrom("map", "forEach", "parallelForEach"),
            options,
            count: fc.nat(3),
            body: inner,
          }),
        },
      ] as fc.WeightedArbitrary<Step>[];
      if (loose) {
        nests.push({ weight: 2, arbitrary: fc.record({ do: fc.constant("root"), body: inner }) });
      }
      if (raw) {
        nests.push({
          weight: 6,
          arbitrary: fc.record({
            do: fc.constant("raw"),
            kind: fc.constantFrom("timeout", "select", "race", "all"),
            ms,
            body: inner,
          }),
        } as fc.WeightedArbitrary<Step>);
      }
      return {
        steps: some,
        few,
        step: fc.oneof({ maxDepth: large ? 5 : 3, depthIdentifier: "step" }, ...leaves, ...nests),
        body: fc.record({ kind, steps: some }),
      };
    },
  );
  return fc.noBias(fc.record({
    seed: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1_000_000 })),
    options,
    body: body as fc.Arbitrary<Body>,
    outside: fc.array(
      fc.record({
        ms: fc.constantFrom(...MS),
        what: fc.constantFrom<Outside["what"][]>(
          "cancelRoot",
          "abort",
          "cancelTask",
          "cancelGroup",
        ),
        which,
      }),
      { maxLength: 2 },
    ),
  }));
}

/** A program as text that can be read. */
export function render(program: Program): string {
  const out: string[] = [];
  const line = (depth: number, text: string) => out.push("  ".repeat(depth) + text);
  const opts = (o: Options) => {
    const parts: string[] = [];
    if (!o.cancelOnError) parts.push("isolated");
    if (o.aggregate) parts.push("aggregate");
    if (o.maxConcurrency > 0) parts.push(`max ${o.maxConcurrency}`);
    if (o.signal > 0) parts.push(`signal ${o.signal}`);
    if (o.graceMs !== undefined) parts.push(`grace ${o.graceMs}`);
    if (o.timeoutMs !== undefined) parts.push(`timeout ${o.timeoutMs}`);
    return parts.length === 0 ? "" : ` [${parts.join(", ")}]`;
  };
  const body = (depth: number, head: string, b: Body) => {
    if (b.kind === "future") return line(depth, `${head}: just a sleep`);
    line(depth, `${head}: ${b.kind}${b.steps.length === 0 ? " (empty)" : ""}`);
    steps(depth + 1, b.steps);
  };
  const steps = (depth: number, list: readonly Step[]) => {
    for (const s of list) step(depth, s);
  };
  const step = (depth: number, s: Step) => {
    switch (s.do) {
      case "sleep":
        return line(depth, `sleep ${s.ms}`);
      case "yield":
      case "promise":
      case "check":
      case "signal":
        return line(depth, s.do);
      case "throw":
        return line(depth, `throw ${s.what}`);
      case "spawn":
        return body(
          depth,
          `spawn${s.background ? " in background" : ""}${s.up > 0 ? ` up ${s.up}` : ""}`,
          s.body,
        );
      case "root":
        return body(depth, "runtime.spawn", s.body);
      case "start":
        line(depth, `start${s.up > 0 ? ` up ${s.up}` : ""}`);
        steps(depth + 1, s.before);
        return body(depth, s.ready ? "ready, then" : "not ready, then", s.body);
      case "join":
        return line(depth, `${s.how} task ${s.which}`);
      case "cancel":
        return line(
          depth,
          `cancel task ${s.which}${s.graceMs === undefined ? "" : ` grace ${s.graceMs}`}`,
        );
      case "end":
        return line(depth, `${s.how} the group${s.up > 0 ? ` up ${s.up}` : ""}`);
      case "tune":
        return line(depth, `set ${s.what} of the group${s.up > 0 ? ` up ${s.up}` : ""}`);
      case "try":
        line(depth, "try");
        steps(depth + 1, s.steps);
        if (s.catches !== "nothing") line(depth, `catch ${s.catches}`);
        if (s.cleanup.length > 0) {
          line(depth, "finally");
          steps(depth + 1, s.cleanup);
        }
        return;
      case "scope":
        body(
          depth,
          `${s.use} ${s.kind}${s.kind === "scope" ? "" : ` ${s.ms}`}${opts(s.options)}`,
          s.body,
        );
        if (s.between.length > 0 && s.use !== "await") {
          line(depth, "meanwhile");
          steps(depth + 1, s.between);
        }
        return;
      case "group":
        line(depth, `new group${opts(s.options)}`);
        steps(depth + 1, s.steps);
        return line(depth, `then ${s.end} it`);
      case "joiner":
        line(depth, `${s.use} ${s.kind}${opts(s.options)}`);
        for (const b of s.bodies) body(depth + 1, "of", b);
        return;
      case "map":
        return body(depth, `${s.kind} of ${s.count} items${opts(s.options)}`, s.body);
      case "raw":
        return body(depth, `raw ${s.kind} with ${s.ms} ms around a scope`, s.body);
    }
  };
  line(0, `schedule ${program.seed}`);
  body(0, `root scope${opts(program.options)}`, program.body);
  for (const o of program.outside) line(0, `from outside at ${o.ms}: ${o.what} ${o.which}`);
  return out.join("\n");
}
