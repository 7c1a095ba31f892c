/**
 * A child process: its input, output and end are awaited by the reactor.
 *
 * The child gets ends of our pipes as its standard streams. Those it must be able to block on: what
 * is non-blocking for us stays so for whoever holds the same end.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { Future, scope } from "@vais/runtime";
import { close, FdStream, pipe, processExit, setNonBlocking } from "@vais/runtime/reactor";

const BYTES = 3_000_000;

/** A filter that upper-cases megabytes and then exits with 7. */
export function* child(): Generator<unknown, unknown> {
  const input = pipe();
  const output = pipe();
  setNonBlocking(input.readFd, false);
  setNonBlocking(output.writeFd, false);
  const filter = spawn("sh", ["-c", "tr a-z A-Z; exit 7"], {
    stdio: [input.readFd, output.writeFd, "inherit"],
  });
  const exited = once(filter, "exit");
  close(input.readFd);
  close(output.writeFd);
  const to = new FdStream(input.writeFd, "pipe");
  const from = new FdStream(output.readFd, "pipe");
  try {
    return yield* scope(function* (s) {
      const ended = s.spawn(() => processExit(filter.pid!));
      s.spawn(function* () {
        yield* to.writeAll(new Uint8Array(BYTES).fill(0x61));
        to.close(); // the end of the input
      });
      let count = 0;
      let isUpper = true;
      const buffer = new Uint8Array(50_000);
      for (let n; (n = yield* from.read(buffer)) > 0; count += n) {
        isUpper &&= buffer.subarray(0, n).every((byte) => byte === 0x41);
      }
      yield* ended;
      const [code] = yield* Future.from(exited);
      return { count, isUpper, code };
    });
  } finally {
    to.close();
    from.close();
  }
}
