//! From lines of input to records.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::error::CliError;
use crate::records::{Header, Outgoing};

/// A longer record is refused before it is gathered: nobody's broker takes one, and the input may never end.
const RECORD_BYTES_MAX: usize = 128 << 20;

/// How input is cut and read.
pub(crate) struct Lines {
    /// What stands between records; not empty.
    pub(crate) delimiter: Vec<u8>,
    /// What stands between key and value; not empty.
    pub(crate) key_delimiter: Option<Vec<u8>>,
    pub(crate) json: bool,
    pub(crate) base64_key: bool,
    pub(crate) base64_value: bool,
    /// What stands for null.
    pub(crate) null: Option<Vec<u8>>,
    /// What every record has unless its line says otherwise.
    pub(crate) template: Outgoing,
}

impl Lines {
    /// Gives each whole line of the buffer and leaves the rest in it; at the end of the input, the rest is a line too.
    ///
    /// # Errors
    /// What `each` says, or that a line has no end.
    pub(crate) fn split(
        &self,
        buffer: &mut Vec<u8>,
        is_last: bool,
        mut each: impl FnMut(&[u8]) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let mut start = 0;
        while let Some(at) = find(&buffer[start..], &self.delimiter) {
            each(&buffer[start..start + at])?;
            start += at + self.delimiter.len();
        }
        if is_last && start < buffer.len() {
            each(&buffer[start..])?;
            start = buffer.len();
        }
        buffer.drain(..start);
        if buffer.len() > RECORD_BYTES_MAX {
            let why = format!("it has more than {RECORD_BYTES_MAX} bytes");
            return Err(CliError::failed("a record of the input", why));
        }
        Ok(())
    }

    /// The record of a line.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub(crate) fn record(&self, line: &[u8]) -> Result<Outgoing, String> {
        if self.json {
            return self.object(line);
        }
        let mut record = self.template.clone();
        let mut value = line;
        if let Some(delimiter) = &self.key_delimiter
            && let Some(at) = find(line, delimiter)
        {
            record.key = self.field(&line[..at], self.base64_key, "key")?;
            value = &line[at + delimiter.len()..];
        }
        record.value = self.field(value, self.base64_value, "value")?;
        Ok(record)
    }

    fn field(&self, bytes: &[u8], base64: bool, name: &str) -> Result<Option<Vec<u8>>, String> {
        if self.null.as_deref() == Some(bytes) {
            return Ok(None);
        }
        if base64 { decode(bytes, name).map(Some) } else { Ok(Some(bytes.to_vec())) }
    }

    fn object(&self, line: &[u8]) -> Result<Outgoing, String> {
        let object: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let Value::Object(object) = object else { return Err("it is no JSON object".to_owned()) };
        let mut record = self.template.clone();
        let whole = |value: &Value, name: &str| {
            value.as_i64().ok_or_else(|| format!("`{name}` must be a whole number"))
        };
        for (name, value) in &object {
            match (name.as_str(), value) {
                ("key", _) => record.key = member(value, self.base64_key, "key")?,
                ("value", _) => record.value = member(value, self.base64_value, "value")?,
                ("headers", _) => record.headers = headers(value)?,
                ("partition", Value::Null) | ("timestamp_ms", Value::Null) => {}
                ("partition", _) => {
                    let partition = i32::try_from(whole(value, name)?);
                    let partition = partition.map_err(|_| "`partition` is too large".to_owned())?;
                    // The command line has the last word.
                    record.partition = self.template.partition.or(Some(partition));
                }
                ("timestamp_ms", _) => {
                    record.timestamp_ms = Some(whole(value, name)?).filter(|ms| *ms >= 0);
                }
                // `consume --json` tells where the record was.
                ("topic" | "offset", _) => {}
                (other, _) => {
                    return Err(format!(
                        "`{other}` is not known; there are key, value, headers, partition and timestamp_ms"
                    ));
                }
            }
        }
        Ok(record)
    }
}

/// A key or a value: text, null, or any other JSON, which then is the text.
fn member(value: &Value, base64: bool, name: &str) -> Result<Option<Vec<u8>>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if base64 => decode(text.as_bytes(), name).map(Some),
        Value::String(text) => Ok(Some(text.clone().into_bytes())),
        other => Ok(Some(other.to_string().into_bytes())),
    }
}

/// Pairs of name and value, or an object of them.
fn headers(value: &Value) -> Result<Vec<Header>, String> {
    let wrong = || "`headers` must be a list of [name, value], or an object".to_owned();
    let text = |value: &Value| match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone().into_bytes())),
        _ => Err(wrong()),
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Object(object) => {
            object.iter().map(|(name, value)| Ok((name.clone(), text(value)?))).collect()
        }
        Value::Array(pairs) => pairs
            .iter()
            .map(|pair| match pair.as_array().map(Vec::as_slice) {
                Some([Value::String(name), value]) => Ok((name.clone(), text(value)?)),
                _ => Err(wrong()),
            })
            .collect(),
        _ => Err(wrong()),
    }
}

fn decode(bytes: &[u8], name: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(bytes).map_err(|error| format!("the {name} is no base64: {error}"))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    match wanted {
        [byte] => bytes.iter().position(|other| other == byte),
        _ => bytes.windows(wanted.len()).position(|window| window == wanted),
    }
}

#[cfg(test)]
mod tests;
