/**
 * The module that every worker of the library runs.
 *
 * Nothing imports it but for its type: importing it in a worker is what starts the worker's work.
 *
 * @module
 */

import { serveThread } from "./serve_thread.ts";
import { runThread } from "./worker_program.ts";

/** The name of this file, without its ending: what `startWorker` looks for. */
export type EntryName = "worker_entry";

serveThread(runThread);
