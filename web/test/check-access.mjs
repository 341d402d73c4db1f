import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { PHONE, WALL } from "./browser.mjs";
import { ensure } from "./report.mjs";

const source = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** axe-core over every face of the page, in both themes. */
export async function checkAccess({ browser, report, newest }) {
  const faces = [
    ["the board", "", {}, null],
    ["the board on a phone", "", { viewport: PHONE }, null],
    ["a post's detail", "", {}, openDetail],
    ["the detail on a phone", "", { viewport: PHONE }, openDetail],
    ["the big board", "&wall=1", { viewport: WALL }, null],
    ["the help", "", {}, openHelp],
  ];
  for (const [name, query, options, prepare] of faces) {
    await report.check(`axe finds nothing serious on ${name}`, async () => {
      const found = [];
      for (const colorScheme of ["light", "dark"]) {
        const page = await browser.open(`?site=${newest.id}${query}`, { ...options, colorScheme });
        await page.waitForSelector("[data-post]");
        await prepare?.(page);
        // Colours are judged where they arrive, not on their way.
        await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));
        await page.evaluate(source);
        const result = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
        for (const { id, impact, nodes } of result.violations) {
          if (impact === "serious" || impact === "critical") {
            found.push(`${colorScheme}: ${id} (${nodes.length}): ${nodes[0].html.slice(0, 160)} ${nodes[0].failureSummary?.split("\n")[1] ?? ""}`);
          }
        }
        await page.context().close();
      }
      ensure(found.length === 0, found.join("\n"));
    });
  }
}

async function openDetail(page) {
  await page.locator("[data-post]").first().click();
  await page.waitForSelector(".detail .metadata");
}

async function openHelp(page) {
  await page.keyboard.press("?");
  await page.waitForSelector("dialog[open]");
}
