/**
 * For every access to shared memory that a call makes: a thread that dies before it, on one thread.
 *
 * @module
 */
import { assert } from "@std/assert";
import { EMPTY } from "@vais/runtime/memory";
import { mortality } from "./mortality.ts";

class Died extends Error {}

/**
 * For every access of `act`: makes a structure, lets a thread die before that access, and has `check` look at
 * it. Answers how many points there were. `act` gets a view of its own, made by `attach`.
 */
export function everyDeath<S, V>(
  make: () => S,
  attach: (structure: S) => V,
  act: (view: V) => unknown,
  check: (structure: S, point: number) => void,
): number {
  for (let point = 0;; point++) {
    const structure = make();
    const mortal = mortality(() => {
      throw new Died();
    });
    let died = false;
    try {
      const view = attach(structure);
      mortal.arm(point);
      act(view);
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      died = true;
    } finally {
      mortal.disarm();
      mortal.restore();
    }
    if (!died) return point;
    check(structure, point);
  }
}

/** Takes until it is EMPTY. */
export const take = (pop: () => unknown): unknown[] => {
  const all: unknown[] = [];
  for (let value = pop(); value !== EMPTY; value = pop()) all.push(value);
  return all;
};
/** Fails unless what was found at a point is one of what is allowed. */
export const within = (found: unknown, allowed: readonly unknown[], point: number) => {
  const texts = allowed.map((one) => JSON.stringify(one));
  assert(texts.includes(JSON.stringify(found)), `point ${point}: ${JSON.stringify(found)}`);
};
