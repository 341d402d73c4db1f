//! Subscriptions by pattern. A pattern must match the whole name, as in Kafka, where RE2J judges it; the crate `regex`
//! has the same linear bound on time and nearly the same language.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};
use tidemill_wire::{ErrorCode, Text};

use super::topics::Topics;
use super::types::Refusal;

/// Bytes of a pattern: an alternation of a hundred long topic names.
const PATTERN_BYTES_MAX: usize = 32 << 10;
/// Bytes that a compiled pattern may take. Counted repetitions make a short pattern large.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Patterns of one group; each is matched against all topics when these change.
const PATTERNS_MAX: usize = 1_000;

/// The patterns of a group and the topics they have matched.
#[derive(Debug, Default)]
pub(crate) struct Regexes {
    patterns: BTreeMap<Text, Pattern>,
}

#[derive(Debug)]
struct Pattern {
    regex: Regex,
    topics: BTreeSet<Text>,
    /// The number of the picture that was matched.
    version: u64,
}

impl Regexes {
    /// Compiles a pattern unless it is known.
    ///
    /// # Errors
    /// It is not valid, too large, or there are too many.
    pub(crate) fn check(&self, pattern: &Text) -> Result<Option<Regex>, Refusal> {
        if self.patterns.contains_key(pattern) {
            return Ok(None);
        }
        let invalid = |why: String| Refusal::new(ErrorCode::InvalidRegularExpression, why);
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(invalid(format!(
                "SubscribedTopicRegex has more than {PATTERN_BYTES_MAX} bytes"
            )));
        }
        if self.patterns.len() >= PATTERNS_MAX {
            return Err(invalid(format!(
                "the group has {PATTERNS_MAX} regular expressions already"
            )));
        }
        let mut builder = RegexBuilder::new(&format!("^(?:{pattern})$"));
        // Compiled alone too, so that an unbalanced parenthesis does not close ours.
        let alone = RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).build();
        match alone.and_then(|_| builder.size_limit(COMPILED_BYTES_MAX).build()) {
            Ok(regex) => Ok(Some(regex)),
            Err(error) => {
                // The lines before the last point at the place in the pattern.
                let (text, what) = (error.to_string(), "is not a valid regular expression");
                let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                Err(invalid(format!("SubscribedTopicRegex `{pattern}` {what}: {why}")))
            }
        }
    }

    /// Takes in a pattern that was checked.
    pub(crate) fn add(&mut self, pattern: Text, regex: Regex) {
        let fresh = Pattern { regex, topics: BTreeSet::new(), version: 0 };
        self.patterns.insert(pattern, fresh);
    }

    /// Forgets what nobody wants.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&Text) -> bool) {
        self.patterns.retain(|pattern, _| wanted(pattern));
    }

    /// Matches what has not been matched against these topics.
    pub(crate) fn resolve(&mut self, topics: &Topics) {
        for pattern in self.patterns.values_mut() {
            if pattern.version != topics.version() {
                let matched = topics.names().filter(|name| pattern.regex.is_match(name));
                pattern.topics = matched.cloned().collect();
                pattern.version = topics.version();
            }
        }
    }

    /// The topics that a pattern has matched.
    pub(crate) fn topics(&self, pattern: &Text) -> impl Iterator<Item = &Text> {
        self.patterns.get(pattern).into_iter().flat_map(|pattern| &pattern.topics)
    }
}
