import { random } from "./random.mjs";
import { DOMAINS } from "./stories.mjs";

const CLASSES = ["search", "social", "internal", "direct", "other"];
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WINDOWS = { "15m": 15 * MINUTE, "1h": HOUR, "4h": 4 * HOUR, "24h": 24 * HOUR, "7d": 168 * HOUR, "30d": 720 * HOUR };
const STEPS = [1, 5, 15, 60, 180, 1440].map((minutes) => minutes * MINUTE);

/**
 * One site of the mock: posts with one cell of counts a minute, and answers summed from those cells.
 * Visitors and engaged minutes follow the views by a factor that belongs to the post: the page under
 * test needs numbers that move together, not numbers that are true.
 */
export class MockSite {
  constructor({ id, title, generated, host, posts, firstMs, minutes, seed }) {
    Object.assign(this, { id, title, generated, host, firstMs, importing: false });
    this.dice = random(seed);
    this.capacity = minutes + 24 * 60;
    this.posts = posts.map((post) => ({
      ...post,
      url: `${host}${post.path}`,
      cells: new Uint16Array(this.capacity * CLASSES.length),
      loyal: this.dice.between(0.55, 0.93),
      depth: this.dice.between(0.2, 1.7),
      mobile: this.dice.between(0.35, 0.8),
      rankBefore: null,
    }));
    this.lastMs = null;
    this.ranks = [];
  }

  add(post, atMs, referrer, views) {
    const minute = Math.floor((atMs - this.firstMs) / MINUTE);
    if (minute < 0 || minute >= this.capacity || views === 0) return;
    post.cells[minute * CLASSES.length + referrer] += views;
    this.lastMs = Math.max(this.lastMs ?? 0, atMs);
  }

  summary() {
    const { id, title, generated, importing, lastMs } = this;
    return { id, title, generated, importing, first_ms: lastMs === null ? null : this.firstMs, last_ms: lastMs };
  }

  views(sinceMs = this.firstMs, untilMs = this.lastMs ?? 0) {
    return this.posts.reduce((sum, post) => sum + this.count(post, sinceMs, untilMs).views, 0);
  }

  window(label, nowMs) {
    const size = WINDOWS[label];
    const last = this.lastMs ?? nowMs;
    if (!size) return { label: "all", start_ms: this.firstMs, end_ms: last, anchored: nowMs - last > HOUR ? "last" : "now" };
    const anchored = nowMs - last > size ? "last" : "now";
    const end = anchored === "last" ? last : nowMs;
    return { label, start_ms: end - size, end_ms: end, anchored };
  }

  range(startMs, endMs) {
    const from = Math.max(0, Math.floor((startMs - this.firstMs) / MINUTE));
    const to = Math.min(this.capacity - 1, Math.floor((endMs - this.firstMs) / MINUTE));
    return [from, to];
  }

  count(post, startMs, endMs) {
    const [from, to] = this.range(startMs, endMs);
    const shares = [0, 0, 0, 0, 0];
    for (let at = from * 5; at < (to + 1) * 5; at += 1) shares[at % 5] += post.cells[at];
    const views = shares.reduce((sum, share) => sum + share, 0);
    return { views, shares };
  }

  series(posts, window) {
    const span = window.end_ms - window.start_ms;
    const step = STEPS.find((size) => span / size <= 360) ?? STEPS.at(-1);
    const start = Math.floor(window.start_ms / step) * step;
    const views = new Array(Math.floor((window.end_ms - start) / step) + 1).fill(0);
    const [from, to] = this.range(start, window.end_ms);
    for (const { cells } of posts) {
      for (let minute = from; minute <= to; minute += 1) {
        const slot = Math.floor((this.firstMs + minute * MINUTE - start) / step);
        if (slot < 0 || slot >= views.length) continue;
        for (let at = minute * 5; at < minute * 5 + 5; at += 1) views[slot] += cells[at];
      }
    }
    return { start_ms: start, step_ms: step, views };
  }

  spark(post, window) {
    const points = new Array(30).fill(0);
    const [from, to] = this.range(window.start_ms, window.end_ms);
    const slotsAMinute = Math.max(1, Math.round((30 * MINUTE) / (window.end_ms - window.start_ms)));
    for (let minute = from; minute <= to; minute += 1) {
      const views = post.cells.subarray(minute * 5, minute * 5 + 5).reduce((sum, cell) => sum + cell, 0);
      const first = Math.floor((30 * (this.firstMs + minute * MINUTE - window.start_ms)) / (window.end_ms - window.start_ms));
      // A short window has more points than minutes: a minute is then spread over its points.
      for (let slot = first; slot < first + slotsAMinute; slot += 1) points[Math.min(29, Math.max(0, slot))] += views / slotsAMinute;
    }
    return points;
  }

