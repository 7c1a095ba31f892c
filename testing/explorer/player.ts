/**
 * Plays one thread of a program, once per schedule.
 *
 * @module
 */
import { Stopped } from "./baton.ts";
import { LANE, TEXT_UNITS, WORD } from "./control.ts";
import type { Gate } from "./gate.ts";
import { Hash } from "./hash.ts";
import type { ProgramThread, Recorder } from "./program.ts";
import type { Sleepers } from "./sleepers.ts";
import { encode } from "./values.ts";

interface Call {
  readonly name: string;
  readonly input: unknown;
  output: unknown;
  /** When, among all invocations and returns. */
  invoked: number;
  returned: number;
  /** How many calls of each thread had returned when it was invoked. */
  before: number[];
}

/** A recorded call as it is carried to the leader. */
export type CarriedCall = [string, unknown, unknown, number, number];

/** See the head of this file. */
export class Player {
  readonly #gate: Gate;
  readonly #sleepers: Sleepers;
  readonly #thread: ProgramThread;
  readonly #state: () => unknown;
  readonly #threw: (error: unknown) => void;
  #calls: Call[] = [];

  /** `state` is called inside the gate; `threw` reports what the thread threw. */
  constructor(
    gate: Gate,
    sleepers: Sleepers,
    thread: ProgramThread,
    state: () => unknown,
    threw: (error: unknown) => void,
  ) {
    this.#gate = gate;
    this.#sleepers = sleepers;
    this.#thread = thread;
    this.#state = state;
    this.#threw = threw;
  }

  /** Runs the thread to its end; it has the turn before and after. */
  play(): void | Promise<void> {
    this.#gate.begin();
    this.#sleepers.reset();
    this.#calls = [];
    try {
      const result = this.#thread(this.#state(), this.#record);
      if (isPromise(result)) return this.#drive(result);
      this.#end(result);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #drive(promise: PromiseLike<unknown>): Promise<void> {
    let ended = false;
    let result: unknown;
    let failure: { error: unknown } | undefined;
    promise.then(
      (value) => (ended = true, result = value),
      (error) => (ended = true, failure = { error }),
    );
    try {
      for (;;) {
        await allMicrotasks();
        if (ended) break;
        if (!this.#sleepers.waiting) {
          throw new Error(
            "it awaits something that is not Atomics.waitAsync (nothing else is modelled)",
          );
        }
        this.#sleepers.idle();
      }
      if (failure !== undefined) throw failure.error;
      this.#end(result);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): never {
    this.#gate.open = false;
    if (error instanceof Stopped) throw error;
    this.#threw(error);
    this.#gate.fail();
  }

  #end(result: unknown): void {
    const { control, thread } = this.#gate;
    const calls = this.#calls;
    const seen = new Hash();
    seen.addText(
      encode([result, calls.map((call) => [call.name, call.input, call.output, call.before])]),
    );
    const carried: CarriedCall[] = calls.map((call) => //
    [call.name, call.input, call.output, call.invoked, call.returned]);
    const text = encode([result, carried]);
    if (text.length > TEXT_UNITS) {
      throw new RangeError(
        `Cannot carry a thread's answer: ${text.length} characters (at most ${TEXT_UNITS})`,
      );
    }
    for (let i = 0; i < text.length; i++) {
      control.texts[thread * TEXT_UNITS + i] = text.charCodeAt(i);
    }
    control.setLane(thread, LANE.text, text.length);
    this.#gate.end(seen);
  }

  #record: Recorder = (name, input, run) => {
    const call: Call = { name, input, output: undefined, invoked: -1, returned: -1, before: [] };
    this.#calls.push(call);
    const gate = this.#gate;
    gate.onStep = () => this.#invoke(call);
    const output = run();
    const returned = (output: unknown) => {
      if (call.invoked < 0) {
        gate.onStep = undefined;
        this.#invoke(call);
      }
      call.output = output;
      call.returned = gate.control.words[WORD.events]!++;
      const count = gate.control.lane(gate.thread, LANE.returned);
      gate.control.setLane(gate.thread, LANE.returned, count + 1);
    };
    if (!isPromise(output)) returned(output);
    else return output.then((output: unknown) => (returned(output), output)) as typeof output;
    return output;
  };

  #invoke(call: Call): void {
    const { control } = this.#gate;
    call.invoked = control.words[WORD.events]!++;
    for (let t = 0; t < control.threads; t++) {
      const returned = control.lane(t, LANE.returned);
      call.before.push(returned);
      this.#gate.learn(returned);
    }
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === "function";
}

/** Resolves when nothing is left to do without new events. */
function allMicrotasks(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
