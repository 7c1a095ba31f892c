/**
 * What the workers of the benches of stack, map and priority queue are told.
 *
 * @module
 */
import type { Handle } from "@vais/runtime/memory";

/** What a worker is to do. */
export interface StructureJob {
  readonly kind: string;
  readonly role: "first" | "second";
  readonly count: number;
  /** Both count in it, and begin when both are there. */
  readonly gate: Int32Array;
  readonly handle?: Handle;
  readonly buffer?: SharedArrayBuffer;
  readonly port?: MessagePort;
}

/** Keys of the map. */
export const KEYS = 4096;
/** One operation in eight changes the map. */
export const isChange = (i: number): boolean => (i & 7) === 0;
/** The key of operation `i`. */
export const keyOf = (i: number): number => Math.imul(i, 0x9e3779b1) >>> 20;
/** The level of item `i`. */
export const levelOf = (i: number): number => (i * 7) % 5;
