/**
 * Drives the built dashboard in a real browser.
 *
 *     node test/dashboard.mjs
 *
 * BASE_URL names the server to look at; without it the mock is started, and the checks that need
 * its hostile titles, its empty site and its restarts run as well. SCREENSHOT_DIR receives pictures;
 * CHROMIUM names the browser.
 */
import { Browser } from "./browser.mjs";
import { Report, until } from "./report.mjs";
import { checkAccess } from "./check-access.mjs";
import { checkBoard } from "./check-board.mjs";
import { checkKeys } from "./check-keys.mjs";
import { checkMock } from "./check-mock.mjs";
import { checkScreens } from "./check-screens.mjs";
import { checkStream } from "./check-stream.mjs";
import { startMock } from "../mock/server.mjs";

/** The sites once their imports have ended, or as they are when an import takes very long. */
async function importedSites() {
  let sites = [];
  const read = async () => {
    sites = (await (await fetch(new URL("live/sites", base))).json()).sites;
    return sites.every((site) => !site.importing);
  };
  await until("the end of the imports", read, 60_000).catch(() => console.log("note  an import still runs"));
  return sites;
}

const mock = process.env.BASE_URL ? null : await startMock({ withBlank: true });
const base = process.env.BASE_URL ?? mock.url;
const report = new Report();
const browser = await Browser.launch(base, process.env.SCREENSHOT_DIR);

try {
  const all = await importedSites();
  // A site without hits shows how to begin instead of numbers; only the mock's own check looks at it.
  const sites = all.filter((site) => site.last_ms || site.importing);
  const newest = [...sites].sort((a, b) => (b.last_ms ?? 0) - (a.last_ms ?? 0))[0];
  const world = { browser, report, base, sites, newest };

  await checkBoard(world);
  await checkStream(world);
  await checkKeys(world);
  await checkScreens(world);
  await checkAccess(world);
  await report.check("no console errors, refused content or requests to other hosts", () => {
    if (browser.complaints.length) throw new Error([...new Set(browser.complaints)].join("\n"));
  });
  if (mock) await checkMock({ ...world, mock });
} catch (error) {
  await report.check("the checks could run", () => {
    throw error;
  });
} finally {
  await browser.close();
  await mock?.close();
}
report.finish();
