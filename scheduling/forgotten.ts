/**
 * Catches groups that were made, given children, and then neither run nor disposed of.
 *
 * @module
 */

import { callerSite } from "../runtime/spawn_site.ts";
import { reportToConsole, type Watch } from "../runtime/observer.ts";
import type { GroupCore } from "./group_core.ts";

/** What the report needs; nothing that keeps the group or its tasks alive. */
interface Forgotten {
  readonly label: string;
  readonly watch: Watch | undefined;
  readonly site: string;
}

let registry: FinalizationRegistry<Forgotten> | undefined;

/** Reports the group if its face is collected before somebody waited for it. */
export function watchForgotten(group: object, core: GroupCore): void {
  registry ??= new FinalizationRegistry(report);
  const { watch } = core.host;
  const site = watch?.spawnSites === true ? callerSite() : "";
  core.isWatched = true;
  registry.register(group, { label: core.label, watch, site }, core);
}

/** Somebody waits for the group. */
export function unwatchForgotten(core: GroupCore): void {
  if (!core.isWatched) return;
  core.isWatched = false;
  registry?.unregister(core);
}

function report({ label, watch, site }: Forgotten): void {
  const message = `TaskGroup ${label} was dropped without run() or await using` +
    (site === "" ? "" : `; first used at ${site}`);
  if (watch?.tell("onUnobserved", new Error(message), undefined)) return;
  reportToConsole(message);
}
