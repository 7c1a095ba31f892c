/**
 * All planted bugs.
 *
 * @module
 */
import { counter, seqlock, staleLength } from "./counters.ts";
import { futexLock, keptLock, peterson, spinLock } from "./locks.ts";
import type { Planted } from "./planted.ts";
import { earlyPublish, lastItem, offByOne, relaxedEmpty, stealOrder } from "./queues.ts";
import { doubleFree, earlyReclaim, untagged } from "./reclaiming.ts";
import {
  asyncNoRecheck,
  earlyNotify,
  lostHandover,
  lostNotify,
  noRecheck,
  silentClose,
} from "./sleeping.ts";

/** See the head of this file. */
export const PLANTED: readonly Planted[] = [
  counter,
  staleLength,
  seqlock,
  spinLock,
  peterson,
  keptLock,
  futexLock,
  noRecheck,
  earlyNotify,
  lostNotify,
  silentClose,
  lostHandover,
  asyncNoRecheck,
  offByOne,
  earlyPublish,
  stealOrder,
  lastItem,
  relaxedEmpty,
  untagged,
  doubleFree,
  earlyReclaim,
];
