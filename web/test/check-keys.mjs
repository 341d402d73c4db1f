import { ensure, until } from "./report.mjs";

const param = (page, name) => new URL(page.url()).searchParams.get(name);
const focused = (page) => page.evaluate(() => document.activeElement?.dataset?.post ?? null);

/** Everything without a mouse. */
export async function checkKeys({ browser, report, sites, newest }) {
  const page = await browser.open(`?site=${newest.id}`);
  await page.waitForSelector("[data-post]");

  await report.check("letters and arrows move through the list", async () => {
    await page.keyboard.press("j");
    const first = await focused(page);
    ensure(first, "j did not reach the list");
    await page.keyboard.press("ArrowDown");
    const second = await focused(page);
    ensure(second && second !== first, "the arrow did not move on");
    await page.keyboard.press("Home");
    ensure(await focused(page), "Home left the list");
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    ensure(ring !== "none", "the focus cannot be seen");
  });

  await report.check("Enter opens a post's detail, Escape closes it", async () => {
    const url = await focused(page);
    await page.keyboard.press("Enter");
    await page.waitForSelector(".detail .metadata");
    ensure(param(page, "post") === url, `the address says ${param(page, "post")}`);
    ensure(await page.evaluate(() => document.activeElement?.id === "detail-title"), "the detail did not take the focus");
    await until("the detail's chart", () => page.locator(".detail canvas").count());
    await browser.shot(page, "detail");
    await page.keyboard.press("Escape");
    await until("closing", async () => (await page.locator(".detail").count()) === 0);
    ensure(param(page, "post") === null, "the address still names the post");
    await until("the focus to go back", async () => (await focused(page)) === url);
    return url;
  });

  await report.check("the detail's link leads to the web", async () => {
    await page.keyboard.press("Enter");
    const href = await page.locator(".detail-sub a").getAttribute("href");
    ensure(/^https?:\/\//.test(href), href);
    await page.keyboard.press("Escape");
    return href;
  });

  await report.check("an address with a post opens its detail, going back closes it", async () => {
    const url = await page.locator("[data-post]").first().getAttribute("data-post");
    const one = await browser.open(`?site=${newest.id}&post=${encodeURIComponent(url)}`);
    await one.waitForSelector(".detail .metadata");
    await one.getByLabel("Close the detail").click();
    await until("closing", async () => (await one.locator(".detail").count()) === 0);
    await one.goBack();
    await one.waitForSelector(".detail .metadata");
    await one.context().close();
  });

  await report.check("digits choose the window", async () => {
    await page.keyboard.press("2");
    await until("the window", async () => param(page, "window") === "1h");
    await until("its numbers", () => page.evaluate(() => !document.querySelector('main[aria-busy="true"]')));
    ensure(await page.getByRole("radio", { name: "1h" }).isChecked(), "the chooser does not show it");
  });

  await report.check("the slash filters the list, Escape leaves the field", async () => {
    const title = await page.locator("[data-post]").nth(1).innerText();
    await page.keyboard.press("/");
    await page.keyboard.type(title.slice(0, 30));
    await until("fewer rows", async () => (await page.locator("[data-post]").count()) <= 3);
    ensure((await page.locator("[data-post]").allInnerTexts()).includes(title), "the wanted row is gone");
    await page.keyboard.press("Escape");
    await until("all rows", async () => (await page.locator("[data-post]").count()) > 3);
  });

  await report.check("the help opens, and letters can be switched off in it", async () => {
    await page.keyboard.press("?");
    await page.waitForSelector("dialog[open]");
    await browser.shot(page, "help");
    await page.getByRole("checkbox").click();
    await page.keyboard.press("Escape");
    await until("closing", async () => (await page.locator("dialog[open]").count()) === 0);
    await page.keyboard.press("1");
    ensure(param(page, "window") === "1h", "a digit still acts");
  });

  if (sites.length > 1) {
    await report.check("a letter goes to the next site", async () => {
      const one = await browser.open(`?site=${newest.id}`);
      await one.keyboard.press("s");
      ensure(param(one, "site") !== newest.id, one.url());
      await one.waitForSelector("dl.totals, .message h1");
      await one.context().close();
    });
  }
  await page.context().close();
}
