/**
 * Every poller does the same: the kernel's own, and the simulated one.
 *
 * @module
 */
import { ReactorUnavailableError } from "../../reactor/errors.ts";
import { openLibc } from "../../reactor/libc.ts";
import { SimulatedKernel } from "../../testing/simulated_kernel.ts";
import { testPoller } from "../support/poller_cases.ts";
import { skip } from "../support/skip.ts";

testPoller({
  name: "simulated",
  kernel: new SimulatedKernel({ maxFds: 20_000 }),
  isReal: false,
});

try {
  const kernel = openLibc();
  testPoller({ name: `${kernel.platform.os}, ${kernel.via}`, kernel, isReal: true });
} catch (error) {
  if (!(error instanceof ReactorUnavailableError) || error.reason !== "koffi") throw error;
  await skip("poller (the system's)", error.message);
}
