//! The readers of the newsroom: views, then heartbeats while they read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tidemill_world::random::SeededRandom;

use super::newsroom::{HOST, Post, pick, posts_at};
use super::words::{BROWSERS, BURST_REFERRERS, MACHINES, REFERRERS};
use crate::form;
use crate::period::{DAY_MS, HOUR_MS, MINUTE_MS};

#[cfg(test)]
mod tests;

/// Of a thousand views this many are of machines.
const MACHINES_PER_MILLE: u64 = 35;
/// Of a thousand views this many come from another page of the newsroom.
const INTERNAL_PER_MILLE: u64 = 230;
/// People who come on one day; some come again and again.
const PEOPLE: u64 = 20_000;
/// Heartbeats that a view makes on average, for the rate.
const HEARTBEATS_PER_VIEW: f64 = 2.7;
/// Heartbeats come after this many seconds of reading and then ever less often, up to the longest interval.
const FIRST_HEARTBEATS_S: [u32; 5] = [10, 15, 30, 60, 120];

/// A hit that nobody made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generated {
    /// Its time.
    pub at_ms: i64,
    /// Its form, without what is the site's.
    pub form: String,
    /// The browser.
    pub user_agent: &'static str,
    /// Who it is of.
    pub visitor: u64,
}

/// Someone who goes on reading.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reading {
    /// When the next heartbeat is due.
    due_ms: i64,
    /// Seconds since the last.
    inc_s: u32,
    /// Seconds in all, with these.
    total_s: u32,
    /// Heartbeats before.
    beats: usize,
    /// Seconds that will be read in all.
    until_s: u32,
    page_view: u64,
    url: String,
    user_agent: &'static str,
    visitor: u64,
}

/// Makes hits second by second.
#[derive(Debug)]
pub struct Traffic {
    seed: u64,
    site: String,
    random: SeededRandom,
    /// Hits a second at the busiest time of the day.
    peak_per_s: f64,
    /// When it is eleven in the morning at the newsroom.
    late_morning_ms: i64,
    at_ms: i64,
    posts: Vec<(Post, f64)>,
    weight: f64,
    posts_at_ms: i64,
    reading: BinaryHeap<Reverse<Reading>>,
}

impl Traffic {
    /// Readers from a time on, with so many hits a second when it is busiest, which is around `now_ms`.
    pub fn new(site: &str, seed: u64, from_ms: i64, now_ms: i64, peak_per_s: f64) -> Self {
        Self {
            seed,
            site: site.to_owned(),
            random: SeededRandom::new(seed ^ from_ms.cast_unsigned()),
            peak_per_s,
            late_morning_ms: now_ms,
            at_ms: from_ms,
            posts: Vec::new(),
            weight: 0.0,
            posts_at_ms: i64::MIN,
            reading: BinaryHeap::new(),
        }
    }

    /// The time from which on at most so many hits are to be expected up to `to_ms`; not before the time
    /// that the traffic starts at.
    pub fn start_for(&self, hits_max: u32, to_ms: i64) -> i64 {
        let mut left = f64::from(hits_max);
        let mut probe =
            Self::new(&self.site, self.seed, self.at_ms, self.late_morning_ms, self.peak_per_s);
        let mut at_ms = to_ms;
        while at_ms > self.at_ms {
            probe.at_ms = at_ms - MINUTE_MS;
            probe.look_at_posts();
            left -= probe.rate() * 60.0;
            if left < 0.0 {
                return at_ms;
            }
            at_ms = probe.at_ms;
        }
        self.at_ms
    }

    /// Goes to a time without making the hits before it.
    pub fn skip_to(&mut self, at_ms: i64) {
        self.at_ms = self.at_ms.max(at_ms);
    }

    /// Calls `take` with the hits up to a time, in order.
    pub fn advance(&mut self, to_ms: i64, mut take: impl FnMut(&Generated)) {
        let mut second = Vec::new();
        while self.at_ms < to_ms {
            let end_ms = (self.at_ms + 1_000).min(to_ms);
            self.look_at_posts();
            self.views(end_ms, &mut second);
            self.heartbeats(end_ms, &mut second);
            second.sort_unstable();
            second.drain(..).for_each(|hit| take(&hit));
            self.at_ms = end_ms;
        }
    }

    /// What posts are worth is looked at once a minute.
    fn look_at_posts(&mut self) {
        let minute = self.at_ms.div_euclid(MINUTE_MS);
        if minute != self.posts_at_ms {
            self.posts_at_ms = minute;
            let at_ms = self.at_ms;
            self.posts = posts_at(self.seed, at_ms)
                .into_iter()
                .map(|post| {
                    let weight = post.weight(at_ms);
                    (post, weight)
                })
                .collect();
            self.weight = self.posts.iter().map(|(_, weight)| weight).sum();
        }
    }

