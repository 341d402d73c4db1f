import { overflow, PHONE, WALL } from "./browser.mjs";
import { ensure, until } from "./report.mjs";

const background = (page) => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
const brightness = (colour) => colour.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);

/** Phone, desk and wall; light and dark. */
export async function checkScreens({ browser, report, sites, newest }) {
  for (const width of [320, PHONE.width, 768, 1024, 1280]) {
    await report.check(`nothing sticks out sideways at ${width} px`, async () => {
      for (const site of sites) {
        const page = await browser.open(`?site=${site.id}`, { viewport: { width, height: PHONE.height } });
        ensure((await overflow(page)) <= 0, `${site.title}: the board is ${await overflow(page)} px too wide`);
        await page.waitForSelector("[data-post]");
        await page.locator("[data-post]").first().click();
        await page.waitForSelector(".detail .metadata");
        const wide = await page.evaluate(() => {
          const detail = document.querySelector(".detail");
          return detail.scrollWidth - detail.clientWidth;
        });
        ensure(wide <= 0 && (await overflow(page)) <= 0, `${site.title}: the detail is ${wide} px too wide`);
        if (width === PHONE.width && site === newest) await browser.shot(page, "phone-detail");
        await page.keyboard.press("Escape");
        if (width === PHONE.width && site === newest) await browser.shot(page, "phone");
        await page.context().close();
      }
    });
  }

  await report.check("light and dark follow the system", async () => {
    const light = await browser.open(`?site=${newest.id}`);
    const dark = await browser.open(`?site=${newest.id}`, { colorScheme: "dark" });
    const [day, night] = [await background(light), await background(dark)];
    ensure(brightness(day) > 600 && brightness(night) < 150, `${day} and ${night}`);
    await browser.shot(dark, "dark");
    await light.context().close();
    await dark.context().close();
  });

  await report.check("the button turns the theme, and the browser remembers it", async () => {
    const page = await browser.open(`?site=${newest.id}`);
    await page.getByRole("button", { name: "Switch to the dark theme" }).click();
    ensure(brightness(await background(page)) < 150, await background(page));
    await page.reload();
    await page.waitForSelector("dl.totals");
    ensure(brightness(await background(page)) < 150, "forgotten after a reload");
    await page.context().close();
    const asked = await browser.open(`?site=${newest.id}&theme=dark`);
    ensure(brightness(await background(asked)) < 150, "the address could not ask for it");
    await asked.context().close();
  });

  for (const viewport of [WALL, { width: 3840, height: 2160 }, { width: 1280, height: 720 }]) {
    await report.check(`the big board fills ${viewport.width} × ${viewport.height} and no more`, async () => {
      const page = await browser.open(`?site=${newest.id}&wall=1`, { viewport, colorScheme: "dark" });
      await page.waitForSelector("[data-post]");
      const tall = await page.evaluate(() => document.documentElement.scrollHeight - innerHeight);
      ensure(tall <= 0 && (await overflow(page)) <= 0, `${tall} px too tall`);
      // Every row, with all that it says, must be on the screen: nobody scrolls a wall.
      const cut = await page.evaluate(() =>
        [...document.querySelectorAll(".live-row")].filter((row) => {
          const box = row.getBoundingClientRect();
          const title = row.querySelector(".cell-title").getBoundingClientRect();
          return box.bottom > innerHeight + 1 || title.height > box.height + 1;
        }).length);
      ensure(cut === 0, `${cut} rows are cut off`);
      ensure((await page.locator("header").count()) === 0, "there is still a header");
      if (viewport === WALL) await browser.shot(page, "wall");
      await page.keyboard.press("Escape");
      await until("leaving the board", () => page.locator("header").count());
      await page.context().close();
    });
  }
}
