/**
 * What the link checker has found, as a person wants to read it.
 *
 * @module
 */

/** A link, and what there is to ask for. */
export interface Found {
  readonly file: string;
  readonly line: number;
  readonly target: string;
  readonly kind: "local" | "external" | "other";
  readonly url: string | undefined;
  readonly anchor: string | undefined;
}

/** What asking for a URL told. */
export interface Answer {
  readonly broken?: string;
  readonly movedTo?: string;
  readonly anchors?: ReadonlySet<string>;
  readonly attempts: number;
  readonly ms: number;
}

/** The work, and how far it is. */
export interface Work {
  readonly links: readonly Found[];
  readonly urls: readonly string[];
  readonly answers: Map<string, Answer>;
  inFlight: number;
  maxInFlight: number;
  retries: number;
}

/** One line on how far the work is. */
export function progressLine({ urls, answers, inFlight, retries }: Work): string {
  const part = answers.size / Math.max(1, urls.length);
  const broken = [...answers.values()].filter((answer) => answer.broken !== undefined).length;
  return `[${
    "#".repeat(Math.round(part * 24)).padEnd(24, ".")
  }] ${answers.size} of ${urls.length} ` +
    `addresses, ${inFlight} in flight, ${retries} retries, ${broken} broken`;
}

/** Why a link is broken; `undefined` when it is not, or was not asked for. */
function faultOf(link: Found, { answers }: Work): string | undefined {
  const answer = answers.get(link.url ?? "");
  if (answer === undefined || answer.broken !== undefined) return answer?.broken;
  if (!link.anchor || answer.anchors === undefined) return undefined;
  const anchor = decodeURIComponent(link.anchor).toLowerCase();
  return answer.anchors.has(anchor) ? undefined : `no heading #${anchor}`;
}

/** Prints the report; answers the broken links. */
export function report(
  work: Work,
  { isDone, origin, limit, ms }: { isDone: boolean; origin: string; limit: number; ms: number },
): Found[] {
  const { links, urls, answers } = work;
  const faults = links.map((link) => ({ link, fault: faultOf(link, work) }));
  const broken = faults.filter(({ fault }) => fault !== undefined);
  const asked = links.filter(({ url }) => answers.has(url ?? ""));
  const moved = faults.filter(({ link, fault }) =>
    fault === undefined && answers.get(link.url ?? "")?.movedTo !== undefined
  );
  const skipped = links.filter(({ kind, url }) => kind !== "local" && !answers.has(url ?? ""));
  const shorten = (url: string) => url.startsWith(origin) ? url.slice(origin.length + 1) : url;
  const row = ({ file, line, target }: Found, text: string) =>
    console.log(`  ${`${file}:${line}`.padEnd(place)}  ${target.padEnd(width)}  ${text}`);
  const shown = [...broken, ...moved].map(({ link }) => link);
  const place = Math.max(0, ...shown.map(({ file, line }) => `${file}:${line}`.length));
  const width = Math.max(0, ...shown.map(({ target }) => target.length));

  if (!isDone) {
    console.log(`\nStopped: ${answers.size} of ${urls.length} addresses were checked by then.`);
  }
  if (broken.length > 0) console.log("\nBroken");
  for (const { link, fault } of broken) row(link, fault!);
  if (moved.length > 0) console.log("\nRedirected");
  for (const { link } of moved) row(link, `-> ${shorten(answers.get(link.url!)!.movedTo!)}`);
  const flaky = [...answers].filter(([, { attempts, broken }]) => attempts > 1 && !broken);
  if (flaky.length > 0) console.log("\nFlaky");
  for (const [url, { attempts }] of flaky) {
    console.log(`  ${shorten(url)}  worked at attempt ${attempts}`);
  }
  console.log("\nSlowest");
  for (const [url, answer] of [...answers].sort(([, a], [, b]) => b.ms - a.ms).slice(0, 3)) {
    console.log(`  ${`${Math.round(answer.ms)} ms`.padStart(8)}  ${shorten(url)}`);
  }
  const count = (n: number, what: string) => console.log(`${`${n}`.padStart(6)}  ${what}`);
  console.log("");
  count(asked.length - broken.length - moved.length, "ok");
  count(moved.length, "redirected");
  count(broken.length, "broken");
  if (skipped.length > 0) {
    count(skipped.length, "to elsewhere, not checked (--external checks http links)");
  }
  console.log(
    `\n${
      (ms / 1_000).toFixed(2)
    } s, at most ${work.maxInFlight} requests in flight (limit ${limit}), ` +
      `${work.retries} retries.`,
  );
  return broken.map(({ link }) => link);
}
