/**
 * A supervisor: child processes that are kept alive, watched, and never left behind.
 *
 * Each worker is a child process of this same file. One does its work, one crashes now and then,
 * one hangs and is found out by its health check, one cannot start and is given up, and one does
 * not listen when asked to stop. A crashed worker is started again after a backoff; Ctrl-C, SIGTERM
 * or the end of the time asks all of them to stop, and kills those that do not in time.
 *
 *     deno run -A examples/supervise.ts
 *     node examples/supervise.mjs        # on Node: compiled, with @vais/runtime installed
 *
 * What to look at: each worker is a task in a scope that isolates failures (`cancelOnError: false`);
 * its process lives inside `try … finally`, and the cleanup waits until the process is gone; the
 * health check races the process's end; all of it is written in generators, whose helpers are called
 * with `yield*` and can be cancelled at any of them; the logger is a background child: it outlives the workers'
 * goodbyes, and does not keep the scope open.
 *
 * @module
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  type Cancelled,
  describeReason,
  failuresOf,
  main,
  moveOnAfter,
  race,
  rootReason,
  type Scope,
  scope,
  type TaskScope,
} from "@vais/runtime";
import { commandLine, wholeNumber } from "./command_line.ts";

const HELP =
  `Supervises child processes: restarts, health checks, and nobody left behind at the end.

Usage: supervise [options]
  --for=MS      run for so long (default 3000)
  --grace=MS    how long a worker may take to stop before it is killed (default 400)
  --restarts=N  give a worker up after so many restarts in a row (default 3)
  --quiet       print only the report
  --help        print this text

Exit code: 0 when the time is over, 2 for a wrong option, 130 after Ctrl-C, 143 after SIGTERM.`;

const START_TIMEOUT_MS = 10_000;
const HEALTH_EVERY_MS = 200;
const HEALTH_TIMEOUT_MS = 1_000;
/** A process that ran so long was well: its worker's failures in a row are forgotten. */
const WELL_AFTER_MS = 2_000;

interface Options {
  readonly forMs: number;
  readonly graceMs: number;
  readonly restarts: number;
  readonly quiet: boolean;
}

/** Lines with their time, printed by a service of its own. */
class Log {
  #lines: string[] = [];
  readonly #begin = performance.now();

