import { ensure, until } from "./report.mjs";

const DAY = 86_400_000;
const figures = (page) => page.locator("dl.totals dd").allInnerTexts();

/** What everybody sees first: the sites, their marks, and numbers that move. */
export async function checkBoard({ browser, report, sites, newest }) {
  const page = await browser.open();

  await report.check("the page shows numbers", async () => {
    const texts = await figures(page);
    ensure(texts.length === 5 && texts.every((text) => /\d/.test(text)), `figures: ${texts}`);
    return texts.join(" / ");
  });

  await report.check("each site can be selected", async () => {
    ensure(sites.length >= 2, `only ${sites.length} sites with data`);
    for (const site of [...sites].reverse()) {
      await page.getByRole("combobox", { name: "Site" }).selectOption(site.id);
      await until(`the heading of ${site.id}`, async () => (await page.locator("h1").innerText()).includes(site.title));
      ensure(new URL(page.url()).searchParams.get("site") === site.id, `the address says ${page.url()}`);
    }
    return sites.map((site) => site.title).join(", ");
  });

  for (const site of sites) {
    await report.check(`"${site.title}" ${site.generated ? "is" : "is not"} marked as generated`, async () => {
      for (const query of [`?site=${site.id}`, `?site=${site.id}&wall=1`]) {
        const one = await browser.open(query);
        const marks = await one.locator('[data-notice="generated"]:visible').count();
        ensure(marks === (site.generated ? 1 : 0), `${marks} marks on ${query}`);
        await one.context().close();
      }
    });
  }

  const old = sites.find((site) => site.last_ms && Date.now() - site.last_ms > 30 * DAY);
  if (old) {
    await report.check(`"${old.title}" says that its newest data is old`, async () => {
      const one = await browser.open(`?site=${old.id}&window=24h`);
      const text = await one.locator('[data-notice="anchored"]').innerText();
      ensure(/Newest data: \d+ \w+ \d{4}/.test(text), text);
      await browser.shot(one, "old");
      await one.context().close();
      return text.split("\n")[0];
    });
  }

  await report.check("numbers move by themselves", async () => {
    await page.getByRole("combobox", { name: "Site" }).selectOption(newest.id);
    await until("the site", async () => (await page.locator("h1").innerText()).includes(newest.title));
    const before = (await figures(page)).join(" / ");
    const started = Date.now();
    await until("a change", async () => (await figures(page)).join(" / ") !== before, 20_000);
    return `after ${((Date.now() - started) / 1000).toFixed(1)} s`;
  });

  await report.check("a row keeps its element while its numbers change", async () => {
    await page.evaluate(() => {
      for (const link of document.querySelectorAll("[data-post]")) link.closest("tr").known = link.dataset.post;
    });
    const before = (await figures(page)).join();
    await until("a change", async () => (await figures(page)).join() !== before, 20_000);
    const strangers = await page.evaluate(() =>
      [...document.querySelectorAll("[data-post]")].filter((link) => {
        const row = link.closest("tr");
        return row.known !== undefined && row.known !== link.dataset.post;
      }).length);
    ensure(strangers === 0, `${strangers} rows changed their post`);
  });

  await report.check("the order follows the choice", async () => {
    for (const [label, value] of [["visitors", "visitors"], ["engaged minutes", "engaged_minutes"], ["views", null]]) {
      await page.getByRole("group", { name: "Order" }).getByRole("radio", { name: label, exact: true }).check();
      ensure(new URL(page.url()).searchParams.get("sort") === value, page.url());
      await until("the order", () => page.evaluate(() => !document.querySelector('main[aria-busy="true"]')));
      await until(`descending ${label}`, () => page.evaluate(() => {
        const values = [...document.querySelectorAll("td.cell-value .value")].map((cell) => Number(cell.textContent.replace(/,/g, "")));
        return values.length > 1 && values.every((value, index) => index === 0 || values[index - 1] >= value);
      }));
    }
  });

  await report.check("the chart tells the value under the pointer", async () => {
    await page.locator(".views-panel .u-over").hover();
    const tip = await page.locator(".chart-tip").innerText();
    ensure(/\d views?/.test(tip), tip);
    await page.mouse.move(5, 5);
    return tip.replace("\n", ", ");
  });

  await report.check("an unknown site is refused with the way out", async () => {
    const one = await browser.open("?site=no-such-site", { quiet: false, ready: ".message h1" });
    ensure((await one.locator(".message a").count()) >= sites.length, "the sites are not offered");
    await one.locator(".message a").first().click();
    await one.waitForSelector("dl.totals, .message pre");
    await one.context().close();
  });

  await browser.shot(page, "desktop");
  await page.context().close();
}
