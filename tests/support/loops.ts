/**
 * Event loops under test: pipes of this system, read and written without a runtime.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EventLoop, type EventLoopOptions } from "@vais/runtime/reactor";
import { openLibc } from "../../reactor/libc.ts";
import { leavesNoFds } from "./fds.ts";
import { test } from "./test.ts";

/** Descriptors for one test. */
export class Pipes {
  readonly #open = new Set<number>();

  /** Read end, write end. */
  make(): [readFd: number, writeFd: number] {
    const ends = new Int32Array(2);
    assertEquals(openLibc().pipe(ends), 0);
    for (const fd of ends) this.#open.add(fd);
    return [ends[0]!, ends[1]!];
  }

  /** Two connected sockets: each can be read and written. */
  sockets(): [number, number] {
    const ends = new Int32Array(2);
    assertEquals(openLibc().socketpair(1, 1, ends), 0);
    for (const fd of ends) this.#open.add(fd);
    return [ends[0]!, ends[1]!];
  }

  /** Somebody else closed it. */
  gone(fd: number): void {
    assert(this.#open.delete(fd));
  }

  close(fd: number): void {
    this.gone(fd);
    assertEquals(openLibc().close(fd), 0);
  }

  closeAll(): void {
    for (const fd of [...this.#open]) this.close(fd);
  }
}

/** Writes a text, all of it. */
export function put(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  assertEquals(openLibc().write(fd, bytes), bytes.length);
}

/** Reads at most `n` bytes of text; "" at the end, undefined when there is nothing. */
export function take(fd: number, n = 65_536): string | undefined {
  const buffer = new Uint8Array(n);
  const count = openLibc().read(fd, buffer);
  return count < 0 ? undefined : new TextDecoder().decode(buffer.subarray(0, count));
}

/** What a loop's callbacks threw. */
export type Errors = [error: unknown, what: string][];

/** A test of a loop of its own; it must leave no descriptor, no wait and no error behind. */
export function loopTest(
  name: string,
  body: (loop: EventLoop, pipes: Pipes, errors: Errors) => void | Promise<void>,
  options: EventLoopOptions = {},
): void {
  test(name, () =>
    leavesNoFds(async () => {
      const errors: Errors = [];
      const pipes = new Pipes();
      const loop = new EventLoop({
        onError: (error, what) => errors.push([error, what]),
        ...options,
      });
      try {
        await body(loop, pipes, errors);
        assertEquals(errors, []);
      } finally {
        loop.close();
        pipes.closeAll();
      }
      assertEquals(loop.explain().referenced, 0);
      assertEquals(loop.sourceCount, 0);
    }));
}

/** A turn of the host's event loop. */
export function hostTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
