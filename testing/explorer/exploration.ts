/**
 * One exploration, as the thread sees it that asked for it.
 *
 * Invariant: all workers it started have been told to stop and are terminated when `run` settles.
 *
 * @module
 */
import { stop } from "./baton.ts";
import { Control, WORD } from "./control.ts";
import { type StartedWorker, startWorker } from "./host.ts";
import { type FailureReason, InterleavingError } from "./interleaving_error.ts";
import type { Findings, Orders } from "./leader.ts";
import { raceWords } from "./race_watch.ts";
import { describeSteps, scheduleOf } from "./steps.ts";
import { type Order, type Report, THREAD_TEXT } from "./thread.ts";

/** What an exploration is told. */
export interface Plan {
  readonly url: string;
  readonly orders: Orders;
  readonly maxSteps: number;
  readonly stuckMs: number;
  readonly signal?: AbortSignal | undefined;
}

type Failed = Report & { kind: "failed" };

const LOOK_MS = 250;

/** See the head of this file. */
export class Exploration {
  readonly #plan: Plan;
  readonly #workers: Promise<StartedWorker<Order>>[] = [];
  readonly #reports: Report[][] = [];
  #control: Control | undefined;
  #wake = () => {};
  #failure: Error | undefined;
  #failed: Failed | undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** Runs it to its end. */
  async run(): Promise<Findings> {
    const { signal } = this.#plan;
    const onAbort = () => this.#fail(signal!.reason);
    if (signal?.aborted) throw signal.reason;
    signal?.addEventListener("abort", onAbort);
    const watch = setInterval(() => this.#look(), LOOK_MS);
    try {
      return await this.#explore();
    } finally {
      clearInterval(watch);
      signal?.removeEventListener("abort", onAbort);
      if (this.#control !== undefined) stop(this.#control);
      const workers = await Promise.allSettled(this.#workers);
      await Promise.all(
        workers.map((worker) => worker.status === "fulfilled" ? worker.value.end() : undefined),
      );
    }
  }

  async #explore(): Promise<Findings> {
    this.#start();
    this.#start(); // nearly all programs have two threads
    const { threads } = await this.#next(0, "loaded");
    while (this.#workers.length < threads) this.#start();
    for (let t = 1; t < threads; t++) await this.#next(t, "loaded");
    await this.#post(0, { kind: "setup" });
    const { state, buffers } = await this.#next(0, "state");
    const control = this.#control = Control.create(threads, this.#plan.maxSteps);
    let bytes = 0;
    for (const buffer of buffers) bytes += buffer.byteLength;
    const accesses = new SharedArrayBuffer(bytes);
    const races = new SharedArrayBuffer(4 * raceWords(bytes / 4, threads));
    for (let t = 0; t < threads; t++) {
      const { orders } = this.#plan;
      await this.#post(t, {
        kind: "explore",
        control: control.handle,
        state,
        buffers,
        accesses,
        races,
        orders,
      });
    }
    const { found } = await this.#next(0, "found");
    return found;
  }

  #start(): void {
    const thread = this.#workers.length;
    this.#reports.push([]);
    this.#workers.push(startWorker(THREAD_TEXT, (report: Report) => {
      if (report.kind === "ready") {
        void this.#post(thread, { kind: "load", thread, url: this.#plan.url });
      } else this.#receive(thread, report);
    }, (error) => this.#fail(new Error(`Cannot explore: ${error.message}`))));
  }

  async #post(thread: number, order: Order): Promise<void> {
    (await this.#workers[thread]!).post(order);
  }

  #receive(thread: number, report: Report): void {
    if (report.kind === "failed") this.#failed ??= report;
    else if (report.kind === "unable") {
      const Class = { TypeError, RangeError }[report.name] ?? Error;
      const prefix = report.message.startsWith("Cannot ") ? "" : "Cannot explore: ";
      return this.#fail(new Class(prefix + report.message));
    } else this.#reports[thread]!.push(report);
    this.#wake();
  }

  #fail(error: unknown): void {
    this.#failure ??= error as Error;
    this.#wake();
  }

  async #next<K extends Report["kind"]>(
    thread: number,
    kind: K,
  ): Promise<Report & { kind: K }> {
    for (;;) {
      if (this.#failed !== undefined) throw this.#interleavingError(this.#failed);
      if (this.#failure !== undefined) throw this.#failure;
      const report = this.#reports[thread]!.shift();
      if (report?.kind === kind) return report as Report & { kind: K };
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #interleavingError({ reason, thread, message, stack }: Failed): Error {
    const control = this.#control!;
    if (reason === "astray") {
      return new Error(
        `Cannot explore: ${
          message ?? "a thread could not take the step it took before"
        } (threads must be deterministic, and the schedule one of this program)`,
      );
    }
    return new InterleavingError({
      reason: reason as FailureReason,
      what: reason === "threw"
        ? `thread ${thread} threw ${message}`
        : reason === "asleep"
        ? "every thread that has not ended is asleep (a lost wake-up, or a deadlock)"
        : reason === "endless"
        ? `it has not ended after ${control.maxSteps} steps (a livelock, or maxSteps is too small)`
        : message!,
      stack,
      schedule: scheduleOf(control),
      trace: describeSteps(control),
      preemptions: control.words[WORD.used]!,
      schedules: control.words[WORD.schedules]!,
    });
  }

  #progress = "";
  #since = performance.now();

  /** Finds a thread that runs for ever between two steps. */
  #look(): void {
    if (this.#control === undefined) return;
    const { words } = this.#control;
    const progress = `${words[WORD.schedules]} ${words[WORD.step]}`;
    const now = performance.now();
    if (progress !== this.#progress) {
      this.#progress = progress;
      this.#since = now;
    } else if (now - this.#since > this.#plan.stuckMs) {
      this.#fail(
        new Error(
          `Cannot explore: no step for ${this.#plan.stuckMs} ms (threads must not loop without ` +
            `accesses to shared memory); schedule ${scheduleOf(this.#control)}`,
        ),
      );
    }
  }
}
