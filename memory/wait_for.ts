/**
 * Trying until it is settled, asleep in between.
 *
 * Invariant: a thread falls asleep only after an attempt that it made while it was counted as a waiter (see
 * `EventCount`), and makes one more when its time is over. Who finds it closed wakes all that wait.
 *
 * D. P. Reed, R. K. Kanodia, "Synchronization with Eventcounts and Sequencers" (1979).
 *
 * @module
 */

import { CLOSED, EMPTY, FULL, RETRY, TIMED_OUT } from "./answers.ts";
import { checkTimeout } from "./check.ts";
import type { EventCount } from "./event_count.ts";
import { deadlineOf, leftUntil } from "./wait_async.ts";

/** An answer that waiting would not change. */
export type Settled<A> = Exclude<A, typeof EMPTY | typeof FULL | typeof RETRY>;

/** Attempts, `spins` times again, then asleep on `event`, until the time is over. Blocks the thread. */
export function waitFor<A>(
  action: string,
  event: EventCount,
  attempt: () => A,
  spins: number,
  timeoutMs: number | null | undefined,
): Settled<A> | typeof TIMED_OUT {
  const deadline = deadlineOf(checkTimeout(action, timeoutMs));
  for (let i = 0; i <= spins; i++) {
    const answer = attempt();
    if (isSettled(answer)) return answer;
  }
  for (;;) {
    const sequence = event.begin();
    const answer = attempt();
    const waited = isSettled(answer) ? "ok" : event.wait(sequence, leftUntil(deadline));
    event.done();
    if (isSettled(answer)) return passOn(event, answer);
    if (waited === "timed-out") return lastChance(attempt());
  }
}

/** The same without blocking the thread, and without spinning. */
export async function waitForAsync<A>(
  action: string,
  event: EventCount,
  attempt: () => A,
  timeoutMs: number | null | undefined,
): Promise<Settled<A> | typeof TIMED_OUT> {
  const deadline = deadlineOf(checkTimeout(action, timeoutMs));
  const first = attempt();
  if (isSettled(first)) return first;
  for (;;) {
    const sequence = event.begin();
    const answer = attempt();
    const waited = isSettled(answer) ? "ok" : await event.waitAsync(sequence, leftUntil(deadline));
    event.done();
    if (isSettled(answer)) return passOn(event, answer);
    if (waited === "timed-out") return lastChance(attempt());
  }
}

/** The wake of a thread that found it closed is for all that still wait there. */
function passOn<A>(event: EventCount, answer: A): A {
  if (answer === CLOSED && event.isAwaited) event.wakeAll();
  return answer;
}

function isSettled<A>(answer: A): answer is Settled<A> {
  return answer !== EMPTY && answer !== FULL && answer !== RETRY;
}

function lastChance<A>(answer: A): Settled<A> | typeof TIMED_OUT {
  return isSettled(answer) ? answer : TIMED_OUT;
}
