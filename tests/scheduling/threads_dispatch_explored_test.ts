/**
 * Submitting, claiming, stealing, completing, sleeping and waking, giving up: under every interleaving of few
 * tasks.
 *
 * @module
 */
import {
  exploredDispatch,
  GIVEN_UP,
  ONE_WORKER,
  PASSED_ON,
  PAUSED,
  REMOVED,
  STOLEN,
  STOPPED,
} from "../support/threads_dispatch_programs.ts";

for (const program of [ONE_WORKER, PAUSED, REMOVED, PASSED_ON, STOLEN, GIVEN_UP, STOPPED]) {
  exploredDispatch(program);
}
