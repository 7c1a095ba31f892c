/**
 * The tasks as poolifier's workers want them: Node's package, or the one for Web Workers.
 *
 * @module
 */
import { poolifier } from "../peers.ts";
import { echo, ends, fib, increment, spin } from "./tasks.ts";

const { ThreadWorker } = await poolifier();

/** Poolifier's end of the thread. */
export const worker: unknown = new ThreadWorker({ increment, echo, ends, fib, spin });
