/**
 * Catches groups that were made, given children, and then neither run nor disposed of.
 *
 * @module
 */

import { reportToConsole } from "../runtime/observer.ts";
import type { GroupCore } from "./group_core.ts";

let registry: FinalizationRegistry<{ core: GroupCore; site: string }> | undefined;

/** Reports the group if its face is collected before somebody waited for it. */
export function watchForgotten(group: object, core: GroupCore): void {
  registry ??= new FinalizationRegistry(({ core, site }) => {
    if (core.joining) return;
    const message = `TaskGroup ${core.label} was dropped without run() or await using` +
      (site === "" ? "" : `; first used at ${site}`);
    if (!core.host.watch?.tell("onUnobserved", new Error(message), undefined)) {
      reportToConsole(message);
    }
  });
  let site = "";
  if (core.host.watch?.spawnSites === true) {
    const [first] = core.children();
    site = first?.spawnSite ?? "";
  }
  registry.register(group, { core, site });
}
