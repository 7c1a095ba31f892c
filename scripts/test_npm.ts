/**
 * Proves the npm package as a user gets it: builds the tarball, installs it into
 * a temporary project with `npm install`, and there
 *
 * - runs the shared tests (all of `tests/` but `deno/` and `scripts/`) on the
 *   Node that is on PATH;
 * - compiles tests/npm/consumer.ts strictly under `node16` and `bundler`;
 * - runs publint and arethetypeswrong;
 * - runs tests/npm/same_program.ts, whose output must equal that on Deno;
 * - runs the programs of examples/, compiled as their users would;
 * - runs those that use the reactor against real peers, with koffi: the same
 *   tests/deno/reactor_*_test.ts that ran them on Deno.
 *
 *     deno run -A scripts/test_npm.ts [--only=STEP,…] [--files=PART,…] [--keep]
 *
 * @module
 */
import { BUNDLER, compileConsumer, NODE16, runBin } from "./npm_checks.ts";
import { runExamples, runPeers, runSameProgram } from "./npm_programs.ts";
import { installPackage, makeFolder, type NpmProject } from "./npm_project.ts";
import { runTestsOnBun, runTestsOnNode } from "./npm_tests.ts";
import { oneTest, type Outcome, runSteps, skipped, type Step } from "./steps.ts";

/** What the temporary project installs beside the tarball. */
const DEPENDENCIES = {
  "@arethetypeswrong/cli": "0.18.5",
  "@types/node": "20.19.25",
  "deno-std": "1.4.0",
  "fast-check": "4.10.2",
  "koffi": "3.3.4",
  "publint": "0.3.25",
  "typescript": "5.9.3",
};

/** The steps, in order; a step whose project is missing is skipped. */
export function npmSteps(): Step[] {
  let project: NpmProject | undefined;
  const withProject = (
    name: string,
    run: (project: NpmProject) => Promise<Outcome>,
  ): Step => ({
    name,
    run: () =>
      project === undefined
        ? Promise.resolve(skipped("the package was not built and installed"))
        : run(project),
  });
  return [
    {
      name: "npm",
      run: async () => {
        const made = await buildAndInstall();
        project = made.project;
        return made.outcome;
      },
    },
    withProject("node", runTestsOnNode),
    withProject("bun", runTestsOnBun),
    withProject("types-node16", (at) => compileConsumer(at, NODE16)),
    withProject("types-bundler", (at) => compileConsumer(at, BUNDLER)),
    withProject("publint", (at) => runBin(at, "publint", "run", "--strict")),
    withProject(
      "attw",
      (at) => runBin(at, "attw", "--profile", "esm-only", "--no-emoji"),
    ),
    withProject("same-program", runSameProgram),
    withProject("examples", runExamples),
    withProject("peers", runPeers),
  ];
}

/** Builds the tarball and installs it: one test. */
async function buildAndInstall(): Promise<{ outcome: Outcome; project?: NpmProject }> {
  const folder = await makeFolder("vais-npm-");
  globalThis.addEventListener("unload", () => {
    if (Deno.args.includes("--keep")) console.log(`kept ${folder}`);
    else Deno.removeSync(folder, { recursive: true });
  });
  const project = await installPackage(folder, DEPENDENCIES);
  const outcome = { ...oneTest(project.ran), note: `built with ${project.via}` };
  return project.ran.ok ? { outcome, project } : { outcome };
}

if (import.meta.main) {
  const only = Deno.args.find((arg) => arg.startsWith("--only="))?.slice(7);
  if (!await runSteps(npmSteps(), only?.split(","))) Deno.exitCode = 1;
}
