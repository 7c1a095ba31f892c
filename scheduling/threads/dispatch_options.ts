/**
 * The options of a dispatcher, checked.
 *
 * @module
 */

import { checkInteger, checkOptions, roundCapacity, shown } from "../../memory/check.ts";
import { MOST_CLAIMED, type RegionParams } from "./dispatch_region.ts";
import type { DispatcherOptions, Latency } from "./dispatch_types.ts";

const ACTION = "create a Dispatcher";
const MOST_WORKERS = 128;
const MOST_CAPACITY = 2 ** 16;
const MOST_BLOCKS = 2 ** 30;

/** Options, with every default filled in. */
export interface CheckedDispatcherOptions {
  /** How the region is made. */
  readonly region: RegionParams;
  /** Bytes of blocks. */
  readonly blockBytes: number;
  /** Whether plain typed arrays are copied into blocks. */
  readonly copyBuffers: boolean;
  /** How quickly results are looked for. */
  readonly latency: Latency;
}

/** Checks them. `TypeError` for a wrong type, `RangeError` for a value out of range. */
export function checkDispatcherOptions(options: DispatcherOptions): CheckedDispatcherOptions {
  const given = checkOptions(ACTION, options);
  const { workers, capacity = 4096, inlineBytes = 512, blockBytes = 2 ** 22 } = given;
  checkInteger(ACTION, "workers", workers, 1, MOST_WORKERS);
  checkInteger(ACTION, "capacity", capacity, 1, MOST_CAPACITY);
  checkInteger(ACTION, "inlineBytes", inlineBytes, 0, 2 ** 16);
  checkInteger(ACTION, "blockBytes", blockBytes, 0, MOST_BLOCKS);
  return {
    region: {
      capacity: roundCapacity(ACTION, capacity, 2),
      workers,
      inlineBytes: Math.ceil(inlineBytes / 8) * 8,
      claim: oneOf("claim", given.claim, ["batch", "one"]) === "one" ? 1 : MOST_CLAIMED,
      strict: flag("strictLanes", given.strictLanes, false),
      steal: flag("steal", given.steal, true),
    },
    blockBytes,
    copyBuffers: flag("copyBuffers", given.copyBuffers, false),
    latency: oneOf("latency", given.latency, ["normal", "low"]),
  };
}

function flag(name: string, value: boolean | undefined, usual: boolean): boolean {
  if (value === undefined) return usual;
  if (typeof value === "boolean") return value;
  throw new TypeError(`Cannot ${ACTION}: ${name} is ${shown(value)} (pass true or false)`);
}

/** The first is the default. */
function oneOf<T extends string>(name: string, value: T | undefined, all: readonly T[]): T {
  if (value === undefined) return all[0]!;
  if (all.includes(value)) return value;
  const message = `Cannot ${ACTION}: ${name} is ${shown(value)} (pass ${
    all.map((one) => JSON.stringify(one)).join(" or ")
  })`;
  throw typeof value === "string" ? new RangeError(message) : new TypeError(message);
}
