/**
 * Serves the built page and invented numbers over the same addresses as the real server.
 *
 *     node mock/server.mjs [--port 8790] [--blank] [--no-hostile]
 *
 * `--blank` adds a site without hits; `--no-hostile` leaves out the titles that try to break the page.
 */
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { archive, blank } from "./archive.mjs";
import { newsroom } from "./newsroom.mjs";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const SORTS = ["views", "visitors", "engaged_minutes"];

export async function startMock({ port = 0, withBlank = false, hostile = true } = {}) {
  const sources = [newsroom(Date.now(), hostile), archive(), ...(withBlank ? [blank()] : [])];
  const sites = sources.map((source) => source.site);
  const streams = new Set();
  let seq = 0;

  const timer = setInterval(() => {
    for (const source of sources) source.tick(Date.now());
    seq += 1;
    for (const stream of streams) stream.send();
  }, 1000);

  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://mock");
    response.setHeader("Content-Security-Policy", "default-src 'self'");
    response.setHeader("X-Content-Type-Options", "nosniff");
    if (url.pathname === "/live/sites") {
      json(response, { sites: sites.map((site) => ({ ...site.summary(), views: site.views() })) });
    } else if (url.pathname === "/live/stream") {
      stream(request, response, url.searchParams);
    } else if (url.pathname === "/mock/streams") {
      json(response, { open: streams.size });
    } else {
      void page(response, url.pathname);
    }
  });

  function stream(request, response, query) {
    const site = sites.find((one) => one.id === query.get("site"));
    if (!site) {
      response.writeHead(404, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ error: "no such site" }));
      return;
    }
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no" });
    const sort = SORTS.includes(query.get("sort")) ? query.get("sort") : "views";
    let sent = "";
    const one = {
      send() {
        const state = site.state({ seq, nowMs: Date.now(), label: query.get("window") ?? "4h", sort, postUrl: query.get("post") });
        // As on the real server, a state goes out only when something but the clock changed.
        const body = JSON.stringify({ ...state, seq: 0, now_ms: 0, window: { ...state.window, start_ms: 0, end_ms: 0 } });
        if (body === sent) return;
        sent = body;
        response.write(`event: state\nid: ${seq}\ndata: ${JSON.stringify(state)}\n\n`);
      },
    };
    const beat = setInterval(() => response.write(": ok\n\n"), 15_000);
    streams.add(one);
    one.send();
    request.on("close", () => {
      clearInterval(beat);
      streams.delete(one);
    });
  }

  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port: server.address().port,
    url: `http://127.0.0.1:${server.address().port}/`,
    openStreams: () => streams.size,
    async close() {
      clearInterval(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function json(response, value) {
  response.writeHead(200, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(JSON.stringify(value));
}

async function page(response, path) {
  const file = join(DIST, normalize(path === "/" ? "/index.html" : path));
  try {
    if (!file.startsWith(DIST)) throw new Error("outside of the page");
    const body = await readFile(file);
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" });
    response.end(body);
  } catch {
    response.writeHead(404, { "Content-Type": "text/plain" });
    response.end("not found\n");
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const flags = process.argv.slice(2);
  const port = flags.includes("--port") ? Number(flags[flags.indexOf("--port") + 1]) : 8790;
  const mock = await startMock({ port, withBlank: flags.includes("--blank"), hostile: !flags.includes("--no-hostile") });
  console.log(`mock dashboard on ${mock.url}`);
}
