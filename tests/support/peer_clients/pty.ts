/**
 * A serial line: a modem, played by Python at the other side of a pseudo-terminal.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { Future } from "@vais/runtime";
import { FdStream, open } from "@vais/runtime/reactor";

/** Answers commands that end in CR, at the pace of a serial line; hangs up after ATH. */
const MODEM = `
import os, pty, sys, time, tty
master, line = pty.openpty()
tty.setraw(line)
print(os.ttyname(line), flush=True)
pending = b""
while True:
    pending += os.read(master, 100)
    while b"\\r" in pending:
        command, _, pending = pending.partition(b"\\r")
        answer = b"\\r\\nERROR\\r\\n"
        if command == b"AT": answer = b"\\r\\nOK\\r\\n"
        if command == b"ATI": answer = b"\\r\\n" + b"x" * 3000 + b"\\r\\nOK\\r\\n"
        if command == b"ATH":
            sys.stdin.close()
            sys.exit(0)
        for at in range(0, len(answer), 100):
            os.write(master, answer[at:at + 100])
            time.sleep(0.001)
`;

/** `python`: the interpreter. */
export function* pty(python: string): Generator<unknown, unknown> {
  const modem = spawn(python, ["-c", MODEM], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(modem, "exit");
  const [said] = yield* Future.from(once(modem.stdout!, "data"));
  const path = new TextDecoder().decode(said as Uint8Array).trim();
  const line = new FdStream(open(path, { write: true }));
  try {
    const at = yield* ask(line, "AT");
    const information = yield* ask(line, "ATI");
    const wrong = yield* ask(line, "ATX");
    yield* line.writeAll(new TextEncoder().encode("ATH\r"));
    const hungUp = (yield* line.read(new Uint8Array(16))) === 0;
    const [code] = yield* Future.from(exited);
    return {
      isPty: path.startsWith("/dev/pts/"),
      at,
      information: information.length,
      wrong,
      hungUp,
      code,
    };
  } finally {
    line.close();
  }
}

/** Sends a command and reads until its answer is over. */
function* ask(line: FdStream, command: string): Generator<unknown, string> {
  yield* line.writeAll(new TextEncoder().encode(`${command}\r`));
  const buffer = new Uint8Array(256);
  let answer = "";
  while (!/(OK|ERROR)\r\n$/.test(answer)) {
    const count = yield* line.read(buffer);
    answer += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return answer.trim();
}
