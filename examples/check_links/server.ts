/**
 * A web server over a folder: its files, and routes that misbehave as `routes.json` files say.
 *
 * @module
 */

import { once } from "node:events";
import { readdir, readFile, stat } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join, relative, sep } from "node:path";
import { type Operation, scope, type TaskScope } from "@vais/runtime";

/** What a `routes.json` says of one path; paths are relative to its folder. */
interface Route {
  readonly status?: number;
  /** How often `status` is answered; then 200. */
  readonly times?: number;
  readonly delayMs?: number;
  readonly location?: string;
  readonly body?: string;
}

/** Collects the routes of all `routes.json` among the files, by path from the root. */
export async function readRoutes(
  root: string,
  files: readonly string[],
): Promise<Map<string, Route>> {
  const routes = new Map<string, Route>();
  for (const file of files.filter((file) => file.endsWith(`${sep}routes.json`))) {
    const at = `/${relative(root, dirname(file)).split(sep).join("/")}`;
    const read = JSON.parse(await readFile(file, "utf8")) as Record<string, Route>;
    for (const [path, route] of Object.entries(read)) {
      const { location } = route;
      routes.set(
        encodeURI(`${at}/${path}`),
        location === undefined ? route : { ...route, location: `${at}/${location}` },
      );
    }
  }
  return routes;
}

/** Serves until cancelled; `ready` gets the origin. Each request is a child of the server. */
export function serve(
  root: string,
  routes: ReadonlyMap<string, Route>,
  ready: (origin: string) => void,
): Operation<void> {
  const served = new Map<string, number>();
  return scope(async (requests) => {
    const server = createServer((request, response) => {
      const path = new URL(request.url!, "http://localhost").pathname;
      const route = routes.get(path);
      const times = (served.get(path) ?? 0) + 1;
      served.set(path, times);
      const handle = requests.spawn(
        (task) => route ? answer(task, route, times, response) : sendFile(root, path, response),
        { name: `GET ${path}` },
      );
      response.on("close", () => handle.cancel("the client is gone"));
    });
    server.listen(0, "127.0.0.1");
    try {
      await requests.wait(once(server, "listening"));
      ready(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      await requests.wait(once(server, "close"));
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }, { name: "server", cancelOnError: false });
}

async function answer(task: TaskScope, route: Route, times: number, response: ServerResponse) {
  await task.sleep(route.delayMs ?? 0);
  const works = times > (route.times ?? Infinity);
  const status = works ? 200 : route.status ?? 200;
  response.writeHead(status, route.location === undefined ? {} : { location: route.location });
  response.end(route.body ?? "");
}

/** Sends a file; for a folder its README.md or index.md, else a list of what is in it. */
async function sendFile(root: string, path: string, response: ServerResponse): Promise<void> {
  let file = join(root, decodeURIComponent(path));
  const info = await stat(file).catch(() => undefined);
  if (info?.isDirectory()) {
    const names = await readdir(file);
    const index = ["README.md", "index.md"].find((name) => names.includes(name));
    if (index === undefined) return void response.end(names.join("\n"));
    file = join(file, index);
  }
  if (info === undefined) return void response.writeHead(404).end();
  const type = file.endsWith(".md") ? "text/markdown" : "application/octet-stream";
  response.writeHead(200, { "content-type": type }).end(await readFile(file));
}
