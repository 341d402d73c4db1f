import { MockSite } from "./site.mjs";
import { HOSTILE, STORIES } from "./stories.mjs";

const MINUTE = 60_000;
const TAGS = ["harbour", "weather", "council", "money", "weekend", "long read"];

/** A busy, made-up news site: two days of history, then a few hits every second. */
export function newsroom(nowMs, hostile) {
  const minutes = 48 * 60;
  const stories = [...STORIES, ...(hostile ? HOSTILE.map((title) => [title, "Robert'); --", "<b>Local</b>"]) : [])];
  const site = new MockSite({
    id: "newsroom", title: "The Daily Tide", generated: true, host: "dailytide.example",
    firstMs: nowMs - minutes * MINUTE, minutes, seed: 7,
    posts: stories.map(([title, author, section], index) => ({
      title, author, section,
      path: `/${(section ?? "news").toLowerCase().replace(/\W/g, "")}/${index + 1}-${title.toLowerCase().replace(/\W+/g, "-").slice(0, 40)}`,
      // The hostile stories also try a link that runs a script when it is clicked.
      link: HOSTILE.includes(title) ? "javascript:alert(1)" : undefined,
      pubMs: nowMs - MINUTE * Math.round(4 + 3 * index ** 1.9 % 4000),
      tags: [TAGS[index % 6], TAGS[(index * 5 + 2) % 6]],
    })),
  });
  site.posts.forEach((post, index) => {
    post.weight = (HOSTILE.includes(post.title) ? 3.2 : 9) / (1 + (index % STORIES.length)) ** 0.75;
    post.mood = site.dice.between(0, 6.3);
    post.mix = [site.dice.between(0.5, 3), site.dice.between(0.2, 4), site.dice.between(0.5, 2), site.dice.between(0.5, 2), site.dice.between(0.1, 1)];
  });
  for (let minute = 0; minute < minutes; minute += 1) tick(site, site.firstMs + minute * MINUTE, 60);
  return { site, tick: (atMs) => tick(site, atMs, 1) };
}

function tick(site, atMs, seconds) {
  const hour = (atMs / 3_600_000) % 24;
  const daily = 0.75 + 0.35 * Math.sin(((hour - 9) / 24) * 2 * Math.PI) + 0.1 * Math.sin(hour * 5.1);
  for (const post of site.posts) {
    if (atMs < post.pubMs) continue;
    const age = (atMs - post.pubMs) / 3_600_000;
    const fresh = 1.6 / (1 + age / 7) + 0.12;
    const wave = 1 + 0.65 * Math.sin(atMs / 2_400_000 + post.mood);
    const mean = post.weight * fresh * wave * daily * (seconds / 60) * 7;
    let hits = site.dice.poisson(mean);
    for (; hits > 0; hits -= 1) site.add(post, atMs, draw(site.dice, post.mix), 1);
  }
}

function draw(dice, mix) {
  let left = dice.next() * mix.reduce((sum, part) => sum + part, 0);
  for (let index = 0; index < mix.length; index += 1) {
    left -= mix[index];
    if (left < 0) return index;
  }
  return mix.length - 1;
}
