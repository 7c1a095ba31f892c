/**
 * An agenda as JSON, as RefPerSys has it.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { Tasklet, type TaskletJson, type TaskletPriority } from "./tasklet.ts";

/** An agenda's permanent tasklets, by lane: the keys of RefPerSys. */
export interface AgendaJson {
  /** Its name. */
  readonly name: string;
  /** Those looked at first. */
  readonly high_priority: readonly TaskletJson[];
  /** Those in the middle. */
  readonly normal_priority: readonly TaskletJson[];
  /** Those looked at last. */
  readonly low_priority: readonly TaskletJson[];
}

const PRIORITIES: readonly TaskletPriority[] = ["high", "normal", "low"];

/**
 * The tasklets, lane by lane.
 *
 * @throws {TypeError | RangeError} If it is no such JSON
 */
export function readAgendaJson(json: AgendaJson): Tasklet[] {
  const action = "read Agenda";
  if (typeof json !== "object" || json === null) {
    throw new TypeError(`Cannot ${action}: json is ${typeOf(json)} (must be an object)`);
  }
  return PRIORITIES.flatMap((priority) => {
    const list: unknown = json[`${priority}_priority`];
    if (!Array.isArray(list)) {
      throw new TypeError(
        `Cannot ${action}: ${priority}_priority is ${typeOf(list)} (must be an array)`,
      );
    }
    return list.map((one) => new Tasklet({ ...one, priority, permanent: true }));
  });
}

/** The permanent ones of tasklets, whatever lane they are in now. */
export function writeTasklets(tasklets: Iterable<{ readonly tasklet: Tasklet }>): TaskletJson[] {
  return [...tasklets].map(({ tasklet }) => tasklet)
    .filter(({ permanent }) => permanent).map((tasklet) => tasklet.toJSON());
}
