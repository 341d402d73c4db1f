//! Writing values into an arena, and hashing them for fields groupings.
//!
//! The layout is told in [`crate::value`]. A value longer than `u32::MAX` bytes cannot be written; such
//! a field is written as null, because an emit cannot fail half-way through a fused chain. The
//! dynamic face refuses it before that (see `EmitError::TooLarge`).

use std::hash::{BuildHasher, Hasher};

use crate::value::{
    TAG_BYTES, TAG_F64, TAG_FALSE, TAG_I64, TAG_LIST, TAG_MAP, TAG_NULL, TAG_STR, TAG_TRUE, Value,
};

/// Where the fields of one tuple are written, one after the other.
pub struct TupleWriter<'a>(pub(crate) &'a mut Vec<u8>);

impl TupleWriter<'_> {
    /// Writes text.
    #[inline]
    pub fn text(&mut self, text: &str) {
        self.tagged(TAG_STR, text.as_bytes());
    }

    /// Writes bytes.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.tagged(TAG_BYTES, bytes);
    }

    /// Writes a whole number.
    #[inline]
    pub fn i64(&mut self, number: i64) {
        self.fixed(TAG_I64, number.to_le_bytes());
    }

    /// Writes a floating-point number.
    #[inline]
    pub fn f64(&mut self, number: f64) {
        self.fixed(TAG_F64, number.to_le_bytes());
    }

    /// Writes a truth value.
    #[inline]
    pub fn bool(&mut self, truth: bool) {
        self.0.push(if truth { TAG_TRUE } else { TAG_FALSE });
    }

    /// Writes any value.
    pub fn value(&mut self, value: Value<'_>) {
        match value {
            Value::Null => self.0.push(TAG_NULL),
            Value::Bool(truth) => self.bool(truth),
            Value::I64(number) => self.i64(number),
            Value::F64(number) => self.f64(number),
            Value::Str(text) => self.text(text),
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::List(list) => self.block(TAG_LIST, list.len(), |writer| {
                list.iter().for_each(|item| writer.value(item));
            }),
            Value::Map(map) => self.block(TAG_MAP, map.len(), |writer| {
                for (key, item) in map.iter() {
                    writer.key(key);
                    writer.value(item);
                }
            }),
        }
    }

    #[inline]
    fn tagged(&mut self, tag: u8, bytes: &[u8]) {
        let Ok(length) = u32::try_from(bytes.len()) else {
            self.0.push(TAG_NULL);
            return;
        };
        let [a, b, c, d] = length.to_le_bytes();
        self.0.reserve(5 + bytes.len());
        self.0.extend_from_slice(&[tag, a, b, c, d]);
        self.0.extend_from_slice(bytes);
    }

    #[inline]
    fn fixed(&mut self, tag: u8, payload: [u8; 8]) {
        let mut bytes = [tag; 9];
        bytes[1..].copy_from_slice(&payload);
        self.0.extend_from_slice(&bytes);
    }

    fn key(&mut self, key: &str) {
        let length = u32::try_from(key.len()).unwrap_or(0);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(if length == 0 { &[] } else { key.as_bytes() });
    }

    fn block(&mut self, tag: u8, count: usize, items: impl FnOnce(&mut TupleWriter<'_>)) {
        let start = self.0.len();
        self.0.push(tag);
        self.0.extend_from_slice(&[0; 4]);
        self.0.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        let first = self.0.len();
        items(&mut TupleWriter(self.0));
        match u32::try_from(self.0.len() - first) {
            Ok(length) => self.0[start + 1..start + 5].copy_from_slice(&length.to_le_bytes()),
            Err(_) => {
                self.0.truncate(start);
                self.0.push(TAG_NULL);
            }
        }
    }
}

/// An upper bound of the bytes that `value` takes when written.
pub(crate) fn encoded_len(value: Value<'_>) -> usize {
    match value {
        Value::Str(text) => 5 + text.len(),
        Value::Bytes(bytes) => 5 + bytes.len(),
        Value::List(list) => 9 + list.iter().map(encoded_len).sum::<usize>(),
        Value::Map(map) => {
            9 + map.iter().map(|(key, item)| 4 + key.len() + encoded_len(item)).sum::<usize>()
        }
        _ => 9,
    }
}

/// Hashes the fields that a fields grouping names. The same value gives the same hash through the typed
/// and the dynamic face, in every process of one build.
pub struct KeyHasher(foldhash::fast::FoldHasher<'static>);

/// Any fixed number: equal keys must meet in one task whichever task emits them.
const KEY_SEED: u64 = 0x7469_6465_6d69_6c6c;

impl KeyHasher {
    #[inline]
    pub(crate) fn new() -> Self {
        Self(foldhash::fast::FixedState::with_seed(KEY_SEED).build_hasher())
    }

    /// Adds bytes or text.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// Adds a number by its bits.
    #[inline]
    pub fn bits(&mut self, bits: u64) {
        self.0.write_u64(bits);
    }

    /// Adds any value.
    pub fn value(&mut self, value: Value<'_>) {
        match value {
            Value::Null => self.0.write_u8(0),
            Value::Bool(truth) => self.0.write_u8(1 + u8::from(truth)),
            Value::I64(number) => self.bits(number.cast_unsigned()),
            Value::F64(number) => self.bits(number.to_bits()),
            Value::Str(text) => self.bytes(text.as_bytes()),
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::List(list) => list.iter().for_each(|item| self.value(item)),
            Value::Map(map) => map.iter().for_each(|(key, item)| {
                self.bytes(key.as_bytes());
                self.value(item);
            }),
        }
    }

    #[inline]
    pub(crate) fn finish(self) -> u64 {
        self.0.finish()
    }
}
