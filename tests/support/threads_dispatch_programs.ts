/**
 * Programs of an owner and workers over the real dispatch code, for the interleaving explorer.
 *
 * @module
 */
import { assert } from "@std/assert";
import { exploreInterleavings, type ExploreOptions } from "@vais/runtime/testing";
import { test } from "./test.ts";
import { entry } from "./threads.ts";

/** What is explored. */
export interface DispatchProgram {
  /** What must hold. */
  readonly name: string;
  /** Options of the region. */
  readonly region?: string;
  /** The owner's thread: `owner` is at hand. */
  readonly owner: string;
  /** The workers' threads, as expressions. */
  readonly workers: readonly string[];
  /** Statements before everything: planted bugs. */
  readonly planted?: string;
  /** What is to be true of the threads' answers, and of the words `w`. */
  readonly check: string;
  /** Preemptions. */
  readonly preemptions: number;
}

/** Where a file of the library is, for the text of a module: from the sources, or as published. */
export function internal(path: string): string {
  const memory = entry("memory");
  return new URL(`../${path}${memory.slice(memory.lastIndexOf("."))}`, memory).href;
}

const FILES: Record<string, string> = {
  dispatch_region:
    "DispatchRegion, ORDERS, PAUSE, REVOKED, STOP, RECORD_WORDS, RECORD_NUMBERS, REF",
  dispatch_core: "DispatchCore",
  task_table: "TaskTable",
  worker_steps: "WorkerSteps, NOTHING, ORDERED",
  random_victims: "RandomVictims",
  claims: "Claims",
  idle_words: "IdleWords",
  owner_bell: "OwnerBell",
};

/** The module of a program. Tasks are numbered from 1; a task's function adds 100 to its number. */
export function dispatchModule(program: DispatchProgram): string {
  const imports = Object.entries(FILES).map(([file, names]) =>
    `import { ${names} } from "${internal(`scheduling/threads/${file}`)}";`
  );
  return `${imports.join("\n")}
const equal = (a, b, what) => {
  if (JSON.stringify(a) !== JSON.stringify(b)) {
    throw new Error(what + " " + JSON.stringify(a) + ", must be " + JSON.stringify(b));
  }
};
const W = 16;
let FREES_EARLY = false;
let here; // this thread's view of the region
export const setup = () => ({
  region: DispatchRegion.create({
    capacity: 2, workers: ${program.workers.length}, inlineBytes: 0, claim: 2, strict: false,
    steal: false, ${program.region ?? ""}
  }).handle,
  w: new Int32Array(new SharedArrayBuffer(4 * W)), // 0: the gate; from 1 on: how often task i ran
});

/** The owner: tasks, what has become of them, and workers whose places are open before they begin. */
class Owner {
  constructor({ region, w }) {
    this.w = w;
    this.region = here = DispatchRegion.attach(region);
    this.table = new TaskTable(this.region.capacity, this.region.format);
    this.settled = [];
    this.sink = {};
    const end = (slot) => {
      const tag = this.table.tagOf(slot);
      this.table.end(slot);
      return tag;
    };
    const free = (slot) => this.table.give(slot);
    this.finish = (slot) => {
      const value = this.region.numbers[(this.region.records + slot * RECORD_WORDS) / 2 + RECORD_NUMBERS];
      const tag = end(slot);
      equal(value, tag + 100, "result of " + tag + ":");
      this.settled.push(tag);
      free(slot);
    };
    this.core = new DispatchCore(this.region, this.table, {
      finished: this.finish,
      isUntouched: () => false,
      lost: (slot) => {
        this.settled.push(-end(slot));
        if (FREES_EARLY) free(slot);
      },
      released: free,
      gone: () => {},
    });
    for (let i = 0; i < this.region.workers; i++) this.core.open();
    Atomics.store(w, 0, 1);
    Atomics.notify(w, 0);
  }
  submit(...tags) {
    for (const tag of tags) this.queue(tag);
    this.core.publish();
  }
  queue(tag, lane = 1) {
    const slot = this.table.next;
    if (slot < 0) throw new Error("no slot for " + tag);
    const ref = this.table.begin(this.sink, tag, lane);
    const record = this.region.records + slot * RECORD_WORDS;
    this.region.words[record + REF] = ref;
    this.region.numbers[record / 2 + RECORD_NUMBERS] = tag;
    this.core.queue(slot, lane);
    return slot;
  }
  take() {
    for (let worker = 0; worker < this.region.workers; worker++) {
      for (let event = 0; (event = this.core.nextEvent(worker)) >= 0;) this.finish(event);
      this.core.sweep(worker);
    }
  }
  /** Sleeps until so many have settled. */
  until(count) {
    for (this.take(); this.settled.length < count; this.take()) {
      this.core.bell.arm();
      if (this.core.hasEvents) this.core.bell.stay();
      else this.core.bell.wait(Infinity);
    }
  }
  stop(...workers) {
    for (const worker of workers) this.core.places.stop(worker);
    return this.settled.sort((a, b) => a - b);
  }
}

/** A worker: runs what there is, sleeps, leaves when told; answers what it ran, and why it left. */
const worker = (index, run = () => {}) => (state) => {
  const { region: handle, w } = state;
  Atomics.wait(w, 0, 0);
  const region = here = DispatchRegion.attach(handle);
  const steps = new WorkerSteps(region, index, new RandomVictims(region.workers, 1));
  const ran = [];
  for (;;) {
    const slot = steps.next();
    const { orders } = steps;
    if (slot >= 0) {
      const at = (region.records + slot * RECORD_WORDS) / 2 + RECORD_NUMBERS;
      const tag = region.numbers[at];
      Atomics.add(w, tag, 1);
      run(w, tag);
      region.numbers[at] = tag + 100;
      ran.push(tag);
      steps.done(slot);
    } else if ((orders & (REVOKED | STOP)) !== 0) {
      steps.leave();
      return [...ran, (orders & REVOKED) !== 0 ? "revoked" : "stopped"];
    } else if (slot === ORDERED || steps.beginSleep()) {
      steps.park();
    }
  }
};
${program.planted ?? ""}
export const threads = [
  (state) => {
    const owner = new Owner(state);
    const { core, w } = owner;
    ${program.owner}
  },
  ${program.workers.join(",\n  ")}
];
export const check = ({ w }, [got, ...workers]) => {
  const ran = workers.map((one) => one.filter((tag) => typeof tag === "number"));
  ${program.check}
};
`;
}

