/**
 * Where a thread stops before each step until it is its turn.
 *
 * Invariant: between two steps of a thread only its own code runs, and what that code does to shared
 * memory are steps. So an exploration of the order of steps is one of all executions, as long as
 * threads are deterministic. Passing the turn goes straight from thread to thread; one that goes on
 * decides so itself and passes nothing.
 *
 * @module
 */
import { END, pass, RUN, Stopped, take } from "./baton.ts";
import { type Control, LANE, STATUS, WORD } from "./control.ts";
import { Hash } from "./hash.ts";
import type { MemoryMap } from "./memory_map.ts";
import { ALL_ASLEEP, decide, ENDLESS, type Going, noteStep, noteYield, OVER } from "./policy.ts";
import type { RaceWatch } from "./race_watch.ts";
import { SpinWatch } from "./spin_watch.ts";
import { type Access, recordAnswer, recordStep } from "./steps.ts";

/** What a schedule may fail of by itself. */
export type Fault = "asleep" | "endless" | "astray";

/** One thread's gate. */
export class Gate {
  /** The explorer's memory; there is none before `attach`. */
  control!: Control;
  /** The program's. */
  memory!: MemoryMap;
  /** What happens before what in it. */
  races!: RaceWatch;
  /** This thread's number. */
  readonly thread: number;
  /** Whether this thread is running the program now. */
  open = false;
  /** Called before the first step after it was set: a recorded call begins. */
  onStep: (() => void) | undefined;
  /** State of this thread's `Math.random`. */
  chance = 0;
  readonly #report: (fault: Fault) => void;
  #spins!: SpinWatch;
  #seen = new Hash();
  /** The last step had no effect on others, and a decision came before it. */
  #fresh = false;
  #paused = false;
  #timed = false;

  /** `report` tells of a schedule that cannot go on. */
  constructor(thread: number, report: (fault: Fault) => void) {
    this.thread = thread;
    this.#report = report;
  }

  /** Says where the memory is. */
  attach(control: Control, memory: MemoryMap, races: RaceWatch, spinLimit: number): void {
    this.#spins = new SpinWatch(spinLimit);
    this.control = control;
    this.memory = memory;
    this.races = races;
  }

  /** This thread was given the turn for the first time in a schedule. */
  begin(): void {
    this.open = true;
    this.onStep = undefined;
    this.chance = this.thread;
    this.#seen = new Hash();
    this.#seen.add(this.thread);
    this.#saveSeen();
    this.#spins.reset();
    this.#paused = this.#timed = false;
    recordStep(this.control, this.thread, "start");
    this.#fresh = true;
    this.learn(0);
  }

  /** Its function has returned; `result` stands for all it has seen. */
  end(result: Hash): void {
    this.open = false;
    this.#seen = result;
    this.#saveSeen();
    this.control.setLane(this.thread, LANE.status, STATUS.done);
  }

  /** Gives the turn away. Answers true if the schedule is over and this thread is the leader. */
  leave(): boolean {
    const next = this.#decide(this.thread, "not");
    if (next === OVER && this.thread === 0) return true;
    this.#passTo(next);
    return false;
  }

  /** Starts a schedule, on the leader. Answers whether it has the turn itself. */
  first(): boolean {
    const next = this.#decide(-1, "not");
    if (next === this.thread) return true;
    this.#passTo(next);
    return false;
  }

  /** Takes a step on the program's memory: `run` does it. */
  access<T extends number | bigint>(access: Access, run: () => T): T {
    const { control, memory, thread } = this;
    const { buffer, byteOffset, bytes, writes, plain = false } = access;
    const first = memory.wordAt(buffer, byteOffset);
    const last = bytes === 0 ? first - 1 : memory.wordAt(buffer, byteOffset + bytes - 1);
    const matters = memory.touch(thread, first, last, writes, plain) || access.seen;
    const { spinning } = this.#spins;
    if (spinning) noteYield(control, thread);
    this.#reach(spinning ? "yielding" : matters ? "on" : "alone");
    noteStep(control, thread);
    const step = recordStep(control, thread, access.name, access, access.a, access.b);
    const { words } = control;
    const low = words[WORD.memoryLow]!;
    if (writes) memory.toggle(buffer, byteOffset, bytes);
    const answer = run();
    if (writes) memory.toggle(buffer, byteOffset, bytes);
    recordAnswer(control, step, answer);
    this.races.note(thread, access, first, last, answer);
    this.learn(byteOffset);
    this.learn(answer);
    this.#spins.note(this.#where(access), answer, words[WORD.memoryLow] !== low);
    this.#paused = false;
    return answer;
  }

  /** Lets others go first; `ms` pass. */
  yield(name: "pause" | "sleep", ms: number): void {
    if (this.#paused && name === "pause") return; // the same as one pause
    noteYield(this.control, this.thread);
    this.#reach("yielding");
    recordStep(this.control, this.thread, name);
    this.learn(0);
    this.control.clock[0]! += this.#timed ? Math.max(ms, 1) : ms;
    this.#fresh = true;
    this.#paused = true;
    this.#timed = false;
    this.#spins.reset();
  }

  /** The time, which passes where somebody sleeps, and from pause to pause of one who looks. */
  now(): number {
    const now = this.control.clock[0]!;
    this.#timed = true;
    this.#paused = false;
    this.learn(now);
    return now;
  }

  /** Gives the turn away until somebody gives it back. The caller has set the status. */
  block(): void {
    const next = this.#decide(this.thread, "not");
    if (next !== this.thread) {
      this.#passTo(next);
      this.#await();
    }
    this.#spins.reset();
  }

  /** Records that a sleep is over. */
  woken(timedOut: boolean): void {
    noteStep(this.control, this.thread);
    recordStep(this.control, this.thread, timedOut ? "time out" : "wake up");
    this.learn(timedOut ? 1 : 0);
    this.#fresh = !timedOut;
  }

  /** What this thread sees is part of its state. */
  learn(value: number | bigint): void {
    this.#seen.addValue(value);
    this.#saveSeen();
  }

  /** Waits for the end of the exploration: this schedule has failed. */
  fail(): never {
    for (;;) take(this.control, this.thread);
  }

  #reach(going: Going): void {
    if (going === "on" && this.#fresh) going = "alone";
    this.#fresh = false;
    const next = this.#decide(this.thread, going);
    if (next !== this.thread) {
      this.#passTo(next);
      this.#await();
    }
    const begins = this.onStep;
    if (begins !== undefined) {
      this.onStep = undefined;
      begins();
    }
  }

  #decide(me: number, going: Going): number {
    const { control } = this;
    if (control.words[WORD.stopped] !== 0) throw new Stopped();
    const next = decide(control, me, going);
    const fault = next === ALL_ASLEEP
      ? "asleep"
      : next === ENDLESS
      ? "endless"
      : control.words[WORD.astray] !== 0
      ? "astray"
      : undefined;
    if (fault === undefined) return next;
    this.#report(fault);
    this.fail();
  }

  #passTo(next: number): void {
    if (next === OVER) pass(this.control, 0, END);
    else pass(this.control, next, RUN);
  }

  #await(): void {
    take(this.control, this.thread);
  }

  #saveSeen(): void {
    this.control.setLane(this.thread, LANE.low, this.#seen.low);
    this.control.setLane(this.thread, LANE.high, this.#seen.high);
  }

  #where({ buffer, byteOffset, name }: Access): number {
    return buffer * 1e9 + byteOffset * 16 + name.length;
  }
}
