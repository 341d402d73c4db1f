import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

export const DESKTOP = { width: 1440, height: 1000 };
export const PHONE = { width: 375, height: 812 };
export const WALL = { width: 1920, height: 1080 };

/** One browser and the pages that are opened in it, each with a profile of its own. */
export class Browser {
  /** What no page may ever do: errors in the console, refused content, requests to other hosts. */
  complaints = [];

  static async launch(base, shots) {
    const self = new Browser();
    self.base = base;
    self.shots = shots;
    self.browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: FLAGS });
    if (shots) await mkdir(shots, { recursive: true });
    return self;
  }

  async open(query = "", { viewport = DESKTOP, colorScheme = "light", quiet = true, ready = "dl.totals" } = {}) {
    const context = await this.browser.newContext({ viewport, colorScheme });
    await context.addInitScript(() => {
      // Counts the streams that are open, without changing how they work.
      const Native = EventSource;
      window.openedStreams = [];
      window.EventSource = class extends Native {
        constructor(...args) {
          super(...args);
          window.openedStreams.push(this);
        }
      };
      addEventListener("securitypolicyviolation", (event) => {
        console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    if (quiet) this.watch(page);
    await page.goto(new URL(query, this.base).href);
    if (ready) await page.waitForSelector(ready);
    return page;
  }

  watch(page) {
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(`uncaught: ${error.message}`));
    page.on("dialog", (dialog) => {
      this.complaints.push(`a dialog opened: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(new URL("/", this.base).href)) this.complaints.push(`request to ${request.url()}`);
    });
  }

  async shot(page, name) {
    if (!this.shots) return;
    // Rows may be on their way to a new place; the picture shows where they arrive.
    await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));
    await page.screenshot({ path: join(this.shots, `${name}.png`) });
  }

  close() {
    return this.browser.close();
  }
}

export function openStreams(page) {
  return page.evaluate(() => window.openedStreams.filter((stream) => stream.readyState !== 2).length);
}

export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}
