//! The posts of the newsroom, and what each is worth at a time.
//!
//! Time is cut into slots of 40 minutes, and each slot publishes one post. All about a post is drawn from the seed and its
//! slot, so that the newsroom is the same after a restart and needs no memory.

use serde_json::{Value, json};
use tidemill_world::random::SeededRandom;

use super::words::{AUTHORS, SECTIONS, STORIES, SUBJECTS, TAGS};
use crate::period::{HOUR_MS, MINUTE_MS};

#[cfg(test)]
mod tests;

/// The host of the newsroom; the domain is reserved for examples.
pub(super) const HOST: &str = "dailytide.example";
/// One post is published in each.
pub const SLOT_MS: i64 = 40 * MINUTE_MS;
/// Older posts are read no more.
pub const READ_FOR_MS: i64 = 48 * HOUR_MS;
/// How fast interest fades: to a third in this time.
const FADES_MS: f64 = 9.0 * 3_600_000.0;

/// A post.
#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    /// Its slot.
    pub slot: i64,
    /// When it was published.
    pub published_ms: i64,
    /// Its title.
    pub title: String,
    /// Its address.
    pub url: String,
    /// Its section.
    pub section: &'static str,
    /// Its authors.
    pub authors: Vec<&'static str>,
    /// Its tags.
    pub tags: Vec<&'static str>,
    /// How much it is worth at first; a few are worth much and most little.
    worth: f64,
    /// When it is passed around, if ever: from, until, how many times its worth.
    burst: Option<(i64, i64, f64)>,
}

/// An entry drawn by its weight.
pub(super) fn pick<T: Copy>(random: &mut SeededRandom, entries: &[(T, u64)]) -> Option<T> {
    let all: u64 = entries.iter().map(|(_, weight)| weight).sum();
    let mut at = random.below(all);
    for (entry, weight) in entries {
        if at < *weight {
            return Some(*entry);
        }
        at -= weight;
    }
    None
}

fn any<'a, T>(random: &mut SeededRandom, entries: &'a [T]) -> Option<&'a T> {
    let at = usize::try_from(random.below(entries.len() as u64)).unwrap_or(0);
    entries.get(at)
}

impl Post {
    /// The post that was or will be published in a slot.
    pub fn of(seed: u64, slot: i64) -> Self {
        let mut random =
            SeededRandom::new(seed ^ slot.cast_unsigned().wrapping_mul(0xA076_1D64_78BD_642F));
        random.next_u64();
        let section = pick(&mut random, &SECTIONS).unwrap_or("News");
        let published_ms =
            slot * SLOT_MS + i64::try_from(random.below(35)).unwrap_or(0) * MINUTE_MS;
        let title = title(&mut random, section, slot);
        let slug: String = title
            .to_ascii_lowercase()
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join("-");
        let place = section.to_ascii_lowercase();
        Self {
            slot,
            published_ms,
            url: format!("https://{HOST}/{place}/{slug}-{}", slot.rem_euclid(100_000)),
            title,
            section,
            authors: authors(&mut random, section),
            tags: tags(&mut random),
            worth: worth(&mut random),
            burst: burst(&mut random, published_ms),
        }
    }

    /// What it is worth at a time, against other posts; nothing before it is published and two days later.
    pub fn weight(&self, at_ms: i64) -> f64 {
        let age_ms = at_ms - self.published_ms;
        if !(0..READ_FOR_MS).contains(&age_ms) {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "two days of milliseconds")]
        let age = age_ms as f64;
        // It takes some minutes until the first readers have it.
        let rise = (age / 600_000.0).min(1.0);
        let factor = if self.is_bursting(at_ms) {
            self.burst.map_or(1.0, |(_, _, factor)| factor)
        } else {
            1.0
        };
        self.worth * rise * (-age / FADES_MS).exp() * factor
    }

    /// Whether it is being passed around.
    pub fn is_bursting(&self, at_ms: i64) -> bool {
        self.burst.is_some_and(|(from, until, _)| (from..until).contains(&at_ms))
    }

    /// What the newsroom says about it, in the shape of the API.
    pub fn metadata(&self) -> Value {
        json!({
            "canonical_url": self.url,
            "page_type": "post",
            "title": self.title,
            "section": self.section,
            "authors": self.authors,
            "tags": self.tags,
            "pub_date_tmsp": self.published_ms / 1000,
        })
    }
}

/// The stories go round by slot, so that posts that stand side by side do not tell the same one.
fn title(random: &mut SeededRandom, section: &str, slot: i64) -> String {
    let at = SECTIONS.iter().position(|(name, _)| *name == section).unwrap_or(0);
    let subject =
        SUBJECTS.get(at).and_then(|subjects| any(random, subjects)).unwrap_or(&"Harbour bridge");
    let story = usize::try_from((slot * 5).rem_euclid(as_i64(STORIES.len()))).unwrap_or(0);
    let story = STORIES.get(story).unwrap_or(&"what happens next");
    // A clause that stands for itself follows a colon.
    let clause =
        ["what", "the people", "explained", "a day"].iter().any(|start| story.starts_with(start));
    format!("{subject}{} {story}", if clause { ":" } else { "" })
}

fn as_i64(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn authors(random: &mut SeededRandom, section: &str) -> Vec<&'static str> {
    let own: Vec<&str> =
        AUTHORS.iter().filter(|(_, of)| *of == section).map(|(name, _)| *name).collect();
    let mut authors: Vec<&str> = any(random, &own).copied().into_iter().collect();
    if random.below(8) == 0
        && let Some((second, _)) = any(random, &AUTHORS)
        && !authors.contains(second)
    {
        authors.push(second);
    }
    authors
}

fn tags(random: &mut SeededRandom) -> Vec<&'static str> {
    let mut tags = Vec::new();
    for _ in 0..2 {
        if let Some(tag) = any(random, &TAGS)
            && !tags.contains(tag)
        {
            tags.push(tag);
        }
    }
    tags
}

/// Worth by a rank among a hundred and twenty, as Zipf has it.
fn worth(random: &mut SeededRandom) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let rank = (1 + random.below(120)) as f64;
    rank.powf(-0.9)
}

/// One post in eight is passed around for half an hour, within a day.
fn burst(random: &mut SeededRandom, published_ms: i64) -> Option<(i64, i64, f64)> {
    let minutes = |below: u64, random: &mut SeededRandom| {
        i64::try_from(random.below(below)).unwrap_or(0) * MINUTE_MS
    };
    let from = published_ms + 20 * MINUTE_MS + minutes(20 * 60, random);
    let until = from + 15 * MINUTE_MS + minutes(25, random);
    let factor = 8.0 + 14.0 * random.unit();
    (random.below(8) == 0).then_some((from, until, factor))
}

/// The posts that are read at a time, oldest first.
pub fn posts_at(seed: u64, at_ms: i64) -> Vec<Post> {
    let last = at_ms.div_euclid(SLOT_MS);
    let first = (at_ms - READ_FOR_MS).div_euclid(SLOT_MS);
    (first..=last)
        .map(|slot| Post::of(seed, slot))
        .filter(|post| post.weight(at_ms) > 0.0 || post.published_ms == at_ms)
        .collect()
}
