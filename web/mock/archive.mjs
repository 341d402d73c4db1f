import { MockSite } from "./site.mjs";
import { ARCHIVE_PAGES } from "./stories.mjs";

const MINUTE = 60_000;
const FIRST = Date.UTC(2015, 4, 17, 10, 5);
const MINUTES = 4 * 24 * 60 - 13 * 60;
const IMPORT_TICKS = 6;

/** Four days of an old access log, which arrive during the first seconds. Its pages have no titles. */
export function archive() {
  const site = new MockSite({
    id: "archive", title: "Access log of May 2015", generated: false, host: "oldblog.example",
    firstMs: FIRST, minutes: MINUTES, seed: 2015,
    posts: ARCHIVE_PAGES.map((path) => ({ path, title: null, author: null, section: null, pubMs: null })),
  });
  site.importing = true;
  let ticks = 0;
  return {
    site,
    tick() {
      if (ticks === IMPORT_TICKS) return;
      ticks += 1;
      const from = Math.floor((MINUTES * (ticks - 1)) / IMPORT_TICKS);
      const to = Math.floor((MINUTES * ticks) / IMPORT_TICKS);
      for (let minute = from; minute < to; minute += 1) replay(site, FIRST + minute * MINUTE);
      site.importing = ticks < IMPORT_TICKS;
    },
  };
}

function replay(site, atMs) {
  site.posts.forEach((post, index) => {
    const daily = 1 + 0.5 * Math.sin(((atMs / 3_600_000 - 11) / 24) * 2 * Math.PI);
    const hits = site.dice.poisson((daily * 0.55) / (index + 1));
    for (let hit = 0; hit < hits; hit += 1) site.add(post, atMs + 5_000, site.dice.pick([0, 0, 2, 3, 3, 3, 4]), 1);
  });
}

/** A site whose owner has not put the pixel anywhere yet. */
export function blank() {
  const site = new MockSite({
    id: "blank", title: "The Night Ferry", generated: false, host: "new.example",
    firstMs: FIRST, minutes: 1, seed: 1, posts: [],
  });
  return { site, tick() {} };
}
