/**
 * Stand-in for `jsr:@std/testing/bdd`, over node:test, which Deno maps to its
 * own tests and steps.
 *
 * @module
 */
export {
  after as afterAll,
  afterEach,
  before as beforeAll,
  beforeEach,
  describe,
  it,
} from "node:test";
