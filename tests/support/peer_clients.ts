/**
 * A program whose tasks wait, on the reactor, for real peers: `peer_clients SCENARIO ARGUMENT…`.
 *
 * A scenario runs twice. What the host opens for good, it opens in the first run; after the second
 * the process must have the same descriptors as after the first, and no child. The last line tells,
 * as JSON, what the second run answered, and what was left behind.
 *
 * @module
 */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import { getReactor } from "@vais/runtime/reactor";
import { child } from "./peer_clients/child.ts";
import { nginx } from "./peer_clients/nginx.ts";
import { pty } from "./peer_clients/pty.ts";
import { redis } from "./peer_clients/redis.ts";
import { tail } from "./peer_clients/tail.ts";

/** What a scenario does; all it opened is closed when it has ended. */
export type Scenario = (...args: string[]) => Generator<unknown, unknown>;

const SCENARIOS: Record<string, Scenario> = { child, nginx, pty, redis, tail };

/** What is open, without the numbers that differ each time. */
function descriptors(): string[] {
  const links: string[] = [];
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      links.push(readlinkSync(`/proc/self/fd/${fd}`).replace(/:\[\d+\]$/, ""));
    } catch {
      // The one that listed the folder.
    }
  }
  return links.sort();
}

/** Command lines of the children of this process, dead ones included. */
function children(): string[] {
  const found: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const [, name, parent] = /\((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))!;
      if (Number(parent) === process.pid) found.push(`${pid} ${name}`);
    } catch {
      // Gone meanwhile.
    }
  }
  return found;
}

const [name = "", ...args] = process.argv.slice(2);
const scenario = SCENARIOS[name];
if (scenario === undefined) throw new RangeError(`No scenario ${name}`);
const runtime = getReactor();
// Deno opens two sockets for signals: at the first listener, else half a second after its start.
const listener = () => {};
process.on("SIGHUP", listener);
process.off("SIGHUP", listener);
const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

await runtime.spawn(() => scenario(...args));
await pause();
const before = descriptors();
const answer = await runtime.spawn(() => scenario(...args));
let after = descriptors();
// The host closes what it has of a process a moment after its end.
for (let i = 0; i < 100 && (after.length > before.length || children().length > 0); i++) {
  await pause();
  after = descriptors();
}
console.log(JSON.stringify({
  answer,
  leaked: after.join() === before.join() ? [] : [`before: ${before}`, `after: ${after}`],
  children: children(),
  sources: runtime.getEventLoop().sourceCount,
}));
await runtime.close();