    /// Hits a second: quiet at night, busy from late morning to evening, more while something is passed around.
    fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "hours since the demo began")]
        let hours = (self.at_ms - self.late_morning_ms) as f64 / HOUR_MS as f64;
        let hour = (11.0 + hours).rem_euclid(24.0);
        let day = 0.5 - 0.5 * ((hour - 2.5).rem_euclid(24.0) / 24.0 * std::f64::consts::TAU).cos();
        let calm: f64 = self
            .posts
            .iter()
            .filter(|(post, _)| !post.is_bursting(self.at_ms))
            .map(|(_, weight)| weight)
            .sum();
        let burst = if calm > 0.0 { (self.weight / calm).min(4.0) } else { 1.0 };
        self.peak_per_s * (0.12 + 0.88 * day) * burst
    }

    fn views(&mut self, end_ms: i64, out: &mut Vec<Generated>) {
        #[expect(clippy::cast_precision_loss, reason = "at most a second")]
        let seconds = (end_ms - self.at_ms) as f64 / 1_000.0;
        let mut expected = self.rate() * seconds / (1.0 + HEARTBEATS_PER_VIEW);
        // As many as a Poisson process with this mean would bring, drawn by its gaps.
        loop {
            expected += (1.0 - self.random.unit()).ln();
            if expected < 0.0 {
                return;
            }
            let within = u64::try_from(end_ms - self.at_ms).unwrap_or(1);
            let at_ms = self.at_ms + i64::try_from(self.random.below(within)).unwrap_or(0);
            if let Some(view) = self.view(at_ms) {
                out.push(view);
            }
        }
    }

    fn view(&mut self, at_ms: i64) -> Option<Generated> {
        let (url, title, bursting) = {
            let post = self.draw_post()?;
            (post.url.clone(), post.title.clone(), post.is_bursting(at_ms))
        };
        let machine = self.random.below(1_000) < MACHINES_PER_MILLE;
        let user_agent = pick(&mut self.random, if machine { &MACHINES } else { &BROWSERS[..] })?;
        let visitor = self.visitor(at_ms, user_agent);
        let referrer = if machine { String::new() } else { self.referrer(bursting) };
        let page_view = self.random.next_u64();
        if !machine {
            self.start_reading(at_ms, page_view, &url, user_agent, visitor);
        }
        let mut form = self.form("pageview", &url, at_ms, page_view);
        form::push(&mut form, "urlref", &referrer);
        form::push(&mut form, "title", &title);
        Some(Generated { at_ms, form, user_agent, visitor })
    }

    fn draw_post(&mut self) -> Option<&Post> {
        let mut at = self.random.unit() * self.weight;
        for (post, weight) in &self.posts {
            at -= weight;
            if at < 0.0 {
                return Some(post);
            }
        }
        self.posts.last().map(|(post, _)| post)
    }

    /// A person of the day. The cube makes some come often and many once.
    fn visitor(&mut self, at_ms: i64, user_agent: &str) -> u64 {
        let share = self.random.unit();
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        #[expect(clippy::cast_possible_truncation, reason = "below the number of people")]
        #[expect(clippy::cast_sign_loss, reason = "a cube is not negative")]
        let person = (share * share * share * PEOPLE as f64) as u64;
        let day = at_ms.div_euclid(DAY_MS).cast_unsigned();
        let browser = user_agent.len() as u64;
        SeededRandom::new(self.seed ^ day << 40 ^ person << 8 ^ browser).next_u64().max(1)
    }

    fn referrer(&mut self, bursting: bool) -> String {
        if bursting && self.random.below(4) > 0 {
            return pick(&mut self.random, &BURST_REFERRERS).unwrap_or_default().to_owned();
        }
        if self.random.below(1_000) >= INTERNAL_PER_MILLE {
            return pick(&mut self.random, &REFERRERS).unwrap_or_default().to_owned();
        }
        if self.random.below(2) == 0 {
            return format!("https://{HOST}/");
        }
        self.draw_post().map_or_else(String::new, |post| post.url.clone())
    }

    /// A third only glances; the others read for a minute or more, a few for long.
    fn start_reading(
        &mut self,
        at_ms: i64,
        page_view: u64,
        url: &str,
        user_agent: &'static str,
        visitor: u64,
    ) {
        let until_s = if self.random.below(3) == 0 {
            u32::try_from(self.random.below(10)).unwrap_or(0)
        } else {
            #[expect(clippy::cast_possible_truncation, reason = "held below ten minutes")]
            #[expect(clippy::cast_sign_loss, reason = "the logarithm of less than one is negative")]
            let drawn = (-(1.0 - self.random.unit()).ln() * 75.0).min(600.0) as u32;
            12 + drawn
        };
        let mut reading = Reading {
            due_ms: at_ms,
            inc_s: 0,
            total_s: 0,
            beats: 0,
            until_s,
            page_view,
            url: url.to_owned(),
            user_agent,
            visitor,
        };
        if reading.next() {
            self.reading.push(Reverse(reading));
        }
    }

    fn heartbeats(&mut self, end_ms: i64, out: &mut Vec<Generated>) {
        while self.reading.peek().is_some_and(|Reverse(reading)| reading.due_ms < end_ms) {
            let Some(Reverse(mut reading)) = self.reading.pop() else { return };
            let mut form = self.form("heartbeat", &reading.url, reading.due_ms, reading.page_view);
            form::push(&mut form, "inc", &reading.inc_s.to_string());
            form::push(&mut form, "tt", &reading.total_s.to_string());
            out.push(Generated {
                at_ms: reading.due_ms,
                form,
                user_agent: reading.user_agent,
                visitor: reading.visitor,
            });
            if reading.next() {
                self.reading.push(Reverse(reading));
            }
        }
    }

    fn form(&self, action: &str, url: &str, at_ms: i64, page_view: u64) -> String {
        let mut form = String::with_capacity(256);
        form::push(&mut form, "rand", &at_ms.to_string());
        form::push(&mut form, "idsite", &self.site);
        form::push(&mut form, "url", url);
        form::push(&mut form, "action", action);
        form::push(&mut form, "pvid", &format!("{page_view:016x}"));
        form
    }
}

impl Reading {
    /// Goes on to the next heartbeat; `false` if the reader has gone.
    fn next(&mut self) -> bool {
        let inc_s = FIRST_HEARTBEATS_S.get(self.beats).copied().unwrap_or(150);
        let inc_s = inc_s.min(self.until_s.saturating_sub(self.total_s));
        if inc_s == 0 {
            return false;
        }
        self.inc_s = inc_s;
        self.total_s += inc_s;
        self.beats += 1;
        self.due_ms += i64::from(inc_s) * 1_000;
        true
    }
}
