//! Form encoding (`a=b&c=d`), read and written by hand.
//!
//! # Constraints
//!
//! * The pixel is the hot path: pairs are slices of the query, and a value is copied only if it
//!   holds an escape.
//! * Whatever a browser, a script or an attacker sends gives some text: a broken escape stays as it is, bytes that
//!   are not UTF-8 become U+FFFD. Nothing here fails.

use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// The pairs of a form in order, neither name nor value decoded. Empty pairs are left out; a pair
/// with no `=` has an empty value.
pub fn pairs(form: &str) -> impl Iterator<Item = (&str, &str)> {
    form.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        match memchr::memchr(b'=', pair.as_bytes()) {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, ""),
        }
    })
}

/// The first value with this name, decoded.
pub fn first<'a>(form: &'a str, name: &str) -> Option<Cow<'a, str>> {
    pairs(form).find(|(key, _)| *key == name).map(|(_, value)| decode(value))
}

/// Undoes the encoding of one name or value.
pub fn decode(text: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'%', b'+', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'+' => out.push(b' '),
            b'%' => match escape(bytes.get(at..at + 2)) {
                Some(decoded) => {
                    out.push(decoded);
                    at += 2;
                }
                None => out.push(b'%'),
            },
            other => out.push(other),
        }
    }
    Cow::Owned(match String::from_utf8(out) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// The byte that two hexadecimal digits stand for.
fn escape(digits: Option<&[u8]>) -> Option<u8> {
    match digits {
        Some([high, low]) => {
            let high = char::from(*high).to_digit(16)?;
            let low = char::from(*low).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()
        }
        _ => None,
    }
}

/// Adds `name=value` to a form, with a `&` before it if the form is not empty. The name is written
/// as it is.
pub fn push(form: &mut String, name: &str, value: &str) {
    if !form.is_empty() {
        form.push('&');
    }
    form.push_str(name);
    form.push('=');
    encode(form, value);
}

/// Adds the encoding of one value.
pub fn encode(form: &mut String, value: &str) {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for &byte in value.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' => {
                form.push(char::from(byte));
            }
            b' ' => form.push('+'),
            other => {
                form.push('%');
                form.push(HEX[usize::from(other >> 4)]);
                form.push(HEX[usize::from(other & 15)]);
            }
        }
    }
}
