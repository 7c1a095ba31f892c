/**
 * The conformance suite on libkqueue, where `VAIS_LIBKQUEUE` names one: the only kqueue there is on
 * Linux.
 *
 * @module
 */
import { openKqueueLibrary } from "../support/kqueue_library.ts";
import { testPoller } from "../support/poller_cases.ts";
import { skip } from "../support/skip.ts";

const kernel = openKqueueLibrary();
if (typeof kernel === "string") await skip("poller (kqueue)", kernel);
else testPoller({ name: "kqueue", kernel, isReal: true });
