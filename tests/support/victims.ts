/**
 * Real workers that end in the middle of what they do.
 *
 * @module
 */
import { ParkWord } from "@vais/runtime/memory";
import { mortality } from "./mortality.ts";
import { entry, startThread } from "./threads.ts";

/** Whether the host can end a busy worker from outside: Deno lets it run on. */
export const CAN_TERMINATE: boolean = !("Deno" in globalThis);

/** What a victim has at hand: the library's names in `m`, `job`, `random`, `begin`, and `mortal` if it ends by itself. */
const AT_HAND = (mortal: boolean) => `
const job = await messages.next();
const m = await import("${entry("memory")}");
const bell = m.ParkWord.attach(job.bell);
const random = (seed) => () => (seed = Math.imul(seed, 1664525) + 1013904223 | 0) >>> 8;
const end = "Deno" in globalThis ? () => self.close() : (await import("node:process")).default.exit;
const mortal = ${mortal} ? (${mortality})(() => {
  mortal.restore();
  bell.unpark();
  end();
  throw new Error("ended");
}) : undefined;
/** To be called before what it shall end in. */
const begin = () => mortal === undefined ? bell.unpark() : mortal.arm(job.access);
`;

/** Runs `body` in a worker that ends by itself, before access `job.access` after `begin()`, or as `mortal` says. */
export async function endsItself(body: string, job: Record<string, unknown>): Promise<void> {
  const bell = ParkWord.create();
  const thread = await startThread(`${AT_HAND(true)}${body}`);
  thread.post({ ...job, bell: bell.handle });
  const failed = thread.next().then(() => false);
  try {
    if (await Promise.race([bell.parkAsync(20_000), failed])) return;
    throw new Error("the victim did not end within 20 s");
  } finally {
    failed.catch(() => {}); // that it ended, where the host tells
    await thread.end();
  }
}

/** Runs `body` in a worker that is terminated while it runs, some time after it has called `begin()`. */
export async function isTerminated(
  body: string,
  job: Record<string, unknown>,
  afterMs: number,
): Promise<void> {
  const bell = ParkWord.create();
  const thread = await startThread(`${AT_HAND(false)}${body}`);
  thread.post({ ...job, bell: bell.handle });
  await bell.parkAsync();
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  await thread.end();
}
