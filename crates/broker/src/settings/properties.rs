//! Java's properties files: `name=value` lines with comments, escapes and continuation lines.
//!
//! The rules are those of `java.util.Properties.load`: `#` and `!` begin a comment; the name ends at the first
//! `=`, `:` or white space that is not escaped; a line that ends in an odd number of backslashes goes on in the
//! next; `\t`, `\n`, `\r`, `\f`, `\uXXXX` and a backslash before anything else stand for that. A name that comes
//! twice has its last value. The text is bounded, because a file is input too.

use thiserror::Error;

/// Bytes of a whole file: a thousand times Kafka's sample.
pub(crate) const TEXT_BYTES_MAX: usize = 1 << 20;
/// Entries of a file: thirty times the settings there are.
pub(crate) const ENTRIES_MAX: usize = 10_000;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Property {
    /// The line it begins in, from 1.
    pub(crate) line: usize,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Why a text is not read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PropertiesError {
    /// It is too long.
    #[error("the settings are {bytes} bytes long, at most {TEXT_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It has too many entries.
    #[error("line {line}: there are more than {ENTRIES_MAX} settings")]
    TooMany {
        /// The first line too many.
        line: usize,
    },
    /// `\u` is not followed by four hexadecimal digits.
    #[error("line {line}: \\u must be followed by four hexadecimal digits")]
    Escape {
        /// The line.
        line: usize,
    },
}

/// Reads all entries, in order.
///
/// # Errors
/// See [`PropertiesError`].
pub(crate) fn read(text: &str) -> Result<Vec<Property>, PropertiesError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(PropertiesError::TooLong { bytes: text.len() });
    }
    let mut properties = Vec::new();
    for (line, logical) in logical_lines(text) {
        if properties.len() == ENTRIES_MAX {
            return Err(PropertiesError::TooMany { line });
        }
        let (name, value) = split(&logical);
        let unescape = |text| unescape(text).ok_or(PropertiesError::Escape { line });
        properties.push(Property { line, name: unescape(name)?, value: unescape(value)? });
    }
    Ok(properties)
}

/// White space inside a line.
fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\u{c}')
}

/// Lines with their continuations, without comments and blank lines.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let unified = text.replace("\r\n", "\n");
    let mut lines = unified.split(['\n', '\r']).zip(1usize..);
    let mut logical = Vec::new();
    while let Some((natural, number)) = lines.next() {
        let natural = natural.trim_start_matches(is_blank);
        if natural.is_empty() || natural.starts_with(['#', '!']) {
            continue;
        }
        let mut whole = natural.to_owned();
        while is_continued(&whole) {
            whole.pop();
            let Some((next, _)) = lines.next() else { break };
            whole.push_str(next.trim_start_matches(is_blank));
        }
        if !whole.is_empty() {
            logical.push((number, whole));
        }
    }
    logical
}

/// Whether the last backslash is not itself escaped.
fn is_continued(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// Name and value of a line, both still escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let ends = |letter: char| {
        let end = !escaped && (is_blank(letter) || matches!(letter, '=' | ':'));
        escaped = letter == '\\' && !escaped;
        end
    };
    let at = line.find(ends).unwrap_or(line.len());
    let (name, rest) = line.split_at(at);
    let rest = rest.trim_start_matches(is_blank);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (name, value.trim_start_matches(is_blank))
}

/// `None` if a `\u` is wrong.
fn unescape(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return Some(text.to_owned());
    }
    // Java's letters are 16 bits: two escapes may make one character of ours.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\\' => match letters.next() {
                Some('u') => {
                    units.push(hexadecimal(&mut letters)?);
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some(other) => other,
                None => break,
            },
            other => other,
        };
        units.extend_from_slice(letter.encode_utf16(&mut [0; 2]));
    }
    Some(String::from_utf16_lossy(&units))
}

fn hexadecimal(letters: &mut std::str::Chars<'_>) -> Option<u16> {
    let mut unit = 0u16;
    for _ in 0..4 {
        let digit = letters.next()?.to_digit(16)?;
        unit = unit << 4 | u16::try_from(digit).ok()?;
    }
    Some(unit)
}

#[cfg(test)]
mod tests;
