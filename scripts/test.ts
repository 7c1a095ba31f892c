/**
 * The test command: static checks, the Deno tests with all examples in the docs,
 * then the npm package (see test_npm.ts). Ends with one line of counts and exits
 * 1 when anything failed.
 *
 *     deno task test [--only=STEP,…]
 *
 * The steps in order are fmt, lint, check, doc, publish, layers, deno, and those
 * of the npm package, which need `npm`, that is, its first one.
 *
 * @module
 */
import {
  capture,
  check,
  denoCounts,
  denoFailures,
  denoSkips,
  runSteps,
  type Step,
  suite,
} from "./steps.ts";
import { npmSteps } from "./test_npm.ts";

const root = decodeURIComponent(new URL("../", import.meta.url).pathname);
const config = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
const entryPoints = Object.values(config.exports) as string[];

function deno(name: string, ...args: string[]): Step {
  return check(name, Deno.execPath(), args, { cwd: root });
}

const steps: Step[] = [
  deno("fmt", "fmt", "--check"),
  deno("lint", "lint"),
  deno("check", "check"),
  deno("doc", "doc", "--lint", ...entryPoints),
  deno("publish", "publish", "--dry-run", "--allow-dirty"),
  deno("layers", "run", "--allow-read", "scripts/check_layers.ts"),
  {
    name: "deno",
    run: async () => {
      const ran = await capture(
        Deno.execPath(),
        ["test", "-A", "--parallel", "--doc"],
        { cwd: root },
      );
      return {
        ...suite(
          { ok: ran.ok, log: denoFailures(ran.log) },
          denoCounts(ran.stdout),
          denoSkips(ran.stdout),
        ),
        note: `Deno ${Deno.version.deno}`,
      };
    },
  },
  ...npmSteps(),
];

const only = Deno.args.find((arg) => arg.startsWith("--only="))?.slice(7);
if (!await runSteps(steps, only?.split(","))) Deno.exitCode = 1;