  get seconds(): string {
    return ((performance.now() - this.#begin) / 1_000).toFixed(2);
  }

  add(who: string, line: string): void {
    this.#lines.push(`${this.seconds.padStart(6)} s  ${who.padEnd(9)} ${line}`);
  }

  *serve(task: TaskScope): Generator<unknown, void> {
    try {
      for (;; yield* task.sleep(50)) this.flush();
    } finally {
      this.flush(); // what was said while we were stopped
    }
  }

  flush(): void {
    for (const line of this.#lines.splice(0)) console.log(line);
  }
}

/** One worker, through all the processes it needs. */
class Worker {
  starts = 0;
  ends = 0;
  jobs = 0;
  state = "";

  constructor(readonly kind: Kind, readonly options: Options, readonly log: Log) {}

  /** Keeps the worker alive, until cancelled or until it has failed too often in a row. */
  *supervise(task: TaskScope): Generator<unknown, void> {
    for (let failures = 0;;) {
      const begin = performance.now();
      const why = yield* this.#runOnce(task);
      this.state = why;
      if (performance.now() - begin > WELL_AFTER_MS) failures = 0;
      if (++failures > this.options.restarts) {
        this.state = `given up: ${why}`;
        this.log.add(this.kind, this.state);
        throw new Error(`${this.kind}: ${why}, after ${this.options.restarts} restarts`);
      }
      const backoffMs = 50 * 2 ** failures;
      this.log.add(this.kind, `${why}; restart ${failures} in ${backoffMs} ms`);
      yield* task.sleep(backoffMs);
    }
  }

  /** One process from start to end; answers why it failed. It is gone when this is over. */
  *#runOnce(task: TaskScope): Generator<unknown, string> {
    const { kind, log } = this;
    const child = fork(fileURLToPath(import.meta.url), [`--worker=${kind}`], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.starts++;
    log.add(kind, `started as process ${child.pid}`);
    const ended = once(child, "exit").then(([code, signal]) => `${signal ?? `exit code ${code}`}`);
    child.on("message", (message) => message === "job" && this.jobs++);
    createInterface(child.stderr!).on("line", (line) => log.add(kind, `| ${line}`));
    try {
      return yield* race([
        (task) => task.wait(ended).map((how) => `process ${child.pid} crashed with ${how}`),
        (task) => watch(task, child),
      ], { name: `${kind} ${child.pid}` });
    } finally {
      // Cleanup may wait: whoever cancelled us goes on only when the process is gone.
      this.state = yield* stop(task, child, ended, this.options.graceMs);
      this.ends++;
      if (this.state !== "") log.add(kind, `process ${child.pid} ${this.state}`);
    }
  }
}

/** Asks a process for a sign of life again and again; answers when none came in time. */
function* watch(task: TaskScope, child: ChildProcess): Generator<unknown, string> {
  const sign = (scope: Scope) => scope.wait(once(child, "message", { signal: scope.signal }));
  const start = yield* moveOnAfter(START_TIMEOUT_MS, sign);
  if (start.timedOut) return `was not ready in ${START_TIMEOUT_MS} ms`;
  for (;;) {
    yield* task.sleep(HEALTH_EVERY_MS);
    child.send("ping", () => {}); // when it has just ended, the race is over anyway
    const { timedOut } = yield* moveOnAfter(HEALTH_TIMEOUT_MS, sign);
    if (timedOut) return `hung: no sign of life in ${HEALTH_TIMEOUT_MS} ms`;
  }
}

/** Sends a signal, if the process is still there. (Deno's `child.kill` also cuts the channel.) */
function send(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): boolean {
  if (child.exitCode !== null || child.signalCode !== null) return false;
  return process.kill(child.pid!, signal);
}

/** Asks a process to end, then makes it. Answers how it went, "" when it had ended before. */
function* stop(
  task: TaskScope,
  child: ChildProcess,
  ended: Promise<string>,
  graceMs: number,
): Generator<unknown, string> {
  if (!send(child, "SIGTERM")) return "";
  try {
    const polite = yield* moveOnAfter(graceMs, (limit) => limit.wait(ended));
    if (!polite.timedOut) return `stopped with ${polite.value}`;
  } finally {
    send(child, "SIGKILL"); // also after a second Ctrl-C, which lets nobody wait
  }
  yield* task.wait(ended);
  return `killed, ${graceMs} ms after SIGTERM`;
}

function supervise(options: Options): Promise<number> {
  return main(function* supervisor(root) {
    const log = new Log();
    const workers = KINDS.map((kind) => new Worker(kind, options, log));
    if (!options.quiet) root.spawn((task) => log.serve(task), { name: "log", background: true });
    try {
      yield* scope(function* (s) {
        for (const worker of workers) {
          s.spawn((task) => worker.supervise(task), { name: worker.kind });
        }
        try {
          yield* s.sleep(options.forMs);
          log.add("", "the time is over: stopping");
        } catch (error) {
          log.add("", `stopping: ${describeReason(rootReason((error as Cancelled).reason))}`);
          throw error;
        }
        s.cancelRemaining();
      }, { name: "workers", cancelOnError: false });
    } catch (error) {
      if (failuresOf(error).length === 0) throw error; // no worker was given up: it is Ctrl-C
    } finally {
      if (!options.quiet) log.flush();
      report(workers, log.seconds);
    }
  });
}

function report(workers: readonly Worker[], seconds: string): void {
  const sum = (of: (worker: Worker) => number) => workers.reduce((n, worker) => n + of(worker), 0);
  console.log(`\n${"worker".padEnd(10)}${"starts".padStart(7)}${"jobs".padStart(7)}   state`);
  for (const { kind, starts, jobs, state } of workers) {
    console.log(`${kind.padEnd(10)}${`${starts}`.padStart(7)}${`${jobs}`.padStart(7)}   ${state}`);
  }
  const [starts, ends] = [sum((w) => w.starts), sum((w) => w.ends)];
  console.log(
    `\n${starts} processes started, ${ends} ended, ${starts - ends} left behind; ` +
      `${sum((w) => w.jobs)} jobs in ${seconds} s.`,
  );
}

// What follows is the other side: the child processes.

const KINDS = ["steady", "crashing", "hanging", "broken", "stubborn"] as const;
type Kind = typeof KINDS[number];

/** A worker's program: a job every 50 ms, an answer to each ping, and a fault of its kind. */
function work(kind: Kind): Promise<number> {
  process.on("SIGINT", () => {}); // a terminal's Ctrl-C reaches us too: the supervisor decides
  const orphaned = () => process.exit(1);
  process.on("disconnect", orphaned);
  process.on("message", () => process.send!("pong"));
  if (kind === "stubborn") process.on("SIGTERM", () => {});
  return main(function* worker(s) {
    try {
      if (kind === "broken") return complain("no such database", 78);
      process.send!("ready");
      for (let jobs = 0;; jobs++) {
        yield* s.sleep(50);
        process.send!("job");
        if (kind === "crashing" && jobs === 10) return complain("out of luck", 3);
        if (kind === "hanging" && jobs === 5) {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        }
      }
    } finally {
      process.off("disconnect", orphaned);
      process.disconnect();
    }
  }, { signals: kind === "stubborn" ? [] : ["SIGTERM"] });
}

function complain(message: string, code: number): number {
  console.error(message);
  return code;
}

const options = {
  for: { type: "string", default: "3000" },
  grace: { type: "string", default: "400" },
  restarts: { type: "string", default: "3" },
  quiet: { type: "boolean", default: false },
  worker: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

await commandLine(
  HELP,
  () => parseArgs({ options }),
  ({ values }) =>
    values.worker !== undefined ? work(values.worker as Kind) : supervise({
      forMs: wholeNumber("for", values.for),
      graceMs: wholeNumber("grace", values.grace),
      restarts: wholeNumber("restarts", values.restarts),
      quiet: values.quiet,
    }),
);
