import { ensure, until } from "./report.mjs";
import { HOSTILE } from "../mock/stories.mjs";
import { startMock } from "../mock/server.mjs";

/** What needs a server that misbehaves on purpose. */
export async function checkMock({ browser, report, mock }) {
  await report.check("a title that is an attack is shown as the text that it is", async () => {
    const page = await browser.open("?site=newsroom&window=all");
    await page.waitForSelector("[data-post]");
    const titles = await page.locator("[data-post]").allInnerTexts();
    for (const hostile of HOSTILE) ensure(titles.includes(hostile), `not shown: ${hostile.slice(0, 40)}`);
    ensure((await page.locator(".live img, .byline b").count()) === 0, "markup was taken in");
    ensure(!(await page.title()).includes("owned"), "a script ran");
    await page.locator("[data-post]", { hasText: "onerror" }).click();
    await page.waitForSelector(".detail .metadata");
    ensure((await page.locator(".detail-sub a").count()) === 0, "a link that runs a script was offered");
    const schemes = await page.evaluate(() => [...document.links].map((link) => link.protocol));
    ensure(schemes.every((scheme) => /^https?:$/.test(scheme)), schemes.join());
    await page.context().close();
  });

  await report.check("a site without hits shows the pixel to put on its pages", async () => {
    const page = await browser.open("?site=blank", { ready: ".message pre" });
    const code = await page.locator(".message pre").innerText();
    ensure(code.includes(`${mock.url}plogger/?`) && code.includes('idsite: "blank"'), code);
    await page.getByRole("button", { name: "Copy the pixel" }).click();
    await browser.shot(page, "empty");
    await page.context().close();
  });

  await report.check("an import that runs is marked until it ends", async () => {
    // A server of its own, because this one ended its import long ago.
    const fresh = await startMock();
    const page = await browser.open(`${fresh.url}?site=archive&window=all`, { quiet: false });
    await page.waitForSelector('[data-notice="importing"]');
    await until("the end", async () => (await page.locator('[data-notice="importing"]').count()) === 0);
    await page.context().close();
    await fresh.close();
  });

  await report.check("the page comes back when the server does", async () => {
    let server = await startMock();
    const page = await browser.open(`${server.url}?site=newsroom`, { quiet: false });
    const status = () => page.getByRole("status").innerText();
    await until("live", async () => (await status()) === "Live");
    await server.close();
    await until("the loss to be told", async () => (await status()) === "Reconnecting");
    ensure((await page.locator("dl.totals").count()) === 1, "the last numbers were thrown away");
    await browser.shot(page, "reconnecting");
    server = await startMock({ port: server.port });
    await until("live again", async () => (await status()) === "Live", 30_000);
    await page.context().close();
    await server.close();
  });

  await report.check("a server that is not there is told, not hidden", async () => {
    const page = await browser.open("", { quiet: false, ready: null });
    await page.route("**/live/**", (route) => route.abort());
    await page.reload();
    await page.waitForSelector(".message h1");
    const text = await page.locator(".message").innerText();
    ensure(text.includes("cannot be reached"), text);
    await page.unroute("**/live/**");
    await page.waitForSelector("dl.totals");
    await page.context().close();
  });
}