  state({ seq, nowMs, label, sort, postUrl }) {
    const window = this.window(label, nowMs);
    const counted = this.posts.map((post) => {
      const { views, shares } = this.count(post, window.start_ms, window.end_ms);
      return {
        post, shares, views,
        visitors: Math.ceil(views * post.loyal),
        engaged_minutes: Math.round(views * post.depth * 10) / 10,
      };
    }).filter((row) => row.views > 0);
    counted.sort((a, b) => b[sort] - a[sort] || (a.post.url < b.post.url ? -1 : 1));
    const before = this.ranksBefore(label + sort, counted, nowMs);
    const rows = counted.map((row, index) => this.row(row, index, before));
    const sum = (key) => counted.reduce((total, row) => total + row[key], 0);
    const end = window.end_ms;
    const lastFive = this.views(end - 4 * MINUTE, end);
    return {
      seq, now_ms: nowMs, site: this.summary(), window,
      totals: {
        views: sum("views"),
        visitors: Math.ceil(sum("visitors") * 0.71),
        engaged_minutes: Math.round(sum("engaged_minutes") * 10) / 10,
        reading_now: window.anchored === "last" ? 0 : Math.round(lastFive * 0.64),
        views_per_minute: window.anchored === "last" ? 0 : this.views(end - MINUTE, end - MINUTE),
        bots: Math.round(sum("views") * 0.06),
      },
      series: this.series(this.posts, window),
      referrers: named(CLASSES.map((_, index) => counted.reduce((total, row) => total + row.shares[index], 0))),
      posts: rows.slice(0, 30).map((row) => ({ ...row, spark: this.spark(row.post, window), post: undefined })),
      authors: leaders(counted, "author", sort),
      sections: leaders(counted, "section", sort),
      post: this.detail(rows.find((row) => row.url === postUrl), window),
    };
  }

  row({ post, shares, views, visitors, engaged_minutes }, index, before) {
    const was = before.get(post.url);
    return {
      post, rank: index + 1, move: was === undefined ? null : was - index, url: post.url,
      link: post.link ?? `https://${post.url}`, title: post.title, author: post.author, section: post.section,
      pub_date_ms: post.pubMs, views, visitors, engaged_minutes, referrers: named(shares),
    };
  }

  /** The order of a minute ago, taken from the samples kept for this question. */
  ranksBefore(question, counted, nowMs) {
    this.ranks = this.ranks.filter((sample) => nowMs - sample.atMs < 90_000);
    const mine = this.ranks.filter((sample) => sample.question === question);
    const now = new Map(counted.map((row, index) => [row.post.url, index]));
    if (!mine.length || nowMs - mine.at(-1).atMs > 5_000) this.ranks.push({ question, atMs: nowMs, order: now });
    return mine[0]?.order ?? now;
  }

  detail(row, window) {
    if (!row) return null;
    const domains = CLASSES.flatMap((name) => {
      let left = row.referrers[name];
      return DOMAINS[name].map((domain, index, all) => {
        const views = index === all.length - 1 ? left : Math.round(left * 0.6);
        left -= views;
        return { domain, class: name, views };
      });
    }).filter((entry) => entry.views > 0).sort((a, b) => b.views - a.views);
    const mobile = Math.round(row.views * row.post.mobile);
    const tablet = Math.round((row.views - mobile) * 0.12);
    return {
      ...row, post: undefined, spark: this.spark(row.post, window), series: this.series([row.post], window),
      referrer_domains: domains,
      devices: { desktop: row.views - mobile - tablet, mobile, tablet },
      authors: row.author ? [row.author] : [],
      tags: row.post.tags ?? [],
    };
  }
}

function named(shares) {
  return Object.fromEntries(CLASSES.map((name, index) => [name, shares[index]]));
}

function leaders(counted, key, sort) {
  const byName = new Map();
  for (const row of counted) {
    const name = row.post[key];
    if (!name) continue;
    const leader = byName.get(name) ?? { name, views: 0, visitors: 0, engaged_minutes: 0 };
    leader.views += row.views;
    leader.visitors += row.visitors;
    leader.engaged_minutes = Math.round((leader.engaged_minutes + row.engaged_minutes) * 10) / 10;
    byName.set(name, leader);
  }
  return [...byName.values()].sort((a, b) => b[sort] - a[sort]).slice(0, 10);
}