/** Explores it; what it came to, in words. */
export async function exploreDispatch(program: DispatchProgram): Promise<string> {
  const began = performance.now();
  const result = await exploreInterleavings(dispatchModule(program), limitsOf(program));
  assert(result.complete);
  return `${program.name}: ${result.schedules} schedules, ${result.steps} steps, ` +
    `${result.states} states, ${result.racyWords} racy words, ${
      Math.round(performance.now() - began)
    } ms`;
}

/** How far to go. */
export function limitsOf(program: DispatchProgram): ExploreOptions {
  return { preemptions: program.preemptions, maxSteps: 5000 };
}

/** Registers the test that explores it. */
export function exploredDispatch(program: DispatchProgram): void {
  const threads = program.workers.length + 1;
  const { name, preemptions } = program;
  test(`explored, ${threads} threads, ${preemptions} preemptions: ${name}`, async () => {
    console.log(await exploreDispatch(program));
  });
}

/** Tasks 1 and 2, one after the other: both sides sleep in between. */
export const ONE_WORKER: DispatchProgram = {
  name: "dispatch, one worker: no wake is lost on either side",
  owner: `
    owner.submit(1);
    owner.until(1);
    owner.submit(2);
    owner.until(2);
    return owner.stop(0);`,
  workers: ["worker(0)"],
  check: `
    equal(got, [1, 2], "settled");
    equal(workers, [[1, 2, "stopped"]], "worker");`,
  preemptions: 2,
};

/** Task 1 waits in its function until task 2 has run. */
const WAITS_FOR_SECOND = `(w, tag) => {
    if (tag === 2) {
      Atomics.store(w, 9, 1);
      Atomics.notify(w, 9);
    }
    if (tag === 1) Atomics.wait(w, 9, 0);
  }`;

/** One burst wakes one worker; that one must wake the other. */
export const PASSED_ON: DispatchProgram = {
  name: "dispatch, two workers: who has begun a long task has woken another for the next",
  owner: `
    owner.submit(1, 2);
    owner.until(2);
    return owner.stop(0, 1);`,
  workers: [`worker(0, ${WAITS_FOR_SECOND})`, `worker(1, ${WAITS_FOR_SECOND})`],
  check: `
    equal(got, [1, 2], "settled");
    equal(ran.flat().sort(), [1, 2], "ran");`,
  preemptions: 1,
};

