//! How a record is written out: kcat's format language, or JSON lines.
//!
//! A format is read once into pieces; a record then only walks over them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::records::View;

/// How the bytes of keys and values are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) base64_key: bool,
    pub(crate) base64_value: bool,
}

/// How records are written out.
#[derive(Debug, Clone)]
pub(crate) struct Format {
    /// Nothing for JSON lines.
    pieces: Option<Vec<Piece>>,
    encoding: Encoding,
    /// What is written for a key or value that is null.
    null: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Key,
    KeyLength,
    Value,
    ValueLength,
    /// The length of the value in four bytes, the highest first.
    ValueLengthBytes,
    Headers,
    HeaderCount,
}

impl Format {
    /// Reads a format.
    ///
    /// # Errors
    /// What is wrong with it, and what there is.
    pub(crate) fn parse(text: &str, encoding: Encoding, null: &str) -> Result<Self, String> {
        let pieces = Some(pieces(text)?);
        Ok(Self { pieces, encoding, null: null.as_bytes().to_vec() })
    }

    /// One JSON object a line.
    pub(crate) fn json(encoding: Encoding) -> Self {
        Self { pieces: None, encoding, null: Vec::new() }
    }

    /// Writes a record.
    pub(crate) fn write(&self, record: &View<'_>, out: &mut Vec<u8>) {
        let Some(pieces) = &self.pieces else {
            out.extend_from_slice(self.object(record).to_string().as_bytes());
            out.push(b'\n');
            return;
        };
        for piece in pieces {
            self.write_piece(piece, record, out);
        }
    }

    fn write_piece(&self, piece: &Piece, record: &View<'_>, out: &mut Vec<u8>) {
        let length =
            |bytes: Option<&[u8]>| bytes.map_or(-1, |b| i64::try_from(b.len()).unwrap_or(-1));
        match piece {
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Topic => out.extend_from_slice(record.topic.as_bytes()),
            Piece::Partition => number(i64::from(record.partition), out),
            Piece::Offset => number(record.offset, out),
            Piece::Timestamp => number(record.timestamp_ms, out),
            Piece::Key => self.bytes(record.key, self.encoding.base64_key, out),
            Piece::KeyLength => number(length(record.key), out),
            Piece::Value => self.bytes(record.value, self.encoding.base64_value, out),
            Piece::ValueLength => number(length(record.value), out),
            Piece::ValueLengthBytes => {
                let length = i32::try_from(length(record.value)).unwrap_or(i32::MAX);
                out.extend_from_slice(&length.to_be_bytes());
            }
            Piece::Headers => self.headers(record, out),
            Piece::HeaderCount => number(i64::try_from(record.headers.len()).unwrap_or(-1), out),
        }
    }

    fn bytes(&self, bytes: Option<&[u8]>, base64: bool, out: &mut Vec<u8>) {
        match bytes {
            None => out.extend_from_slice(&self.null),
            Some(bytes) if base64 => out.extend_from_slice(STANDARD.encode(bytes).as_bytes()),
            Some(bytes) => out.extend_from_slice(bytes),
        }
    }

    fn headers(&self, record: &View<'_>, out: &mut Vec<u8>) {
        for (at, (name, value)) in record.headers.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name);
            out.push(b'=');
            out.extend_from_slice(value.unwrap_or(&self.null));
        }
    }

    fn object(&self, record: &View<'_>) -> Value {
        let encode = |bytes: Option<&[u8]>, base64: bool| match bytes {
            None => Value::Null,
            Some(bytes) if base64 => json!(STANDARD.encode(bytes)),
            Some(bytes) => json!(String::from_utf8_lossy(bytes)),
        };
        let headers: Vec<Value> = record
            .headers
            .iter()
            .map(|(name, value)| json!([String::from_utf8_lossy(name), encode(*value, false)]))
            .collect();
        json!({
            "topic": record.topic, "partition": record.partition, "offset": record.offset,
            "timestamp_ms": record.timestamp_ms,
            "key": encode(record.key, self.encoding.base64_key),
            "value": encode(record.value, self.encoding.base64_value),
            "headers": headers,
        })
    }
}

fn number(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(number.to_string().as_bytes());
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let piece = match letter {
            '%' => token(letters.next())?,
            '\\' => Piece::Text(escape(&mut letters)?),
            other => Piece::Text(other.to_string().into_bytes()),
        };
        match (pieces.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(more)) => before.extend_from_slice(&more),
            (_, piece) => pieces.push(piece),
        }
    }
    Ok(pieces)
}

fn token(letter: Option<char>) -> Result<Piece, String> {
    Ok(match letter {
        Some('t') => Piece::Topic,
        Some('p') => Piece::Partition,
        Some('o') => Piece::Offset,
        Some('T') => Piece::Timestamp,
        Some('k') => Piece::Key,
        Some('K') => Piece::KeyLength,
        Some('s' | 'v') => Piece::Value,
        Some('S' | 'V') => Piece::ValueLength,
        Some('R') => Piece::ValueLengthBytes,
        Some('h') => Piece::Headers,
        Some('H') => Piece::HeaderCount,
        Some('%') => Piece::Text(b"%".to_vec()),
        Some(other) => {
            return Err(format!(
                "%{other} is not known; there are %t %p %o %T %k %K %s %S %R %h %H %%"
            ));
        }
        None => return Err("it ends in a single %; write %% for a percent sign".to_owned()),
    })
}

/// Reads what follows a backslash: `\n`, `\t`, `\r`, `\0`, `\\`, or `\xHH` for any byte.
pub(crate) fn escape(letters: &mut std::str::Chars<'_>) -> Result<Vec<u8>, String> {
    Ok(match letters.next() {
        Some('n') => vec![b'\n'],
        Some('t') => vec![b'\t'],
        Some('r') => vec![b'\r'],
        Some('0') => vec![0],
        Some('x') => {
            let digits: String = letters.by_ref().take(2).collect();
            let byte = u8::from_str_radix(&digits, 16);
            vec![byte.map_err(|_| format!("\\x{digits} is no byte; write two hexadecimal digits"))?]
        }
        Some(other) => other.to_string().into_bytes(),
        None => return Err("it ends in a single backslash; write \\\\ for one".to_owned()),
    })
}

/// A text in which backslashes stand for other bytes, as a delimiter is given.
///
/// # Errors
/// A backslash with nothing sensible after it.
pub(crate) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let (mut bytes, mut letters) = (Vec::new(), text.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => bytes.extend(escape(&mut letters)?),
            other => bytes.extend(other.to_string().bytes()),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
