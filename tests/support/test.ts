/**
 * One `test` for both hosts: Deno's runner on Deno, node:test on Node.
 *
 * Test files outside `tests/deno/` and `tests/scripts/` register with it, so
 * that the same file runs against the sources on Deno and against the installed
 * npm package on Node. They use no `Deno.*`.
 *
 * @module
 */

type Body = () => void | Promise<void>;
type Register = (name: string, body: Body) => void;

/** Chosen once: `Deno.test` must be called while the test file is loading. */
const register: Register = "Deno" in globalThis
  ? (name, body) => Deno.test(name, body)
  : await nodeRegister();

async function nodeRegister(): Promise<Register> {
  const { test } = await import("node:test");
  return (name, body) => void test(name, body);
}

/**
 * Registers a test named `name`, which passes when `body` returns or resolves.
 *
 * @param name What is tested and under which condition, in plain words.
 */
export function test(name: string, body: Body): void {
  register(name, body);
}