/** Task 2 is claimed together with task 1. */
export const STOLEN: DispatchProgram = {
  name: "dispatch, two workers: what lies behind a long task in its batch is stolen",
  region: "capacity: 4, steal: true",
  owner: `
    Atomics.store(owner.region.words, owner.region.live, 1); // so a worker claims two of four
    owner.submit(1, 2, 3, 4);
    owner.until(4);
    return owner.stop(0, 1);`,
  workers: [`worker(0, ${WAITS_FOR_SECOND})`, `worker(1, ${WAITS_FOR_SECOND})`],
  check: `
    equal(got, [1, 2, 3, 4], "settled");
    equal(ran.flat().sort(), [1, 2, 3, 4], "ran");`,
  preemptions: 1,
};

/** Worker 0 is given up at any moment, and goes on at any later one. */
export const GIVEN_UP: DispatchProgram = {
  name: "dispatch, a worker is given up anywhere and wakes up late: nothing lost, nothing twice",
  owner: `
    owner.submit(1, 2);
    Atomics.wait(w, 11, 0, 1); // for as long as it takes: worker 0 gets anywhere
    owner.take();
    core.lost(0, false);
    owner.until(1);
    if (owner.table.next < 0) owner.until(2); // the lost one's slot is not free
    owner.submit(3);
    owner.until(3);
    return owner.stop(1);`,
  workers: ["worker(0)", "worker(1)"],
  check: `
    equal(got.map(Math.abs).sort(), [1, 2, 3], "settled or lost");
    equal(got.filter((tag) => tag < 0).length <= 1, true, "lost at most the one it ran:");
    for (const tag of [1, 2, 3]) {
      equal(w[tag] <= 1, true, "task " + tag + " ran " + w[tag] + " times:");
      if (got.includes(tag)) equal(w[tag], 1, "runs of " + tag);
    }
    equal(workers[0].at(-1), "revoked", "worker 0");
    equal(workers[1].at(-1), "stopped", "worker 1");`,
  preemptions: 1,
};

/** Nobody runs a task between quiet and resume. */
export const PAUSED: DispatchProgram = {
  name: "dispatch, a pause: once it is quiet nothing runs, and all goes on after",
  owner: `
    owner.submit(1, 2);
    core.places.pause();
    for (core.bell.arm(); !core.isQuiet; core.bell.arm()) core.bell.wait(Infinity);
    core.bell.stay();
    Atomics.store(w, 10, 1);
    Atomics.store(w, 10, 0);
    core.places.resume();
    owner.until(2);
    return owner.stop(0);`,
  workers: [`worker(0, (w) => equal(Atomics.load(w, 10), 0, "runs in a pause:"))`],
  check: `
    equal(got, [1, 2], "settled");
    equal(workers, [[1, 2, "stopped"]], "worker");`,
  preemptions: 2,
};

/** The owner takes task 2 out while a worker may start it. */
export const REMOVED: DispatchProgram = {
  name: "dispatch, a removed task never runs, one that has begun is not removed",
  owner: `
    owner.queue(1);
    const slot = owner.queue(2);
    core.publish();
    const removed = core.remove(slot);
    if (removed) {
      owner.table.end(slot);
      owner.table.give(slot);
    }
    owner.until(removed ? 1 : 2);
    owner.stop(0);
    return removed;`,
  workers: ["worker(0)"],
  check: `
    equal(w[1], 1, "runs of 1");
    equal(w[2], got ? 0 : 1, "runs of 2");`,
  preemptions: 2,
};

/** Worker 0 is stopped with tasks in its batch. */
export const STOPPED: DispatchProgram = {
  name: "dispatch, a worker is stopped: what it had claimed goes to another",
  region: "capacity: 4",
  owner: `
    Atomics.store(owner.region.words, owner.region.live, 1);
    owner.submit(1, 2, 3, 4);
    core.places.stop(0);
    owner.until(4);
    return owner.stop(1);`,
  workers: ["worker(0)", "worker(1)"],
  check: `
    equal(got, [1, 2, 3, 4], "settled");
    equal(ran.flat().sort(), [1, 2, 3, 4], "ran");
    equal(workers.map((one) => one.at(-1)), ["stopped", "stopped"], "left");`,
  preemptions: 1,
};
