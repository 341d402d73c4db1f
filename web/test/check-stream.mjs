import { openStreams } from "./browser.mjs";
import { ensure, until } from "./report.mjs";

/** One stream a tab, and none for a tab that nobody looks at. */
export async function checkStream({ browser, report, sites, newest }) {
  await report.check("one stream a tab, whatever is chosen", async () => {
    const page = await browser.open(`?site=${newest.id}`);
    for (const key of ["1", "2", "3"]) await page.keyboard.press(key);
    await page.locator("[data-post]").first().click();
    await page.waitForSelector(".detail .chart-frame");
    const open = await openStreams(page);
    ensure(open === 1, `${open} streams are open`);
    await page.context().close();
  });

  await report.check("a hidden tab lets its stream go and takes it up again", async () => {
    const page = await browser.open(`?site=${newest.id}`);
    await page.clock.install();
    await setVisibility(page, "hidden");
    ensure((await openStreams(page)) === 1, "a short look away closed the stream");
    await page.clock.runFor(31_000);
    ensure((await openStreams(page)) === 0, "the hidden tab still holds a stream");
    await setVisibility(page, "visible");
    ensure((await openStreams(page)) === 1, "the tab did not come back");
    await until("live", async () => (await page.getByRole("status").innerText()) === "Live");
    await page.context().close();
  });

  await report.check("a stream that fell silent is opened anew, and nobody is alarmed", async () => {
    const quiet = sites.find((site) => Date.now() - site.last_ms > 86_400_000);
    if (!quiet) return "no quiet site here to try it on";
    const page = await browser.open(`?site=${quiet.id}`);
    await page.clock.install();
    // Choosing another window opens a stream that keeps the clock of this check.
    await page.keyboard.press("1");
    const opened = () => page.evaluate(() => window.openedStreams.length);
    const before = await until("the second stream", async () => (await opened()) === 2 && 2);
    await until("live", async () => (await page.getByRole("status").innerText()) === "Live");
    await page.clock.runFor(46_000);
    const after = await opened();
    ensure(after === before + 1, `${after - before} streams were opened`);
    ensure((await openStreams(page)) === 1, "the old stream stays open");
    ensure((await page.getByRole("status").innerText()) === "Live", "the page raised an alarm");
    await page.context().close();
  });
}

function setVisibility(page, state) {
  return page.evaluate((value) => {
    Object.defineProperty(document, "visibilityState", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
}
