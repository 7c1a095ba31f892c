/**
 * A picture of what is alive: tasks, the groups they opened, and what each waits for.
 *
 * @module
 */

import type { Opener } from "./owned.ts";
import { describeWait } from "./bodies.ts";
import type { Owner, Task } from "./task.ts";
import { describeReason } from "./errors.ts";
import type { TaskStatus } from "./outcome.ts";

/** One line of a dump. */
export interface DumpEntry {
  /** Levels below the runtime, from 0. */
  readonly depth: number;
  /** A group has no id. */
  readonly id?: number;
  /** Of the task or group. */
  readonly name: string;
  /** One of the `TASK_…` numbers; absent for groups. */
  readonly status?: TaskStatus;
  /** What a parked task waits for. */
  readonly waitsFor?: string;
  /** Why it is being cancelled, if it is. */
  readonly cancelled?: string;
  /** Where it was spawned, when the observer asked for sites. */
  readonly spawnSite?: string;
}

const STATUS_NAMES = ["pending", "running", "ready", "completed", "cancelled", "failed"];
/** Siblings alike that are shown before the rest is counted. */
const SHOWN_ALIKE = 3;
/** Lines of the text form; the entries hold everything. */
const SHOWN_LINES = 200;

/** The live tasks of a runtime, in tree order. `toString()` is for people, `entries` for programs. */
export class TaskDump {
  /** The runtime's name. */
  readonly runtime: string;
  /** Every task and group, parents before children. */
  readonly entries: readonly DumpEntry[];

  /** Made by `Runtime.dump()`. */
  constructor(runtime: string, entries: readonly DumpEntry[]) {
    this.runtime = runtime;
    this.entries = entries;
  }

  /** A tree, a line each; siblings alike are folded. */
  toString(): string {
    const lines: string[] = [];
    let alike = 0;
    let last = "";
    const flush = () => {
      if (alike > SHOWN_ALIKE) {
        lines.push(`${last.match(/^ */)![0]}… ${alike - SHOWN_ALIKE} more like this`);
      }
    };
    for (const entry of this.entries) {
      const line = lineOf(entry);
      const shape = "  ".repeat(Math.min(entry.depth, 40)) + line.replace(/\d+/g, "#");
      alike = shape === last ? alike + 1 : (flush(), 1);
      last = shape;
      if (alike <= SHOWN_ALIKE) lines.push("  ".repeat(Math.min(entry.depth, 40)) + line);
    }
    flush();
    const tasks = this.entries.filter((e) => e.id !== undefined).length;
    const hidden = lines.length - SHOWN_LINES;
    if (hidden > 0) lines.splice(SHOWN_LINES, hidden, `… ${hidden} more lines`);
    return [
      `${this.runtime}: ${tasks} task${tasks === 1 ? "" : "s"}`,
      ...lines.map((l) => "  " + l),
    ].join("\n");
  }
}

function lineOf(entry: DumpEntry): string {
  if (entry.id === undefined) return `[${entry.name}]`;
  let line = `${entry.name} #${entry.id} ${STATUS_NAMES[entry.status!]}`;
  if (entry.waitsFor !== undefined) line += `, waits for ${entry.waitsFor}`;
  if (entry.cancelled !== undefined) line += `, being cancelled: ${entry.cancelled}`;
  if (entry.spawnSite !== undefined) line += `, spawned at ${entry.spawnSite}`;
  return line;
}

/** Walks the tree without recursion, so that depth costs no stack. */
export function collectDump(
  name: string,
  roots: Iterable<Task<unknown>>,
  opener: Opener<Owner>,
): TaskDump {
  const entries: DumpEntry[] = [];
  const work: { depth: number; task?: Task<unknown>; group?: Owner }[] = [];
  const pushOwned = (from: Opener<Owner>, depth: number) => {
    for (let owned = from.firstOwned; owned !== undefined; owned = owned.nextOwned) {
      work.push({ depth, group: owned });
    }
  };
  const pushTasks = (tasks: Iterable<Task<unknown>>, depth: number) => {
    const list = [...tasks];
    for (let i = list.length - 1; i >= 0; i--) work.push({ depth, task: list[i]! });
  };
  pushOwned(opener, 0);
  pushTasks(roots, 0);
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    const { depth, task, group } = next;
    if (group !== undefined) {
      entries.push({ depth, name: group.label });
      pushTasks(group.children(), depth + 1);
    } else if (task !== undefined) {
      entries.push(entryOf(task, depth));
      pushOwned(task, depth + 1);
    }
  }
  return new TaskDump(name, entries);
}

function entryOf(task: Task<unknown>, depth: number): DumpEntry {
  const { awaiting, cancelled } = task;
  const waitsFor = describeWait(awaiting);
  return {
    depth,
    id: task.id,
    name: task.name,
    status: task.status,
    ...(waitsFor === undefined ? {} : { waitsFor }),
    ...(cancelled === undefined ? {} : { cancelled: describeReason(cancelled.reason) }),
    ...(task.spawnSite === "" ? {} : { spawnSite: task.spawnSite }),
  };
}
