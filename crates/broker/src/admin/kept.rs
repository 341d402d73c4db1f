//! What was changed through the admin requests and outlives the process: one small file, replaced whole.
//!
//! A line is one value: a kind and its fields with tabs between them, where a backslash, a tab and the ends of lines are
//! escaped. A file that cannot be understood is an error, never half believed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

use tidemill_world::Disk;

/// The name of the file in the log's folder.
const FILE: &str = "broker-settings";
/// Bytes of the file: what the bounds below add up to, and some more.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Values of all kinds together. Each change writes them all.
const VALUES_MAX: usize = 20_000;
/// Bytes of all texts together.
const TEXT_BYTES_MAX: usize = 8 << 20;
const HEAD: &str = "version: 0";

/// Names and values.
pub(crate) type Values = BTreeMap<String, String>;
/// What a quota is for: `user`, `client-id` or `ip`, each with a name or for all that have none of their own.
pub(crate) type Entity = BTreeMap<String, Option<String>>;

/// All that is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Kept {
    /// Broker settings for all brokers.
    pub(crate) cluster: Values,
    /// Broker settings for this one.
    pub(crate) node: Values,
    /// Settings of groups, by group.
    pub(crate) groups: BTreeMap<String, Values>,
    /// Quotas, by what they are for.
    pub(crate) quotas: BTreeMap<Entity, BTreeMap<String, f64>>,
}

impl Kept {
    /// Reads the file; nothing is kept if it is not there.
    ///
    /// # Errors
    /// The disk refused, or the file is not one of ours.
    pub(crate) fn load(disk: &dyn Disk, dir: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let path = dir.join(FILE);
        let bytes = match disk.read_all(&path, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err((path, error)),
        };
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "a line is not understood");
        let kept = String::from_utf8(bytes).ok().and_then(|text| Self::parse(&text));
        kept.ok_or_else(|| (path, malformed()))
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// The disk refused; the old or the new file is there.
    pub(crate) fn save(&self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        disk.replace(&dir.join(FILE), self.text().as_bytes())
    }

    /// Whether all of it is still within its bounds.
    pub(crate) fn fits(&self) -> bool {
        let groups = self.groups.values().map(BTreeMap::len).sum::<usize>();
        let quotas = self.quotas.values().map(BTreeMap::len).sum::<usize>();
        let values = self.cluster.len() + self.node.len() + groups + quotas;
        values <= VALUES_MAX && self.text().len() <= TEXT_BYTES_MAX
    }

    fn text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        let mut line = |fields: &[&str]| {
            let escaped: Vec<String> = fields.iter().map(|field| escape(field)).collect();
            let _ = writeln!(text, "{}", escaped.join("\t"));
        };
        self.cluster.iter().for_each(|(name, value)| line(&["cluster", name, value]));
        self.node.iter().for_each(|(name, value)| line(&["node", name, value]));
        for (group, values) in &self.groups {
            values.iter().for_each(|(name, value)| line(&["group", group, name, value]));
        }
        for (entity, values) in &self.quotas {
            for (key, value) in values {
                let value = value.to_string();
                let mut fields = vec!["quota", key, &value];
                for (kind, name) in entity {
                    fields.push(if name.is_some() { "of" } else { "default" });
                    fields.extend([kind.as_str(), name.as_deref().unwrap_or_default()]);
                }
                line(&fields);
            }
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != HEAD {
            return None;
        }
        let mut kept = Self::default();
        for line in lines {
            let fields: Option<Vec<String>> = line.split('\t').map(unescape).collect();
            let fields = fields?;
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            kept.take(&fields)?;
        }
        Some(kept)
    }

    fn take(&mut self, fields: &[&str]) -> Option<()> {
        let owned = |text: &&str| (*text).to_owned();
        match fields {
            ["cluster", name, value] => {
                self.cluster.insert(owned(name), owned(value));
            }
            ["node", name, value] => {
                self.node.insert(owned(name), owned(value));
            }
            ["group", group, name, value] => {
                self.groups.entry(owned(group)).or_default().insert(owned(name), owned(value));
            }
            ["quota", key, value, entity @ ..] => {
                let parts: Option<Entity> = entity
                    .chunks(3)
                    .map(|part| match part {
                        ["of", kind, name] => Some((owned(kind), Some(owned(name)))),
                        ["default", kind, ""] => Some((owned(kind), None)),
                        _ => None,
                    })
                    .collect();
                let values = self.quotas.entry(parts?).or_default();
                values.insert(owned(key), value.parse().ok()?);
            }
            _ => return None,
        }
        Some(())
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => escaped.push_str("\\\\"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next()? {
                '\\' => '\\',
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests;
