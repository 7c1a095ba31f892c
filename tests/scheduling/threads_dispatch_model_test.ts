/**
 * Programs of submits, workers' steps, cancels, losses, stops and pauses, against a model.
 *
 * @module
 */
import * as fc from "fast-check";
import { DispatchModel, step, type Tried } from "../support/threads_dispatch_model.ts";
import { test } from "../support/test.ts";

const TRIED: readonly Tried[] = [
  { claim: "one", steal: false, strictLanes: true },
  { claim: "one", steal: true, strictLanes: false },
  { claim: "batch", steal: true, strictLanes: false },
  { claim: "batch", steal: false, strictLanes: true },
];

for (const tried of TRIED) {
  const how = `claim ${tried.claim}${tried.steal ? ", steal" : ""}${
    tried.strictLanes ? ", strict" : ""
  }`;
  test(`dispatch model, ${how}: every task ends once, in order, whatever happens to workers`, () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 120 }), (steps) => {
        const model = new DispatchModel(tried);
        model.open();
        for (const [, act] of steps) {
          act(model);
          model.check();
        }
        model.finish();
      }),
      { numRuns: 300, seed: 20260, examples: [] },
    );
  });
}
