//! What made a request: a person's browser or a machine, on what device.
//!
//! # Constraints
//!
//! * Machines are classed, not dropped: whoever asks decides whether they count.
//! * Parsing is the dearest step of the whole way of a hit, and a site sees the same few hundred texts over and
//!   over, so answers are cached by text. The cache is bounded, because the text is the sender's.

use std::sync::Arc;

use hashbrown::HashMap;
use woothee::parser::Parser;

mod machines;
#[cfg(test)]
mod tests;

/// Texts that the cache holds before it starts anew; at some 300 bytes each that is 5 MB.
const CACHE_TEXTS_MAX: usize = 16_384;
/// A longer text is cut before it is looked at; browsers send 100 to 250 characters.
pub const TEXT_BYTES_MAX: usize = 512;

/// The kind of device. The number is the place in arrays of counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Device {
    /// A computer, and what cannot be told.
    Desktop = 0,
    /// A phone.
    Mobile = 1,
    /// A tablet.
    Tablet = 2,
}

impl Device {
    /// All kinds in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Desktop, Self::Mobile, Self::Tablet];

    /// Its name in answers and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
        }
    }

    /// The kind with this number; `Desktop` for a number that is none.
    pub fn by_number(number: i64) -> Self {
        usize::try_from(number)
            .ok()
            .and_then(|at| Self::ALL.get(at).copied())
            .unwrap_or(Self::Desktop)
    }
}

/// What a user-agent text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Whether it is a machine: crawler, feed reader, monitor, script, headless browser.
    pub bot: bool,
    /// The kind of device.
    pub device: Device,
    /// The browser's name, empty if unknown.
    pub browser: String,
    /// The browser's version, empty if unknown.
    pub browser_version: String,
    /// The operating system, empty if unknown.
    pub os: String,
    /// Its version, empty if unknown.
    pub os_version: String,
}

/// Parses user-agent texts and remembers the answers.
pub struct Agents {
    parser: Parser,
    known: HashMap<Box<str>, Arc<Agent>, foldhash::fast::RandomState>,
}

impl Default for Agents {
    fn default() -> Self {
        Self { parser: Parser::new(), known: HashMap::default() }
    }
}

impl std::fmt::Debug for Agents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agents").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl Agents {
    /// What this text says.
    pub fn look_up(&mut self, text: &str) -> Arc<Agent> {
        let text = cut(text, TEXT_BYTES_MAX);
        if let Some(agent) = self.known.get(text) {
            return Arc::clone(agent);
        }
        if self.known.len() >= CACHE_TEXTS_MAX {
            self.known.clear();
        }
        let agent = Arc::new(parse(&self.parser, text));
        self.known.insert(text.into(), Arc::clone(&agent));
        agent
    }
}

/// The longest start of a text that has at most this many bytes and ends between characters.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max.min(text.len()))).unwrap_or_default()
}

fn parse(parser: &Parser, text: &str) -> Agent {
    let known = parser.parse(text).unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    let said = |word: &str| if word == "UNKNOWN" { String::new() } else { word.to_owned() };
    Agent {
        bot: known.category == "crawler" || machines::names_machine(&lower),
        device: device(known.category, &lower),
        browser: said(known.name),
        browser_version: said(known.version),
        os: said(known.os),
        os_version: said(&known.os_version),
    }
}

/// Tablets are told by their own marks: an iPad, and an Android that does not say `Mobile`.
fn device(category: &str, lower: &str) -> Device {
    let has = |word: &str| lower.contains(word);
    let android_tablet = has("android") && !has("mobile") && !has("tv");
    if has("ipad") || has("tablet") || has("kindle") || has("silk/") || android_tablet {
        return Device::Tablet;
    }
    match category {
        "smartphone" | "mobilephone" => Device::Mobile,
        _ if has("iphone") || has("mobile") => Device::Mobile,
        _ => Device::Desktop,
    }
}
