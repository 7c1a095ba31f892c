/**
 * What a step is, and how one is recorded and shown.
 *
 * @module
 */
import { type Control, LANE, STEP_NUMBERS, WORD } from "./control.ts";

/** Operations of `Atomics` that write. */
export const WRITES = [
  "store",
  "add",
  "sub",
  "and",
  "or",
  "xor",
  "exchange",
  "compareExchange",
] as const;

/** All that a step can be; a recorded one is an index into this. */
export const STEPS = [
  "start",
  "pause",
  "sleep",
  "wake up",
  "time out",
  "read",
  "write",
  "bulk read",
  "bulk write",
  "load",
  ...WRITES,
  "wait",
  "waitAsync",
  "notify",
  "idle",
] as const;

/** What a step is. */
export type StepName = typeof STEPS[number];

/** The views there are; a recorded one is an index into this. */
export const VIEWS = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "DataView",
] as const;

const BYTES = [1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 1];

/** A step's place: which buffer, where in it, and through which view. */
export interface Where {
  readonly buffer: number;
  readonly byteOffset: number;
  readonly view: number;
}

/** An access to the program's memory. */
export interface Access extends Where {
  readonly name: StepName;
  readonly bytes: number;
  readonly writes: boolean;
  /** Not by `Atomics`. */
  readonly plain?: boolean;
  /** Others see it even where nothing is in conflict, as `notify`. */
  readonly seen?: boolean;
  readonly a?: number | bigint;
  readonly b?: number | bigint;
}

/** Records the step taken now, and counts it. Answers its number. */
export function recordStep(
  control: Control,
  thread: number,
  name: StepName,
  where?: Where,
  a: number | bigint = NaN,
  b: number | bigint = NaN,
): number {
  const { trace, words } = control;
  const step = words[WORD.step]!++;
  const at = step * STEP_NUMBERS;
  trace[at] = thread;
  trace[at + 1] = STEPS.indexOf(name);
  trace[at + 2] = where === undefined ? -1 : where.buffer;
  trace[at + 3] = where === undefined ? 0 : where.byteOffset;
  trace[at + 4] = where === undefined ? 0 : where.view;
  trace[at + 5] = Number(a);
  trace[at + 6] = Number(b);
  trace[at + 7] = NaN;
  trace[at + 8] = (control.lane(thread, LANE.high) >>> 11) * 2 ** 32 +
    (control.lane(thread, LANE.low) >>> 0);
  return step;
}

/** Adds the answer to a recorded step. */
export function recordAnswer(control: Control, step: number, answer: number | bigint): void {
  control.trace[step * STEP_NUMBERS + 7] = Number(answer);
}

/** A step that is the thread's doing, as a number; or NaN. */
export function signatureOf(control: Control, step: number): number {
  const { trace } = control;
  const at = step * STEP_NUMBERS;
  const name = STEPS[trace[at + 1]!];
  if (name === "wake up" || name === "time out") return NaN;
  return trace[at]! + 8 * trace[at + 1]! + 256 * (trace[at + 2]! + 1) + 65536 * trace[at + 3]!;
}

/** All that its thread had seen before a step, as a hash. */
export function stateBefore(control: Control, step: number): number {
  return control.trace[step * STEP_NUMBERS + 8]!;
}

/** A line for each step taken. */
export function describeSteps(control: Control): string[] {
  const lines: string[] = [];
  const steps = Math.min(control.words[WORD.step]!, control.maxSteps);
  for (let step = 0; step < steps; step++) {
    const [thread, name, buffer, byteOffset, view, a, b, answer] = control.trace.subarray(
      step * STEP_NUMBERS,
      (step + 1) * STEP_NUMBERS,
    ) as unknown as number[];
    let line = `thread ${thread}: ${STEPS[name!]}`;
    if (buffer! >= 0) {
      line += ` buffer ${buffer} ${VIEWS[view!]}[${byteOffset! / BYTES[view!]!}]`;
    }
    if (!Number.isNaN(a)) line += ` ${a}`;
    if (!Number.isNaN(b)) line += `, ${b}`;
    if (!Number.isNaN(answer)) line += ` -> ${answer}`;
    lines.push(line);
  }
  return lines;
}

/** Who took the steps, as a token: `0*3,1*2` is three steps of thread 0, then two of thread 1. */
export function scheduleOf(control: Control): string {
  const runs: string[] = [];
  const steps = Math.min(control.words[WORD.step]!, control.maxSteps);
  for (let step = 0; step < steps;) {
    const thread = control.trace[step * STEP_NUMBERS]!;
    const first = step;
    while (step < steps && control.trace[step * STEP_NUMBERS] === thread) step++;
    runs.push(`${thread}*${step - first}`);
  }
  return runs.join(",");
}

/** The other way round. Throws `TypeError` when `token` is none. */
export function parseSchedule(token: string): number[] {
  if (!/^(\d\*\d{1,6}(,\d\*\d{1,6})*)?$/.test(token)) {
    throw new TypeError(
      `Cannot replay: the schedule is ${JSON.stringify(token.slice(0, 40))} ` +
        '(a token as a failure prints it, like "0*3,1*2", is required)',
    );
  }
  const threads: number[] = [];
  for (const run of token.split(",")) {
    const [thread, steps] = run.split("*").map(Number);
    for (let i = 0; i < (steps ?? 0); i++) threads.push(thread!);
  }
  return threads;
}
