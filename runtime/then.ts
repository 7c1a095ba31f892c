/**
 * The `then` of futures, which `await` uses: one for host code, one for each task.
 *
 * @module
 */

import { AwaitNode, type AwaitTarget } from "./await_node.ts";
import { currentHost, type Host, type Waiter } from "./host.ts";

type OnValue = ((value: unknown) => unknown) | null | undefined;
type OnError = ((error: unknown) => unknown) | null | undefined;

/** A future. */
interface Thenable extends AwaitTarget {
  readonly home: Host | undefined;
}

/** `then` for host code; `this` is the future. */
export function thenOnHost(
  this: Thenable,
  onValue: OnValue,
  onError: OnError,
): Promise<unknown> {
  return new AwaitNode(this.home ?? currentHost(), undefined, this, onValue, onError).start();
}

/** `then` for the body of a task. The await that calls it may do so when the task has ended already. */
export function thenInTask(task: Waiter): typeof thenOnHost {
  return function (onValue, onError) {
    const waiter = task.isEnding ? undefined : task;
    return new AwaitNode(task.host, waiter, this, onValue, onError).start();
  };
}
