/**
 * What a schedule has come to: is it right?
 *
 * @module
 */
import { checkLinearizable, type RecordedCall, showHistory } from "../linearizability.ts";
import { type Control, LANE, TEXT_UNITS } from "./control.ts";
import type { CarriedCall } from "./player.ts";
import type { ExploredProgram } from "./program.ts";
import { decode } from "./values.ts";

/** What a schedule failed of, found when it had ended. */
export interface Verdict {
  readonly reason: "check" | "nonlinearizable" | "astray";
  readonly message: string;
  readonly stack?: string;
}

/** Asks the program's model and its `check`. */
export async function checkEnd(
  control: Control,
  { model, check }: ExploredProgram,
  state: unknown,
): Promise<Verdict | undefined> {
  const results: unknown[] = [];
  const history: RecordedCall[] = [];
  for (let thread = 0; thread < control.threads; thread++) {
    const [result, calls] = decode(textOf(control, thread)) as [unknown, CarriedCall[]];
    results.push(result);
    for (const [name, input, output, invoked, returned] of calls) {
      history.push({ thread, name, input, output, invoked, returned });
    }
  }
  try {
    if (model !== undefined && !checkLinearizable(history, model).linearizable) {
      return { reason: "nonlinearizable", message: `not linearizable:\n${showHistory(history)}` };
    }
    const checking = check?.(state, results, history);
    if (checking !== undefined) await checking;
  } catch (error) {
    const { message = String(error), stack } = error as Error;
    return { reason: "check", message, ...(stack === undefined ? {} : { stack }) };
  }
}

function textOf(control: Control, thread: number): string {
  const start = thread * TEXT_UNITS;
  const units = control.texts.subarray(start, start + control.lane(thread, LANE.text));
  let text = "";
  for (let i = 0; i < units.length; i += 4096) {
    text += String.fromCharCode(...units.subarray(i, i + 4096));
  }
  return text;
}
